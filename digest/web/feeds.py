"""Feeds: Atom (RFC 4287) and JSON Feed 1.1, of any query and of what one reader was mailed.

The first has the newest papers, as the search has them. The second is behind a token of its own, which can read this
and nothing else; it has exactly the papers of the letters that a mail server took, in their order.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from lxml import etree  # type: ignore[import-untyped]

from digest.desk import held
from digest.letters import say
from digest.matching import describe
from digest.models import Paper
from digest.web import cite, searching
from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front

router = APIRouter()
MOST = 50
MOST_MAILED = 500  # papers of one reader's feed
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a feed changed that has no entry yet: the same on every reading
ATOM = "http://www.w3.org/2005/Atom"
MEDIA = {"atom": "application/atom+xml", "json": "application/feed+json"}
Given = Annotated[str, Query(min_length=1, max_length=20_000)]
Kind = Annotated[Literal["atom", "json"], Path()]


@dataclass(frozen=True, slots=True)
class Feed:
    """Papers in their order, each with the instant from which it is in the feed. `here` and `page` are whole addresses:
    of the feed itself and of what people see instead.
    """

    title: str
    about: str
    here: str
    page: str
    entries: Sequence[tuple[Paper, datetime]]


@router.api_route("/feeds/{kind}", methods=LOOK)
def of_query(at: At, request: Request, kind: Kind, q: Given) -> Response:
    """The newest papers that a query finds."""
    asked = searching.read(at, q)
    if asked.query is None:
        return error_page(at, 422, title="This search cannot be read", text=asked.wrong)
    query = searching.onward(asked.written, [])
    feed = Feed(
        title=f"{asked.written} · {at.house.product}",
        about=describe(asked.query),
        here=at.house.page(f"/feeds/{kind}?{query}"),
        page=at.house.page(f"/papers?{query}"),
        entries=[(each, each.first_seen_at) for each in searching.found(at, asked.query, [], MOST).papers],
    )
    return _answered(at, request, kind, feed, "public, max-age=900")


@router.api_route("/mine/{token}/papers.{kind}", methods=LOOK)
def cited(at: At, token: str, kind: cite.Kind) -> Response:
    """What one reader was mailed, as a list of references. (Before the next one, which would take its address.)"""
    return cite.answer("mailed", kind, [paper for paper, _ in held.mailed(at.house, token, at.clock(), MOST_MAILED)])


@router.api_route("/mine/{token}/{kind}", methods=LOOK)
def mine(at: At, request: Request, token: str, kind: Kind) -> Response:
    """The same as a feed."""
    feed = Feed(
        title=f"Mailed to you · {at.house.product}",
        about="The papers of your letters. Whoever has this address can read them, so keep it to yourself.",
        here=at.house.page(f"/mine/{token}/{kind}"),
        page=at.house.page("/papers"),
        entries=held.mailed(at.house, token, at.clock(), MOST_MAILED),
    )
    return _answered(at, request, kind, feed, "no-store")


def _answered(at: Front, request: Request, kind: str, feed: Feed, keep: str) -> Response:
    body = (_atom if kind == "atom" else _json)(at, feed)
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "Cache-Control": keep}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=f"{MEDIA[kind]}; charset=utf-8", headers=headers)


def _atom(at: Front, feed: Feed) -> bytes:
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    _say(root, id=feed.here, title=feed.title, subtitle=feed.about)
    _say(root, updated=_instant(max((_updated(*each) for each in feed.entries), default=NEVER)))
    etree.SubElement(root, f"{{{ATOM}}}link", rel="self", href=feed.here)
    etree.SubElement(root, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=feed.page)
    _say(etree.SubElement(root, f"{{{ATOM}}}author"), name=at.house.product)
    for paper, since in feed.entries:
        entry = etree.SubElement(root, f"{{{ATOM}}}entry")
        page = at.house.page(f"/papers/{paper.id}")
        _say(entry, id=page, title=paper.title or "Untitled")
        _say(entry, updated=_instant(_updated(paper, since)), published=_instant(since))
        etree.SubElement(entry, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=_url(paper, page))
        for name in paper.authors:
            _say(etree.SubElement(entry, f"{{{ATOM}}}author"), name=name)
        _say(entry, summary=paper.abstract)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def _say(parent: Any, **texts: str) -> None:
    """Children with texts; XML has no room for control characters."""
    for name, text in texts.items():
        etree.SubElement(parent, f"{{{ATOM}}}{name}").text = say.clean(text)


def _updated(paper: Paper, since: datetime) -> datetime:
    return max(paper.changed_at, since)


def _url(paper: Paper, page: str) -> str:
    return say.web_address(paper.url) or page


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(at: Front, feed: Feed) -> bytes:
    told = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": say.clean(feed.title),
        "description": feed.about,
        "home_page_url": feed.page,
        "feed_url": feed.here,
        "items": [
            {
                "id": (page := at.house.page(f"/papers/{paper.id}")),
                "url": _url(paper, page),
                "title": say.clean(paper.title),
                "content_text": say.clean(paper.abstract),
                "date_published": _instant(since),
                "date_modified": _instant(_updated(paper, since)),
                "authors": [{"name": say.clean(name)} for name in paper.authors],
            }
            for paper, since in feed.entries
        ],
    }
    return json.dumps(told, ensure_ascii=False).encode()
