"""What Python's safetensors says of files that come on stdin, each after its length (8 bytes, little-endian).

Prints JSON: the library's version, and a character for each file: "1" where it reads it, "0" where it refuses it, by
either of its two readers, of bytes and of a file. `node scripts/safetensorsPython.mjs` runs it.
"""

import json
import struct
import sys
import tempfile

import safetensors

verdicts = []
with tempfile.NamedTemporaryFile() as file:
    while length := sys.stdin.buffer.read(8):
        content = sys.stdin.buffer.read(struct.unpack("<Q", length)[0])
        file.seek(0)
        file.truncate()
        file.write(content)
        file.flush()
        try:
            safetensors.deserialize(content)
            with safetensors.safe_open(file.name, framework="numpy") as opened:
                opened.keys()
            verdicts.append("1")
        except safetensors.SafetensorError:
            verdicts.append("0")

print(json.dumps({"safetensors": safetensors.__version__, "verdicts": "".join(verdicts)}))
