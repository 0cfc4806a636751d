"""A host that answers what a test tells it to, with an ETag, and notes what it was asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class SourceStub:
    """`feed` is the body for /rss/..., `other` the one for everything else."""

    feed_body: str = ""
    other_body: str = ""
    url: str = ""
    conditional_requests: list[bool] = field(default_factory=list)  # for each request to the feed: was it conditional?


class _Handler(BaseHTTPRequestHandler):
    answers: SourceStub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - the library's name
        """Tests have their own words."""

    def do_GET(self) -> None:
        known = self.headers.get("If-None-Match")
        body = (self.answers.feed_body if self.path.startswith("/rss/") else self.answers.other_body).encode()
        if self.path.startswith("/rss/"):
            self.answers.conditional_requests.append(known is not None)
        tag = f'"{sha256(body).hexdigest()[:12]}"'
        self.send_response(304 if known == tag else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", "0" if known == tag else str(len(body)))
        self.end_headers()
        if known != tag:
            self.wfile.write(body)


@contextmanager
def serve_source() -> Iterator[SourceStub]:
    """The host on loopback, in a thread of its own."""
    answers = SourceStub()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"answers": answers})) as server:
        answers.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield answers
        server.shutdown()
        thread.join(10)
