"""Rows of pages: requests a second that one process serves to eight clients, against its own hello-world route.

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

from starlette.responses import PlainTextResponse

from digest.config import Settings
from digest.context import AppContext
from digest.database import connect, migrate
from digest.tokens import TokenSigner
from digest.web import create_app, create_server
from digest.web.rate_limit import FormLimits
from tests.benchmarks.harness import Result
from tests.benchmarks.population import NOW, add_papers, size
from tests.benchmarks.previews import keywords_by_subscriber
from tests.support.ports import free_port, listening

PAPERS = size("PAGES", 30_000)
CLIENTS, SECONDS, TURNS = 8, 2.0, 3
P99_LIMIT_SECONDS = 0.250  # of previews, while eight people type at once
UNLIMITED = FormLimits(subscribe=10**9, other=10**9, search=10**9, all_searches=10**9, token=10**9)


@dataclass(frozen=True)
class LoadResult:
    """Responses a second to one kind of request, and the seconds that 99 of 100 took at most."""

    rate: float
    p99: float


def subscribe_page_served() -> Result:
    """Serve the front page: at least 0.3 of hello-world."""
    results = measure_load()
    return Result(measured=results["page"].rate, baseline=results["hello"].rate, unit="requests/s", goal=0.3)


def previews_served() -> Result:
    """Serve live previews over thirty days of papers: at least 0.1 of hello-world."""
    results = measure_load()
    return Result(measured=results["preview"].rate, baseline=results["hello"].rate, unit="requests/s", goal=0.1)


def previews_p99() -> Result:
    """Time that 99 of 100 previews take at most, with eight clients that never pause."""
    p99 = measure_load()["preview"].p99
    return Result(measured=1000 * p99, baseline=1000 * P99_LIMIT_SECONDS, unit="ms", goal=1, less=True)


@cache
def measure_load() -> dict[str, LoadResult]:
    """Measure all three in turn, again and again; return the median turn of each."""
    with running_server() as port:
        bodies = [urlencode({"keywords": "\n".join(k.text for k in inputs)}) for inputs in keywords_by_subscriber()]
        requests = {
            "hello": [request("GET", "/hello")],
            "page": [request("GET", "/")],
            "preview": [request("POST", "/preview", body) for body in bodies],
        }
        results: dict[str, list[LoadResult]] = {name: [] for name in requests}
        asyncio.run(wait_for_previews(port, requests["preview"][0]))
        for kind in requests.values():
            asyncio.run(load(port, kind, SECONDS))
        for _ in range(TURNS):
            for name, kind in requests.items():
                results[name].append(asyncio.run(load(port, kind, SECONDS)))
    return {name: sorted(turns, key=lambda turn: turn.rate)[len(turns) // 2] for name, turns in results.items()}


@contextmanager
def running_server() -> Iterator[int]:
    """Run one process that serves as `digest serve` does; yield its port."""
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


async def wait_for_previews(port: int, preview: bytes) -> None:
    """Ask until a preview has papers: the first responses say that it is being made ready (202)."""
    async with asyncio.timeout(120):
        head = b""
        while not head.startswith(b"HTTP/1.1 200 "):
            stream, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(preview)
            head = await stream.readuntil(b"\r\n\r\n")
            writer.close()
            assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 202 ")), head
            await asyncio.sleep(0.5)


async def load(port: int, requests: Sequence[bytes], seconds: float) -> LoadResult:
    """Let eight clients ask, each on a connection of its own and again as soon as it is answered."""
    end, durations = time.perf_counter() + seconds, list[float]()

    async def client(number: int) -> None:
        stream, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < end:
            writer.write(requests[number % len(requests)])
            head = await stream.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await stream.readexactly(length)
            durations.append(time.perf_counter() - started)
            number += CLIENTS
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return LoadResult(len(durations) / seconds, sorted(durations)[int(len(durations) * 0.99)])


def request(method: str, path: str, body: str = "") -> bytes:
    form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: digest.test\r\n{form}\r\n{body}".encode()


def serve(url: str, port: int) -> None:
    engine = connect(url)
    settings = Settings(_env_file=None, database_url=url, base_url="http://digest.test")
    ctx = AppContext(settings, engine, TokenSigner(["a key for the benchmark"]))
    app = create_app(ctx, clock=lambda: NOW, limits=UNLIMITED)

    @app.get("/hello")
    async def hello() -> PlainTextResponse:
        return PlainTextResponse("hello, world")

    create_server(app, host="127.0.0.1", port=port, proxies=()).run()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
