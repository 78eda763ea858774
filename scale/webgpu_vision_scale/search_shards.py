"""Searches several indexes as one: `webgpu-vision-search-shards ADDRESS ADDRESS ...`.

Each address is a `webgpu-vision serve --index` of a part of the pictures, made with the same model. A request for
/v1/search goes to all of them at once, and what they find is merged by score; Ray Serve runs as many copies of this as
are asked for, on whichever machines of the cluster, and starts those again that go away. Requests and answers are those
of one server (docs/serve.md), in JSON. A shard that does not answer makes the answer an error: a part of the results
would look like all of them.
"""

import argparse
import asyncio
import os
from urllib.parse import urlparse

import httpx
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

SECONDS = 60


def failure(status: int, message: str) -> JSONResponse:
    error = {"message": message, "type": "shard_error", "code": None, "param": None}
    return JSONResponse({"error": error}, status_code=status)


def merged(answers: list[dict], top: int, page: int) -> dict:
    """One answer of several, each of which has the first `page` pages of its own."""
    rows = [row for answer in answers for row in answer["results"]]
    rows.sort(key=lambda row: -row["score"])  # stable: of equals the shard that was named first
    pictures = sum(answer["pictures"] for answer in answers)
    return {**answers[0], "pictures": pictures, "page": page, "results": rows[(page - 1) * top : page * top]}


@serve.deployment
class SearchShards:
    def __init__(self, addresses: list[str], token: str | None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.addresses = addresses
        self.client = httpx.AsyncClient(timeout=SECONDS, headers=headers)

    async def __call__(self, request: Request):
        if request.url.path != "/v1/search" or request.method != "POST":
            return failure(404, "there is POST /v1/search alone")
        try:
            body = await request.json()
            top, page = int(body.get("top", 10)), int(body.get("page", 1))
        except (ValueError, TypeError, AttributeError):
            return failure(400, "expected an object in JSON, with numbers for top and page")
        if not (1 <= top * page <= 1000):
            return failure(400, f"top is {top} and page {page}: shards find the best 1000, no more")
        asked = [self.ask(address, {**body, "top": top * page, "page": 1}) for address in self.addresses]
        answers = await asyncio.gather(*asked)
        for answer in answers:
            if answer.status_code != 200:
                return JSONResponse(answer.json(), status_code=answer.status_code)
        found = [answer.json() for answer in answers]
        if len({one["model"] for one in found}) > 1:
            return failure(500, f"the shards have different models: {[one['model'] for one in found]}")
        return merged(found, top, page)

    async def ask(self, address: str, body: dict):
        try:
            return await self.client.post(f"{address}/v1/search", json=body)
        except httpx.HTTPError as error:
            status = 504 if isinstance(error, httpx.TimeoutException) else 503
            message = f"the shard {address} does not answer: {type(error).__name__}"
            return httpx.Response(status, json={"error": {"message": message, "type": "shard_error"}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("addresses", nargs="+", help="as http://10.0.0.5:8080")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--copies", type=int, default=1, help="on as many machines as there are")
    a = parser.parse_args()
    for address in a.addresses:
        if urlparse(address).scheme not in ("http", "https"):
            parser.error(f"{address} is no address, expected one as http://10.0.0.5:8080")
    addresses = [address.rstrip("/") for address in a.addresses]
    serve.start(http_options={"host": a.host, "port": a.port})
    token = os.environ.get("WEBGPU_VISION_TOKEN")
    app = SearchShards.options(num_replicas=a.copies).bind(addresses, token)
    serve.run(app, name="search", route_prefix="/", blocking=True)


if __name__ == "__main__":
    main()
