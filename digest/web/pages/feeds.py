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

from digest.database.models import Paper
from digest.formatting import clean_line, safe_url
from digest.matching import describe
from digest.subscribers import mailed_papers
from digest.web.citations import CitationFormat, citation_response
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.pages.paper_entries import parse_search, run_search, search_parameters

router = APIRouter()


MAX_ENTRIES = 50


MAX_MAILED_PAPERS = 500  # papers of one reader's feed


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # when a feed changed that has no entry yet: the same on every reading


ATOM_NAMESPACE = "http://www.w3.org/2005/Atom"


MEDIA_TYPES = {"atom": "application/atom+xml", "json": "application/feed+json"}


QueryParameter = Annotated[str, Query(min_length=1, max_length=20_000)]


FeedFormat = Annotated[Literal["atom", "json"], Path()]


@dataclass(frozen=True, slots=True)
class PaperFeed:
    """Papers in their order, each with the instant from which it is in the feed. `here` and `page` are whole addresses:
    of the feed itself and of what people see instead.
    """

    title: str
    description: str
    feed_url: str
    home_page_url: str
    entries: Sequence[tuple[Paper, datetime]]


@router.api_route("/feeds/{kind}", methods=SAFE_METHODS)
def query_feed(web: WebDep, request: Request, kind: FeedFormat, q: QueryParameter) -> Response:
    """The newest papers that a query finds."""
    asked = parse_search(web, q)
    if asked.query is None:
        return error_page(web, 422, title="This search cannot be read", text=asked.wrong)
    query = search_parameters(asked.written, [])
    feed = PaperFeed(
        title=f"{asked.written} · {web.ctx.product_name}",
        description=describe(asked.query),
        feed_url=web.ctx.absolute_url(f"/feeds/{kind}?{query}"),
        home_page_url=web.ctx.absolute_url(f"/papers?{query}"),
        entries=[(each, each.first_seen_at) for each in run_search(web, asked.query, [], MAX_ENTRIES).papers],
    )
    return _feed_response(web, request, kind, feed, "public, max-age=900")


@router.api_route("/mine/{token}/papers.{kind}", methods=SAFE_METHODS)
def mailed_citations(web: WebDep, token: str, kind: CitationFormat) -> Response:
    """What one reader was mailed, as a list of references. (Before the next one, which would take its address.)"""
    return citation_response(
        "mailed", kind, [paper for paper, _ in mailed_papers(web.ctx, token, web.clock(), MAX_MAILED_PAPERS)]
    )


@router.api_route("/mine/{token}/{kind}", methods=SAFE_METHODS)
def mailed_feed(web: WebDep, request: Request, token: str, kind: FeedFormat) -> Response:
    """The same as a feed."""
    feed = PaperFeed(
        title=f"Mailed to you · {web.ctx.product_name}",
        description="The papers of your letters. Whoever has this address can read them, so keep it to yourself.",
        feed_url=web.ctx.absolute_url(f"/mine/{token}/{kind}"),
        home_page_url=web.ctx.absolute_url("/papers"),
        entries=mailed_papers(web.ctx, token, web.clock(), MAX_MAILED_PAPERS),
    )
    return _feed_response(web, request, kind, feed, "no-store")


def _feed_response(web: WebContext, request: Request, kind: str, feed: PaperFeed, cache_control: str) -> Response:
    body = (_render_atom if kind == "atom" else _render_json_feed)(web, feed)
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "Cache-Control": cache_control}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=f"{MEDIA_TYPES[kind]}; charset=utf-8", headers=headers)


def _render_atom(web: WebContext, feed: PaperFeed) -> bytes:
    root = etree.Element(f"{{{ATOM_NAMESPACE}}}feed", nsmap={None: ATOM_NAMESPACE})
    _add_children(root, id=feed.feed_url, title=feed.title, subtitle=feed.description)
    _add_children(root, updated=_format_instant(max((_updated_at(*each) for each in feed.entries), default=EPOCH)))
    etree.SubElement(root, f"{{{ATOM_NAMESPACE}}}link", rel="self", href=feed.feed_url)
    etree.SubElement(root, f"{{{ATOM_NAMESPACE}}}link", rel="alternate", type="text/html", href=feed.home_page_url)
    _add_children(etree.SubElement(root, f"{{{ATOM_NAMESPACE}}}author"), name=web.ctx.product_name)
    for paper, since in feed.entries:
        entry = etree.SubElement(root, f"{{{ATOM_NAMESPACE}}}entry")
        page = web.ctx.absolute_url(f"/papers/{paper.id}")
        _add_children(entry, id=page, title=paper.title or "Untitled")
        _add_children(entry, updated=_format_instant(_updated_at(paper, since)), published=_format_instant(since))
        etree.SubElement(
            entry, f"{{{ATOM_NAMESPACE}}}link", rel="alternate", type="text/html", href=_paper_url(paper, page)
        )
        for name in paper.authors:
            _add_children(etree.SubElement(entry, f"{{{ATOM_NAMESPACE}}}author"), name=name)
        _add_children(entry, summary=paper.abstract)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def _add_children(parent: Any, **texts: str) -> None:
    """Children with texts; XML has no room for control characters."""
    for name, text in texts.items():
        etree.SubElement(parent, f"{{{ATOM_NAMESPACE}}}{name}").text = clean_line(text)


def _updated_at(paper: Paper, since: datetime) -> datetime:
    return max(paper.changed_at, since)


def _paper_url(paper: Paper, page: str) -> str:
    return safe_url(paper.url) or page


def _format_instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _render_json_feed(web: WebContext, feed: PaperFeed) -> bytes:
    told = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": clean_line(feed.title),
        "description": feed.description,
        "home_page_url": feed.home_page_url,
        "feed_url": feed.feed_url,
        "items": [
            {
                "id": (page := web.ctx.absolute_url(f"/papers/{paper.id}")),
                "url": _paper_url(paper, page),
                "title": clean_line(paper.title),
                "content_text": clean_line(paper.abstract),
                "date_published": _format_instant(since),
                "date_modified": _format_instant(_updated_at(paper, since)),
                "authors": [{"name": clean_line(name)} for name in paper.authors],
            }
            for paper, since in feed.entries
        ],
    }
    return json.dumps(told, ensure_ascii=False).encode()
