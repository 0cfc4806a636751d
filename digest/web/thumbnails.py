"""Pictures of papers, where a listing has one and the operator wants them (DIGEST_THUMBNAILS).

A browser never asks another host for them: that would tell the host who reads what. We ask, once a picture, and only
the hosts that a listing keeps them on; what we got is kept in a folder and served from here.
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

THUMBNAIL_HOSTS = ("https://cdn-thumbnails.huggingface.co",)


MAX_BYTES = 2**20  # bytes of a picture


MAX_FILES = 400  # pictures that are kept; the one that was fetched first goes first


MAX_CONCURRENT = 4


TIMEOUT = httpx.Timeout(5.0, connect=3.0)


RETRY_SECONDS = 600.0  # seconds until a picture that did not come is asked for again


MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


THUMBNAIL_HEADERS = {"Cache-Control": "public, max-age=86400", "Content-Security-Policy": "default-src 'none'; sandbox"}


class ThumbnailCache:
    """One of these a running app; any number of threads may ask. `origins`: scheme and host that may be asked."""

    def __init__(self, folder: Path, origins: Iterable[str]) -> None:
        self._folder, self._origins = folder, frozenset(origins)
        self._doors = BoundedSemaphore(MAX_CONCURRENT)
        self._failed: dict[str, float] = {}

    def get(self, url: str) -> bytes | None:
        """The picture at this address; None when it may not be asked for, or does not come."""
        file = self._folder / hashlib.sha256(url.encode()).hexdigest()[:32]
        if file.is_file():
            return file.read_bytes()
        if not self._allowed(url) or self._failed.get(url, 0) > time.monotonic():
            return None
        if not self._doors.acquire(blocking=False):
            return None
        try:
            found = _download(url)
        finally:
            self._doors.release()
        if found is None:
            if len(self._failed) >= MAX_FILES:
                self._failed.clear()
            self._failed[url] = time.monotonic() + RETRY_SECONDS
            return None
        self._keep(file, found)
        return found

    def _allowed(self, url: str) -> bool:
        return safe_url(url) == url and _origin(url) in self._origins

    def _keep(self, file: Path, picture: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        old = sorted((each for each in self._folder.iterdir()), key=lambda each: each.stat().st_mtime)
        for each in old[: max(0, len(old) - MAX_FILES + 1)]:
            each.unlink(missing_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(picture)
        part.replace(file)


def _download(url: str) -> bytes | None:
    """One request, no redirect: a picture of a known kind and size, or None."""
    found = bytearray()
    agent = {"User-Agent": f"digest/{__version__}"}
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=False, headers=agent) as answer:
            if answer.status_code != httpx.codes.OK:
                return None
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > MAX_BYTES:
                    return None
    except httpx.HTTPError:
        return None
    return bytes(found) if image_media_type(bytes(found)) else None


def image_media_type(image: bytes) -> str:
    """The kind that its first bytes say; empty for everything that is no picture (SVG is a program)."""
    return next((kind for begins, kind in MEDIA_TYPES.items() if image.startswith(begins)), "")


def create_thumbnail_cache(ctx: AppContext) -> ThumbnailCache:
    """Those of a house; its own source may be asked too."""
    return ThumbnailCache(
        ctx.settings.data_directory / "thumbnails", (*THUMBNAIL_HOSTS, _origin(ctx.settings.huggingface_url))
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
