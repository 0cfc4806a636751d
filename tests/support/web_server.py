"""The web application behind the real server, on a loopback port, in a thread."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import uvicorn

from digest.context import AppContext
from digest.web import create_app, create_server
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME


@contextmanager
def run_web_server(
    ctx: AppContext,
    *,
    clock: Callable[[], datetime] = lambda: TEST_TIME,
    limits: FormLimits | None = None,
    min_answer_seconds: float = 0,
    proxies: tuple[str, ...] = ("127.0.0.1",),
    port: int = 0,
) -> Iterator[int]:
    """Yield the port (0: any free one) of a running web server."""
    app = create_app(ctx, clock=clock, limits=limits, min_answer_seconds=min_answer_seconds)
    with run_server(create_server(app, host="127.0.0.1", port=port, proxies=proxies)) as chosen:
        yield chosen


@contextmanager
def run_server(server: uvicorn.Server) -> Iterator[int]:
    """Run a server in a thread and yield its port."""
    server.config.lifespan, server.config.timeout_graceful_shutdown = "off", 2
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


def send_request(
    port: int, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send one request on a connection of its own and return the response with its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()
