"""Pictures of papers: fetched once by us, from known hosts only, and served from here; none unless they are wanted."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import write_session
from digest.web import create_app
from digest.web.thumbnails import MAX_BYTES, MAX_FILES, ThumbnailCache
from tests.support.browser import AT, Browser, Seen
from tests.support.contexts import make_context
from tests.support.factories import listing, paper

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


class Host(BaseHTTPRequestHandler):
    """What a host of pictures may answer."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, body = {
            "/good.png": (200, PNG),
            "/svg.png": (200, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            "/large.png": (200, PNG + b"x" * MAX_BYTES),
            "/moved.png": (302, b""),
        }.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/good.png")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def host() -> Iterator[str]:
    Host.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def open_at(store: Engine, host: str, *urls: str, thumbnails: bool = True) -> tuple[AppContext, Browser, list[int]]:
    home = make_context(store, base_url="http://digest.test", huggingface_url=host, thumbnails=thumbnails)
    with write_session(store) as session:
        found = [paper(title=f"Robot {number}", thumbnail_url=url) for number, url in enumerate(urls)]
        session.add_all(found)
        session.flush()
        session.add_all(listing(each, list_day=AT.date()) for each in found)
        numbers = [int(each.id or 0) for each in found]
    return home, Browser(create_app(home, clock=lambda: AT + timedelta(hours=1), min_answer_seconds=0)), numbers


def test_a_picture_is_fetched_once_and_served_from_here(sqlite_store: Engine, host: str) -> None:
    home, browser, (number,) = open_at(sqlite_store, host, f"{host}/good.png")
    for page in ("/papers", f"/papers/{number}", "/papers?q=robot"):
        [shown] = [found for tag, found in Seen(browser.get(page).text).tags if tag == "img"]
        assert (shown["src"], shown["alt"]) == (f"/papers/{number}/thumbnail", "")
    first, again = browser.get(f"/papers/{number}/thumbnail"), browser.get(f"/papers/{number}/thumbnail")
    assert (first.content, first.headers["content-type"]) == (PNG, "image/png")
    assert again.content == PNG
    assert "sandbox" in first.headers["content-security-policy"]
    assert Host.asked == ["/good.png"]
    assert len(list((home.settings.data_directory / "thumbnails").iterdir())) == 1


def test_other_hosts_and_other_things_are_not_fetched(sqlite_store: Engine, host: str) -> None:
    port = host.rpartition(":")[2]
    foreign = (
        *(f"http://localhost:{port}/good.png", f"http://x@127.0.0.1:{port}/good.png", "file:///etc/passwd"),
        *(f"https://127.0.0.1:{port}/good.png", "http://169.254.169.254/latest", f"{host}.example.org/good.png"),
    )
    wrong = tuple(f"{host}/{name}.png" for name in ("svg", "large", "moved", "nothing"))
    _, browser, numbers = open_at(sqlite_store, host, *foreign, *wrong)
    for number in (*numbers, *numbers, 999):
        assert browser.get(f"/papers/{number}/thumbnail").status_code == 404
    assert sorted(Host.asked) == ["/large.png", "/moved.png", "/nothing.png", "/svg.png"]


def test_without_the_setting_there_are_none(sqlite_store: Engine, host: str) -> None:
    _, browser, (number,) = open_at(sqlite_store, host, f"{host}/good.png", thumbnails=False)
    assert "<img" not in browser.get("/papers").text
    assert browser.get(f"/papers/{number}/thumbnail").status_code == 404
    assert Host.asked == []


def test_the_folder_does_not_grow_without_end(sqlite_store: Engine, host: str) -> None:
    home, _, _ = open_at(sqlite_store, host)
    folder = home.settings.data_directory / "thumbnails"
    folder.mkdir()
    for number in range(MAX_FILES + 5):
        (folder / str(number)).touch()
    assert ThumbnailCache(folder, [host]).get(f"{host}/good.png") == PNG
    assert len(list(folder.iterdir())) == MAX_FILES
