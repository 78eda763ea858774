"""Holds a search of two shards to that of one index: `python check_search.py PICTURES`.

PICTURES is a folder. Makes an index of each half and one of all, serves the halves, has Ray Serve search them as one, and
compares paths and scores of some queries, page by page; then ends a shard, which must become an error. Ends with 1 where
something differs. webgpu-vision is called by $WEBGPU_VISION_COMMAND ("npx webgpu-vision" when absent).
"""

import argparse
import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile

import httpx
import ray
from ray import serve

from webgpu_vision_scale.search_shards import SearchShards

COMMAND = shlex.split(os.environ.get("WEBGPU_VISION_COMMAND", "npx webgpu-vision"))
QUERIES = [
    {"text": "a photo of a cat"},
    {"text": "something red", "top": 7, "page": 3},
    {"text": "a ship", "minus": ["a cat"], "top": 25},
    {"text": "a dog", "where": "width >= 300", "page": 2},
]
PORT = 8123


def run(*arguments: str) -> None:
    subprocess.run([*COMMAND, *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def start_server(index: str) -> tuple[subprocess.Popen, str]:
    options = ["--index", f"photos={index}", "--port", "0", "--json"]  # with the models that ship
    process = subprocess.Popen([*COMMAND, "serve", *options], stdout=subprocess.PIPE)
    return process, json.loads(process.stdout.readline())["address"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    a = parser.parse_args()
    paths = sorted(os.path.abspath(path) for path in glob.glob(os.path.join(a.pictures, "*.*")))
    servers = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            addresses = []
            for name, part in (("all", paths), ("even", paths[::2]), ("odd", paths[1::2])):
                manifest, index = os.path.join(folder, f"{name}.txt"), os.path.join(folder, f"{name}.index")
                with open(manifest, "w") as file:
                    file.write("\n".join(part))
                run("index", manifest, "--out", index)
                process, address = start_server(index)
                servers.append(process)
                addresses.append(address)
            ray.init("local", num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1")
            serve.start(http_options={"host": "127.0.0.1", "port": PORT})
            serve.run(SearchShards.bind(addresses[1:], None), name="search", route_prefix="/")
            return compare(addresses[0], servers)
        finally:
            if ray.is_initialized():
                serve.shutdown()
            for process in servers:
                process.terminate()
                process.wait()


def compare(whole: str, servers: list[subprocess.Popen]) -> int:
    wrong = 0
    shards = f"http://127.0.0.1:{PORT}"
    for query in QUERIES:
        one, both = (httpx.post(f"{address}/v1/search", json=query, timeout=60).json() for address in (whole, shards))
        found = [[(row["path"], round(row["score"], 5)) for row in answer["results"]] for answer in (one, both)]
        # Pictures of equal scores come in any order.
        same = sorted(found[0]) == sorted(found[1]) and one["pictures"] == both["pictures"]
        wrong += not same
        result = "the same" if same else "NOT the same"
        print(f"{json.dumps(query)}: {len(found[1])} of {both['pictures']} pictures, {result}", flush=True)
    servers[2].terminate()
    servers[2].wait()
    answer = httpx.post(f"{shards}/v1/search", json=QUERIES[0], timeout=60)
    print(f"a shard less: {answer.status_code}, {answer.json()['error']['message']}")
    wrong += answer.status_code != 503
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
