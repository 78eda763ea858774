"""Precision at 10 of tiny-clip's searches by colour and class, as the card has it, through an index and its search.

    python search_clip.py --cifar DIR --index INDEX

CIFAR as for train_clip.py. Indexes the test pictures with `webgpu-vision index`, serves the index, and asks /v1/search
for "a photo of a {colour} {class}." of all pairs with 10 or more right answers. $WEBGPU_VISION_COMMAND says how
webgpu-vision is called ("npx webgpu-vision" when absent).
"""

import argparse
import json
import os
import shlex
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import recipe
from recipe import CLASSES
from train_clip import COLOURS, facts

COMMAND = shlex.split(os.environ.get("WEBGPU_VISION_COMMAND", "npx webgpu-vision"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cifar", required=True)
    p.add_argument("--index", required=True)
    p.add_argument("--cache", default=".cache")
    a = p.parse_args()
    subprocess.run([*COMMAND, "index", str(Path(a.cifar) / "test"), "--out", a.index], check=True)
    images, labels = recipe.load_cifar(a.cifar, "test", a.cache)
    names = [str(file.resolve()) for c in CLASSES for file in sorted((Path(a.cifar) / "test" / c).glob("*.jpg"))]
    of = dict(zip(names, map(tuple, facts(images, labels)[:, :2].tolist())))  # class, colour or -1
    serve = [*COMMAND, "serve", "--index", f"cifar={a.index}", "--port", "0", "--json"]
    server = subprocess.Popen(serve, stdout=subprocess.PIPE)
    try:
        address = json.loads(server.stdout.readline())["address"]
        precisions = []
        for c, name in enumerate(CLASSES):
            for o, colour in enumerate(COLOURS):
                if list(of.values()).count((c, o)) < 10:
                    continue
                found = search(address, f"a photo of a {colour} {name}.")
                precisions.append(sum(of[row["path"]] == (c, o) for row in found) / 10)
        print(f"{len(names)} pictures, {len(precisions)} searches: precision at 10 is {mean(precisions):.2f} %")
    finally:
        server.terminate()
        server.wait()


def search(address, text):
    body = json.dumps({"text": text, "top": 10, "exact": True}).encode()
    request = Request(f"{address}/v1/search", body, {"content-type": "application/json"})
    with urlopen(request) as response:
        return json.load(response)["results"]


def mean(values):
    return 100 * sum(values) / len(values)


if __name__ == "__main__":
    main()
