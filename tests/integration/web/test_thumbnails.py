"""Thumbnails: fetched once, from known hosts only, served from the cache, and only with the setting."""

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
from digest.web.assets import MAX_BYTES, MAX_FILES, ThumbnailCache
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import make_context
from tests.support.factories import listing, paper

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


class ImageHandler(BaseHTTPRequestHandler):
    """Host of images with all kinds of responses."""

    requested_paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requested_paths.append(self.path)
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
        """Log nothing."""


@pytest.fixture
def image_host() -> Iterator[str]:
    ImageHandler.requested_paths.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), ImageHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def open_app(
    store: Engine, image_host: str, *urls: str, thumbnails: bool = True
) -> tuple[AppContext, Browser, list[int]]:
    ctx = make_context(store, base_url="http://digest.test", huggingface_url=image_host, thumbnails=thumbnails)
    with write_session(store) as session:
        found = [paper(title=f"Robot {number}", thumbnail_url=url) for number, url in enumerate(urls)]
        session.add_all(found)
        session.flush()
        session.add_all(listing(row, list_day=TEST_TIME.date()) for row in found)
        numbers = [int(row.id or 0) for row in found]
    return ctx, Browser(create_app(ctx, clock=lambda: TEST_TIME + timedelta(hours=1), min_answer_seconds=0)), numbers


def test_a_thumbnail_is_fetched_once_and_served_from_the_cache(sqlite_store: Engine, image_host: str) -> None:
    ctx, browser, (number,) = open_app(sqlite_store, image_host, f"{image_host}/good.png")
    for page in ("/papers", f"/papers/{number}", "/papers?q=robot"):
        [shown] = [found for tag, found in ParsedPage(browser.get(page).text).tags if tag == "img"]
        assert (shown["src"], shown["alt"]) == (f"/papers/{number}/thumbnail", "")
    first, again = browser.get(f"/papers/{number}/thumbnail"), browser.get(f"/papers/{number}/thumbnail")
    assert (first.content, first.headers["content-type"]) == (PNG, "image/png")
    assert again.content == PNG
    assert "sandbox" in first.headers["content-security-policy"]
    assert ImageHandler.requested_paths == ["/good.png"]
    assert len(list((ctx.settings.data_directory / "thumbnails").iterdir())) == 1


def test_other_hosts_and_other_media_types_are_not_fetched(sqlite_store: Engine, image_host: str) -> None:
    port = image_host.rpartition(":")[2]
    foreign = (
        *(f"http://localhost:{port}/good.png", f"http://x@127.0.0.1:{port}/good.png", "file:///etc/passwd"),
        *(f"https://127.0.0.1:{port}/good.png", "http://169.254.169.254/latest", f"{image_host}.example.org/good.png"),
    )
    wrong = tuple(f"{image_host}/{name}.png" for name in ("svg", "large", "moved", "nothing"))
    _, browser, numbers = open_app(sqlite_store, image_host, *foreign, *wrong)
    for number in (*numbers, *numbers, 999):
        assert browser.get(f"/papers/{number}/thumbnail").status_code == 404
    assert sorted(ImageHandler.requested_paths) == ["/large.png", "/moved.png", "/nothing.png", "/svg.png"]


def test_without_the_setting_there_are_no_thumbnails(sqlite_store: Engine, image_host: str) -> None:
    _, browser, (number,) = open_app(sqlite_store, image_host, f"{image_host}/good.png", thumbnails=False)
    assert "<img" not in browser.get("/papers").text
    assert browser.get(f"/papers/{number}/thumbnail").status_code == 404
    assert ImageHandler.requested_paths == []


def test_the_folder_is_bounded(sqlite_store: Engine, image_host: str) -> None:
    ctx, _, _ = open_app(sqlite_store, image_host)
    folder = ctx.settings.data_directory / "thumbnails"
    folder.mkdir()
    for number in range(MAX_FILES + 5):
        (folder / str(number)).touch()
    assert ThumbnailCache(folder, [image_host]).get(f"{image_host}/good.png") == PNG
    assert len(list(folder.iterdir())) == MAX_FILES
