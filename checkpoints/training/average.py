"""The average of the weights of two goes of a training: `python average.py FIRST SECOND OUT --share 0.3`.

FIRST, SECOND and OUT are folders; SHARE is the first one's. Weights along one training lie in one valley, and their
average is often better than the last of them (Izmailov et al. 2018).
"""

import argparse
from pathlib import Path

from safetensors.torch import load_file, save_file


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("first")
    p.add_argument("second")
    p.add_argument("out")
    p.add_argument("--share", type=float, required=True)
    a = p.parse_args()
    first, second = (load_file(Path(folder) / "model.safetensors") for folder in (a.first, a.second))
    mixed = {
        name: (a.share * first[name].float() + (1 - a.share) * tensor.float()).to(tensor.dtype)
        for name, tensor in second.items()
    }
    save_file(mixed, Path(a.out) / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
