"""Feeds of any query: Atom (RFC 4287) and JSON Feed 1.1. The newest MOST papers, as the search has them."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from lxml import etree  # type: ignore[import-untyped]

from digest.letters import say
from digest.matching import describe
from digest.models import Paper
from digest.web import searching
from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front

router = APIRouter()
MOST = 50
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a feed changed that has no entry yet: the same on every reading
ATOM = "http://www.w3.org/2005/Atom"
Given = Annotated[str, Query(min_length=1, max_length=20_000)]


@router.api_route("/feeds/atom", methods=LOOK)
def atom(at: At, request: Request, q: Given) -> Response:
    return _answered(at, request, q, "application/atom+xml", _atom)


@router.api_route("/feeds/json", methods=LOOK)
def json_feed(at: At, request: Request, q: Given) -> Response:
    return _answered(at, request, q, "application/feed+json", _json)


Written = Callable[[Front, searching.Asked, str, list[Paper]], bytes]


def _answered(at: Front, request: Request, written: str, media: str, form: Written) -> Response:
    asked = searching.read(at, written)
    if asked.query is None:
        return error_page(at, 422, title="This search cannot be read", text=asked.wrong)
    found = list(searching.found(at, asked.query, [], MOST).papers)
    body = form(at, asked, describe(asked.query), found)
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "Cache-Control": "public, max-age=900"}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=f"{media}; charset=utf-8", headers=headers)


def _address(at: Front, path: str) -> str:
    return f"{at.house.settings.base_url.rstrip('/')}{path}"


def _atom(at: Front, asked: searching.Asked, meaning: str, found: list[Paper]) -> bytes:
    here = _address(at, f"/feeds/atom?{searching.onward(asked.written, [])}")
    feed = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    _say(feed, id=here, title=f"{asked.written} · {at.house.product}", subtitle=meaning)
    _say(feed, updated=_instant(max((each.changed_at for each in found), default=NEVER)))
    etree.SubElement(feed, f"{{{ATOM}}}link", rel="self", href=here)
    page = _address(at, f"/papers?{searching.onward(asked.written, [])}")
    etree.SubElement(feed, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=page)
    _say(etree.SubElement(feed, f"{{{ATOM}}}author"), name=at.house.product)
    for paper in found:
        entry = etree.SubElement(feed, f"{{{ATOM}}}entry")
        _say(entry, id=_address(at, f"/papers/{paper.id}"), title=paper.title or "Untitled")
        _say(entry, updated=_instant(paper.changed_at), published=_instant(paper.first_seen_at))
        url = say.web_address(paper.url) or _address(at, f"/papers/{paper.id}")
        etree.SubElement(entry, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=url)
        for name in paper.authors:
            _say(etree.SubElement(entry, f"{{{ATOM}}}author"), name=name)
        _say(entry, summary=paper.abstract)
    return bytes(etree.tostring(feed, xml_declaration=True, encoding="utf-8"))


def _say(parent: Any, **texts: str) -> None:
    """Children with texts; XML has no room for control characters."""
    for name, text in texts.items():
        etree.SubElement(parent, f"{{{ATOM}}}{name}").text = say.clean(text)


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(at: Front, asked: searching.Asked, meaning: str, found: list[Paper]) -> bytes:
    query = searching.onward(asked.written, [])
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": say.clean(f"{asked.written} · {at.house.product}"),
        "description": meaning,
        "home_page_url": _address(at, f"/papers?{query}"),
        "feed_url": _address(at, f"/feeds/json?{query}"),
        "items": [
            {
                "id": _address(at, f"/papers/{paper.id}"),
                "url": say.web_address(paper.url) or _address(at, f"/papers/{paper.id}"),
                "title": say.clean(paper.title),
                "content_text": say.clean(paper.abstract),
                "date_published": _instant(paper.first_seen_at),
                "date_modified": _instant(paper.changed_at),
                "authors": [{"name": say.clean(name)} for name in paper.authors],
            }
            for paper in found
        ],
    }
    return json.dumps(feed, ensure_ascii=False).encode()
