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
from pathlib import Path
from urllib.parse import urlencode

from starlette.responses import PlainTextResponse

from digest.config import Settings
from digest.context import AppContext
from digest.database import connect, migrate
from digest.tokens import TokenSigner
from digest.web import create_app, create_server
from digest.web.rate_limit import FormLimits
from tests.benchmarks.harness import Result
from tests.benchmarks.population import NOW, add_papers, keywords, size
from tests.support.ports import free_port, listening

PAPERS = size("PAGES", 20_000)
CLIENTS, SECONDS, TURNS = 8, 2.0, 3
P99_LIMIT_SECONDS = 0.250  # of previews, while eight people type at once
FIRST_PREVIEW_SECONDS = 1.0  # of the first preview after a start, when no index is loaded
MEMORY_LIMIT_BYTES = 250_000_000
UNLIMITED = FormLimits(subscribe=10**9, other=10**9, search=10**9, all_searches=10**9, token=10**9)


@dataclass(frozen=True)
class LoadResult:
    """Responses a second to one kind of request, and the seconds that 99 of 100 took at most."""

    rate: float
    p99: float


def subscribe_page_served() -> Result:
    """Serve the front page: at least 0.3 of hello-world."""
    results = measure_load().results
    return Result(measured=results["page"].rate, baseline=results["hello"].rate, unit="requests/s", goal=0.3)


def previews_served() -> Result:
    """Serve live previews of keywords never seen, over thirty days of papers: at least 0.1 of hello-world."""
    results = measure_load().results
    return Result(measured=results["preview"].rate, baseline=results["hello"].rate, unit="requests/s", goal=0.1)


def previews_p99() -> Result:
    """Time that 99 of 100 previews take at most, with eight clients that never pause."""
    p99 = measure_load().results["preview"].p99
    return Result(measured=1000 * p99, baseline=1000 * P99_LIMIT_SECONDS, unit="ms", goal=1, less=True)


def first_preview() -> Result:
    """Time of the first preview after a start, which the store answers; against the second that people wait for."""
    return Result(
        measured=measure_load().first_preview_seconds, baseline=FIRST_PREVIEW_SECONDS, unit="s", goal=1, less=True
    )


def serving_memory() -> Result:
    """Peak memory of the process that served all this, with its index of recent papers."""
    measured = measure_load().peak_bytes / 1_000_000
    return Result(measured=measured, baseline=MEMORY_LIMIT_BYTES / 1_000_000, unit="MB", goal=1, less=True)


@dataclass(frozen=True)
class Measurements:
    """Median turn of each kind of request, the first preview, and the memory of the server at the end."""

    results: dict[str, LoadResult]
    first_preview_seconds: float
    peak_bytes: int


@cache
def measure_load() -> Measurements:
    """Measure all kinds in turn, again and again."""
    with running_server() as (port, process):
        bodies = [urlencode({"keywords": line}) for line in keywords()]
        previews = [request("POST", "/preview", body) for body in bodies]
        requests = {"hello": [request("GET", "/hello")], "page": [request("GET", "/")]}
        results: dict[str, list[LoadResult]] = {name: [] for name in (*requests, "preview")}
        started = time.perf_counter()
        asyncio.run(load(port, previews[:1], 0.1, clients=1))
        first_preview_seconds = time.perf_counter() - started
        asyncio.run(load(port, [request("GET", "/loaded")], 0.1, clients=1))  # waits for the index
        for kind in requests.values():
            asyncio.run(load(port, kind, SECONDS))
        for _ in range(TURNS):
            for name, kind in requests.items():
                results[name].append(asyncio.run(load(port, kind, SECONDS)))
            # No turn asks for what an earlier one has asked for.
            result = asyncio.run(load(port, previews, SECONDS))
            results["preview"].append(result)
            previews = previews[int(result.rate * SECONDS) + 2 * CLIENTS :]
        peak_bytes = peak_of(process.pid)
    medians = {name: sorted(turns, key=lambda turn: turn.rate)[len(turns) // 2] for name, turns in results.items()}
    return Measurements(medians, first_preview_seconds, peak_bytes)


def peak_of(pid: int) -> int:
    """Return the most memory that a process had so far."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@contextmanager
def running_server() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run one process that serves as `digest serve` does; yield its port and the process."""
    with tempfile.TemporaryDirectory() as folder:
        url, port = f"sqlite:///{folder}/digest.db", free_port()
        engine = connect(url)
        migrate(engine)
        add_papers(engine, PAPERS, NOW)
        engine.dispose()
        process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.pages", url, str(port)])
        try:
            listening(port, seconds=60)
            yield port, process
        finally:
            process.terminate()
            process.wait()


async def load(port: int, requests: Sequence[bytes], seconds: float, clients: int = CLIENTS) -> LoadResult:
    """Let clients ask, each on a connection of its own and again as soon as it is answered."""
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
            number += clients
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
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

    @app.get("/loaded")
    def loaded() -> PlainTextResponse:
        # The first preview has it loaded in the background; a second load would slow down what is measured next.
        while not app.state.web.are_caches_filled:
            app.state.web.fill_caches()
            time.sleep(0.1)
        return PlainTextResponse("loaded")

    create_server(app, host="127.0.0.1", port=port, proxies=()).run()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
