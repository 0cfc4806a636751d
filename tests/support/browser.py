"""Somebody who looks at the pages: real requests to the real app, without a network between."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

AT = datetime(2026, 7, 31, 18, tzinfo=UTC)  # a Friday


@dataclass
class Browser:
    """A client at `address`. Redirects are not followed, as a test wants to see them."""

    app: FastAPI
    address: str = "192.0.2.1"
    base: str = "http://digest.test"

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.send("GET", path, **more)

    def head(self, path: str) -> httpx.Response:
        return self.send("HEAD", path)

    def post(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        return self.send("POST", path, data=form, **more)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            way = httpx.ASGITransport(self.app, client=(self.address, 4711), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=way, base_url=self.base) as client:
                return await client.request(method, path, **more)

        return asyncio.run(sent())


@dataclass
class Seen(HTMLParser):
    """What a browser would make of a page: tags with their attributes, and the visible text."""

    html: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def links(self) -> list[str]:
        return [found["href"] for tag, found in self.tags if tag == "a" and "href" in found]

    def one(self, **wanted: str) -> dict[str, str]:
        """The attributes of the one tag that has these."""
        (found,) = [each for _, each in self.tags if wanted.items() <= each.items()]
        return found
