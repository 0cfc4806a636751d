"""Host that answers as a test says, with an ETag, and records conditional requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class SourceStub:
    """Answers of the host: `feed_body` for /rss/..., `other_body` for everything else."""

    feed_body: str = ""
    other_body: str = ""
    url: str = ""
    conditional_requests: list[bool] = field(default_factory=list)  # for each request to the feed: was it conditional?


class _Handler(BaseHTTPRequestHandler):
    stub: SourceStub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  - the library's name
        """Log nothing."""

    def do_GET(self) -> None:
        etag = self.headers.get("If-None-Match")
        body = (self.stub.feed_body if self.path.startswith("/rss/") else self.stub.other_body).encode()
        if self.path.startswith("/rss/"):
            self.stub.conditional_requests.append(etag is not None)
        current_etag = f'"{sha256(body).hexdigest()[:12]}"'
        self.send_response(304 if etag == current_etag else 200)
        self.send_header("ETag", current_etag)
        self.send_header("Content-Length", "0" if etag == current_etag else str(len(body)))
        self.end_headers()
        if etag != current_etag:
            self.wfile.write(body)


@contextmanager
def serve_source() -> Iterator[SourceStub]:
    """Run the host on loopback, in its own thread."""
    stub = SourceStub()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": stub})) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield stub
        server.shutdown()
        thread.join(10)
