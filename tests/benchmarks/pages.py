"""The rows of pages: how many a second one process serves to eight clients at once, against its own hello-world route.

python -m tests.benchmarks.pages URL PORT    serves the store at URL, with a route /hello beside the pages
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

import uvicorn
from starlette.responses import PlainTextResponse

from digest.config import Settings
from digest.context import AppContext
from digest.database import connect, migrate
from digest.tokens import TokenSigner
from digest.web import create_app, server_of
from digest.web.rate_limit import FormLimits
from tests.benchmarks.crowd import NOW, add_papers, size
from tests.benchmarks.harness import Result
from tests.benchmarks.month import wishes
from tests.support.ports import free_port, listening

PAPERS = size("PAGES", 30_000)
CLIENTS, SECONDS, TURNS = 8, 2.0, 3
SLOWEST = 0.250  # seconds: 99 of 100 previews are sooner there, while eight people type at once
PLENTY = FormLimits(subscribe=10**9, other=10**9, search=10**9, all_searches=10**9, all_forms=10**9)


@dataclass(frozen=True)
class Load:
    """What one kind of request came to: answers a second, and the seconds that 99 of 100 took at most."""

    rate: float
    p99: float


def subscribe_page_served() -> Result:
    """The front page against hello-world, in turns: at least 0.3 of it."""
    found = measured()
    return Result(measured=found["page"].rate, baseline=found["hello"].rate, unit="requests/s", goal=0.3)


def previews_served() -> Result:
    """Live previews over thirty days of papers against hello-world, in turns: at least 0.1 of it."""
    found = measured()
    return Result(measured=found["preview"].rate, baseline=found["hello"].rate, unit="requests/s", goal=0.1)


def previews_p99() -> Result:
    """How long 99 of 100 previews take at most, with eight clients that never pause."""
    slow = measured()["preview"].p99
    return Result(measured=1000 * slow, baseline=1000 * SLOWEST, unit="ms", goal=1, less=True)


@cache
def measured() -> dict[str, Load]:
    """All three in one run: each in its turn, again and again, and the median turn of each."""
    with running() as port:
        bodies = [urlencode({"keywords": "\n".join(each.text for each in wish)}) for wish in wishes()]
        asked = {
            "hello": [request("GET", "/hello")],
            "page": [request("GET", "/")],
            "preview": [request("POST", "/preview", each) for each in bodies],
        }
        taken: dict[str, list[Load]] = {name: [] for name in asked}
        asyncio.run(warmed(port, asked["preview"][0]))
        for each in asked.values():
            asyncio.run(load(port, each, SECONDS))
        for _ in range(TURNS):
            for name, each in asked.items():
                taken[name].append(asyncio.run(load(port, each, SECONDS)))
    return {name: sorted(turns, key=lambda turn: turn.rate)[len(turns) // 2] for name, turns in taken.items()}


@contextmanager
def running() -> Iterator[int]:
    """One process that serves, as `digest serve` does; the port."""
    with tempfile.TemporaryDirectory() as folder:
        url, port = f"sqlite:///{folder}/digest.db", free_port()
        engine = connect(url)
        migrate(engine)
        add_papers(engine, PAPERS, NOW)
        engine.dispose()
        process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.pages", url, str(port)])
        try:
            listening(port, seconds=60)
            yield port
        finally:
            process.terminate()
            process.wait()


async def warmed(port: int, preview: bytes) -> None:
    """Until a preview is answered with papers: the first ones say that they are being made ready (202)."""
    async with asyncio.timeout(120):
        head = b""
        while not head.startswith(b"HTTP/1.1 200 "):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(preview)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 202 ")), head
            await asyncio.sleep(0.5)


async def load(port: int, requests: Sequence[bytes], seconds: float) -> Load:
    """Eight clients, each on a line of its own, asking again as soon as they are answered."""
    ends, taken = time.perf_counter() + seconds, list[float]()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < ends:
            writer.write(requests[number % len(requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            taken.append(time.perf_counter() - began)
            number += CLIENTS
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return Load(len(taken) / seconds, sorted(taken)[int(len(taken) * 0.99)])


def request(method: str, path: str, body: str = "") -> bytes:
    sent = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: digest.test\r\n{sent}\r\n{body}".encode()


def serve(url: str, port: int) -> None:
    engine = connect(url)
    settings = Settings(_env_file=None, database_url=url, base_url="http://digest.test")
    app = create_app(
        AppContext(settings, engine, TokenSigner(["a key for the bench"])), clock=lambda: NOW, limits=PLENTY
    )

    @app.get("/hello")
    async def hello() -> PlainTextResponse:
        return PlainTextResponse("hello, world")

    uvicorn.Server(server_of(app, host="127.0.0.1", port=port, proxies=())).run()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
