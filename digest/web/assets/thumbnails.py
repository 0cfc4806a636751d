"""Thumbnails of papers, if a listing has one and the operator wants them (DIGEST_THUMBNAILS).

Browsers never fetch them from another host: that would tell the host who reads what. We fetch each once, only from
the hosts that a listing uses, and serve it from a folder.
"""

import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from threading import BoundedSemaphore
from urllib.parse import urlsplit

import httpx

from digest import __version__
from digest.context import AppContext
from digest.formatting import safe_url
from digest.sources import HuggingFaceSource, read_settings_of

THUMBNAIL_HOSTS = ("https://cdn-thumbnails.huggingface.co",)
MAX_BYTES = 2**20  # of one thumbnail
MAX_FILES = 400  # the oldest ones are deleted
MAX_CONCURRENT = 4
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
RETRY_SECONDS = 600.0  # after a failed download
SLOT_TIMEOUT = 8.0  # seconds that a request waits for others: a page asks for all of its thumbnails together
HOST_PAUSE = 60.0  # seconds without requests to a host that does not answer
MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
THUMBNAIL_HEADERS = {"Cache-Control": "public, max-age=86400", "Content-Security-Policy": "default-src 'none'; sandbox"}


class ThumbnailCache:
    """Thumbnails in a folder, downloaded on first use. Thread-safe. `origins`: scheme and host that may be asked."""

    def __init__(self, folder: Path, origins: Iterable[str]) -> None:
        self._folder, self._origins = folder, frozenset(origins)
        self._slots = BoundedSemaphore(MAX_CONCURRENT)
        self._retry_at: dict[str, float] = {}  # by URL, and by origin for hosts that do not answer

    def get(self, url: str) -> bytes | None:
        """Return the image at this URL; None if it is not allowed or not available."""
        file = self._folder / hashlib.sha256(url.encode()).hexdigest()[:32]
        if file.is_file():
            return file.read_bytes()
        is_allowed = safe_url(url) == url and _origin(url) in self._origins
        if not is_allowed or not self._slots.acquire(timeout=SLOT_TIMEOUT):
            return None
        try:  # perhaps another request for it was faster
            return file.read_bytes() if file.is_file() else self._download(url, file)
        finally:
            self._slots.release()

    def _download(self, url: str, file: Path) -> bytes | None:
        origin = _origin(url)
        if max(self._retry_at.get(url, 0), self._retry_at.get(origin, 0)) > time.monotonic():
            return None
        try:
            image = download_image(url)
        except httpx.TransportError:
            self._delay(origin, HOST_PAUSE)
            return None
        if image is None:
            self._delay(url, RETRY_SECONDS)
        else:
            self._store(file, image)
        return image

    def _delay(self, key: str, seconds: float) -> None:
        if len(self._retry_at) >= MAX_FILES:
            self._retry_at.clear()
        self._retry_at[key] = time.monotonic() + seconds

    def _store(self, file: Path, image: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        oldest_first = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in oldest_first[: max(0, len(oldest_first) - MAX_FILES + 1)]:
            path.unlink(missing_ok=True)
        partial = file.with_suffix(".part")
        partial.write_bytes(image)
        partial.replace(file)


def download_image(url: str) -> bytes | None:
    """Download an image of a known type and size; None otherwise. Redirects are not followed.

    Raises httpx.TransportError if the host does not answer.
    """
    image = bytearray()
    user_agent = {"User-Agent": f"digest/{__version__}"}
    with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=False, headers=user_agent) as response:
        if response.status_code != httpx.codes.OK:
            return None
        try:
            for chunk in response.iter_bytes():
                image += chunk
                if len(image) > MAX_BYTES:
                    return None
        except httpx.DecodingError:
            return None
    return bytes(image) if image_media_type(bytes(image)) else None


def image_media_type(image: bytes) -> str:
    """Return the media type by the first bytes; empty for all else (SVG can contain scripts)."""
    return next((media_type for prefix, media_type in MEDIA_TYPES.items() if image.startswith(prefix)), "")


def create_thumbnail_cache(ctx: AppContext) -> ThumbnailCache:
    """Create the cache of an application; its own source may be asked, too."""
    own_source = read_settings_of(HuggingFaceSource, ctx.settings).url
    return ThumbnailCache(ctx.settings.data_directory / "thumbnails", (*THUMBNAIL_HOSTS, _origin(own_source)))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
