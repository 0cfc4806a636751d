"""Client of the pages: real requests to the real application, without a network."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

TEST_TIME = datetime(2026, 7, 31, 18, tzinfo=UTC)  # a Friday


@dataclass
class Browser:
    """Client with the IP address `address`. Does not follow redirects, so that tests see them."""

    app: FastAPI
    address: str = "192.0.2.1"
    base: str = "http://digest.test"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def head(self, path: str) -> httpx.Response:
        return self.send("HEAD", path)

    def post(self, path: str, form: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        return self.send("POST", path, data=form, **options)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(self.address, 4711), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
                return await client.request(method, path, **options)

        return asyncio.run(request())


@dataclass
class ParsedPage(HTMLParser):
    """Page as a browser parses it: tags with their attributes, and the visible text."""

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
        return [attributes["href"] for tag, attributes in self.tags if tag == "a" and "href" in attributes]

    def find_tag(self, **attributes: str) -> dict[str, str]:
        """Return the attributes of the only tag that has these."""
        (found,) = [candidate for _, candidate in self.tags if attributes.items() <= candidate.items()]
        return found
