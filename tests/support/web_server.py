"""The pages behind the real server, on a port of loopback, in a thread."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import uvicorn

from digest.context import AppContext
from digest.web import create_app, server_of
from digest.web.rate_limit import FormLimits
from tests.support.browser import AT


@contextmanager
def served(
    home: AppContext,
    *,
    clock: Callable[[], datetime] = lambda: AT,
    pace: FormLimits | None = None,
    answer_takes: float = 0,
    proxies: tuple[str, ...] = ("127.0.0.1",),
    port: int = 0,
) -> Iterator[int]:
    """The port (0: any), until the block ends."""
    app = create_app(home, clock=clock, limits=pace, min_answer_seconds=answer_takes)
    with listening(server_of(app, host="127.0.0.1", port=port, proxies=proxies)) as found:
        yield found


@contextmanager
def listening(config: uvicorn.Config) -> Iterator[int]:
    config.lifespan, config.timeout_graceful_shutdown = "off", 2
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def ask(
    port: int, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request on a line of its own, and its whole answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request(method, path, body, dict(headers or {}))
        answer = line.getresponse()
        return answer, answer.read()
    finally:
        line.close()
