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
from digest.house import House
from digest.letters import say

HOSTS = ("https://cdn-thumbnails.huggingface.co",)
LARGEST = 2**20  # bytes of a picture
MOST = 400  # pictures that are kept; the one that was fetched first goes first
AT_ONCE = 4
PATIENCE = httpx.Timeout(5.0, connect=3.0)
AGAIN = 600.0  # seconds until a picture that did not come is asked for again
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
HEADERS = {"Cache-Control": "public, max-age=86400", "Content-Security-Policy": "default-src 'none'; sandbox"}


class Pictures:
    """One of these a running app; any number of threads may ask. `origins`: scheme and host that may be asked."""

    def __init__(self, folder: Path, origins: Iterable[str]) -> None:
        self._folder, self._origins = folder, frozenset(origins)
        self._doors = BoundedSemaphore(AT_ONCE)
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
            found = _fetch(url)
        finally:
            self._doors.release()
        if found is None:
            if len(self._failed) >= MOST:
                self._failed.clear()
            self._failed[url] = time.monotonic() + AGAIN
            return None
        self._keep(file, found)
        return found

    def _allowed(self, url: str) -> bool:
        return say.web_address(url) == url and _origin(url) in self._origins

    def _keep(self, file: Path, picture: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        old = sorted((each for each in self._folder.iterdir()), key=lambda each: each.stat().st_mtime)
        for each in old[: max(0, len(old) - MOST + 1)]:
            each.unlink(missing_ok=True)
        part = file.with_suffix(".part")
        part.write_bytes(picture)
        part.replace(file)


def _fetch(url: str) -> bytes | None:
    """One request, no redirect: a picture of a known kind and size, or None."""
    found = bytearray()
    agent = {"User-Agent": f"digest/{__version__}"}
    try:
        with httpx.stream("GET", url, timeout=PATIENCE, follow_redirects=False, headers=agent) as answer:
            if answer.status_code != httpx.codes.OK:
                return None
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > LARGEST:
                    return None
    except httpx.HTTPError:
        return None
    return bytes(found) if kind_of(bytes(found)) else None


def kind_of(picture: bytes) -> str:
    """The kind that its first bytes say; empty for everything that is no picture (SVG is a program)."""
    return next((kind for begins, kind in KINDS.items() if picture.startswith(begins)), "")


def of(house: House) -> Pictures:
    """Those of a house; its own source may be asked too."""
    return Pictures(house.settings.home / "thumbnails", (*HOSTS, _origin(house.settings.huggingface_url)))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
