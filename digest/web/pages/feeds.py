"""Feeds, Atom (RFC 4287) and JSON Feed 1.1: of the latest lists, of any query, and of what one subscriber was sent.

That of a query has the newest papers, as the search has them. The last one is behind a token of its own, which can
read this feed and nothing else; it has exactly the papers of accepted e-mails, in their order.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from lxml import etree  # type: ignore[import-untyped]

from digest.database import read_session
from digest.database.models import Paper
from digest.formatting import clean_line, safe_url
from digest.matching import describe
from digest.papers import PaperFilter, PaperOrder, SearchRequest, list_papers, recent_list_days
from digest.subscribers import mailed_papers
from digest.web import messages
from digest.web.citations import CitationFormat, citation_response
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.pages.list_options import ListOptions
from digest.web.pages.search_results import parse_search, run_search, search_parameters

router = APIRouter()
MAX_ENTRIES = 50
MAX_LISTED_PAPERS = 200  # papers of the feed of the latest lists
LISTED_DAYS = 2  # a list may grow for a day
MAX_MAILED_PAPERS = 500  # papers of one subscriber's feed
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # when an empty feed was updated: the same in every response
ATOM_NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPES = {"atom": "application/atom+xml", "json": "application/feed+json"}
QueryParameter = Annotated[str | None, Query(min_length=1, max_length=20_000)]
FeedFormat = Annotated[Literal["atom", "json"], Path()]


@dataclass(frozen=True, slots=True)
class PaperFeed:
    """Papers in order, each with the instant since when it is in the feed."""

    title: str
    description: str
    feed_url: str
    home_page_url: str
    entries: Sequence[tuple[Paper, datetime]]


@router.api_route("/feeds/{kind}", methods=SAFE_METHODS)
def public_feed(
    web: WebDep, request: Request, kind: FeedFormat, q: QueryParameter = None, source: str = "", category: str = ""
) -> Response:
    """Return the newest papers that match a query; without one, the papers of the latest lists."""
    feed = _list_feed(web, kind, source, category) if q is None else _query_feed(web, kind, q)
    return feed if isinstance(feed, Response) else _feed_response(web, request, kind, feed, "public, max-age=900")


def _query_feed(web: WebContext, kind: str, text: str) -> PaperFeed | Response:
    search = parse_search(web, text)
    if search.query is None:
        return error_page(web, 422, title=messages.SEARCH_INVALID_TITLE, text=search.error)
    parameters = urlencode(search_parameters(search.text, []))
    results = run_search(web, SearchRequest(search.query), [], MAX_ENTRIES)
    return PaperFeed(
        title=f"{search.text} · {web.ctx.product_name}",
        description=describe(search.query),
        feed_url=web.ctx.absolute_url(f"/feeds/{kind}?{parameters}"),
        home_page_url=web.ctx.absolute_url(f"/papers?{parameters}"),
        entries=[(paper, paper.first_seen_at) for paper in results.papers],
    )


def _list_feed(web: WebContext, kind: str, source: str, category: str) -> PaperFeed:
    options = ListOptions.parse({}, web.source_titles, source=source, category=category)
    with read_session(web.ctx.engine) as session:
        days = recent_list_days(session, LISTED_DAYS)
        wanted = PaperFilter(min(days), max(days), options.source, options.category) if days else None
        papers = list_papers(session, wanted, PaperOrder.UPVOTES, limit=MAX_LISTED_PAPERS) if wanted else ()
    return PaperFeed(
        title=f"{messages.LATEST_LISTS_TITLE} · {web.ctx.product_name}",
        description=messages.LATEST_LISTS,
        feed_url=web.ctx.absolute_url(f"/feeds/{kind}{options.query()}"),
        home_page_url=web.ctx.absolute_url(f"/papers{options.query()}"),
        entries=sorted(((paper, paper.first_seen_at) for paper in papers), key=lambda entry: entry[1], reverse=True),
    )


# Before the next path, which matches this one too.
@router.api_route("/mine/{token}/papers.{kind}", methods=SAFE_METHODS)
def mailed_citations(web: WebDep, token: str, kind: CitationFormat) -> Response:
    """Cite the papers that a subscriber was mailed."""
    mailed = mailed_papers(web.ctx, token, web.clock(), MAX_MAILED_PAPERS)
    return citation_response("mailed", kind, [paper for paper, _ in mailed])


@router.api_route("/mine/{token}/{kind}", methods=SAFE_METHODS)
def mailed_feed(web: WebDep, request: Request, token: str, kind: FeedFormat) -> Response:
    """Return the papers that a subscriber was mailed."""
    feed = PaperFeed(
        title=messages.personal_feed_title(web.ctx.product_name),
        description=messages.PERSONAL_FEED,
        feed_url=web.ctx.absolute_url(f"/mine/{token}/{kind}"),
        home_page_url=web.ctx.absolute_url("/papers"),
        entries=mailed_papers(web.ctx, token, web.clock(), MAX_MAILED_PAPERS),
    )
    return _feed_response(web, request, kind, feed, "no-store")


def _feed_response(web: WebContext, request: Request, kind: str, feed: PaperFeed, cache_control: str) -> Response:
    body = (_render_atom if kind == "atom" else _render_json_feed)(web, feed)
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "Cache-Control": cache_control}
    etags = {etag.strip().removeprefix("W/") for etag in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in etags or "*" in etags:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=f"{MEDIA_TYPES[kind]}; charset=utf-8", headers=headers)


def _render_atom(web: WebContext, feed: PaperFeed) -> bytes:
    def add(parent: Any, name: str, text: str = "", **attributes: str) -> Any:
        element = etree.SubElement(parent, f"{{{ATOM_NAMESPACE}}}{name}", **attributes)
        if text:
            element.text = clean_line(text)  # control characters are not allowed in XML
        return element

    root = etree.Element(f"{{{ATOM_NAMESPACE}}}feed", nsmap={None: ATOM_NAMESPACE})
    add(root, "id", feed.feed_url)
    add(root, "title", feed.title)
    add(root, "subtitle", feed.description)
    add(root, "updated", _format_time(max((_updated_at(*entry) for entry in feed.entries), default=EPOCH)))
    add(root, "link", rel="self", href=feed.feed_url)
    add(root, "link", rel="alternate", type="text/html", href=feed.home_page_url)
    add(add(root, "author"), "name", web.ctx.product_name)
    for paper, since in feed.entries:
        page = web.ctx.absolute_url(f"/papers/{paper.id}")
        entry = add(root, "entry")
        add(entry, "id", page)
        add(entry, "title", paper.title or "Untitled")
        add(entry, "updated", _format_time(_updated_at(paper, since)))
        add(entry, "published", _format_time(since))
        add(entry, "link", rel="alternate", type="text/html", href=safe_url(paper.url) or page)
        for name in paper.authors:
            add(add(entry, "author"), "name", name)
        add(entry, "summary", paper.abstract)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def _updated_at(paper: Paper, since: datetime) -> datetime:
    return max(paper.changed_at, since)


def _format_time(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _render_json_feed(web: WebContext, feed: PaperFeed) -> bytes:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": clean_line(feed.title),
        "description": feed.description,
        "home_page_url": feed.home_page_url,
        "feed_url": feed.feed_url,
        "items": [
            {
                "id": (page := web.ctx.absolute_url(f"/papers/{paper.id}")),
                "url": safe_url(paper.url) or page,
                "title": clean_line(paper.title),
                "content_text": clean_line(paper.abstract),
                "date_published": _format_time(since),
                "date_modified": _format_time(_updated_at(paper, since)),
                "authors": [{"name": clean_line(name)} for name in paper.authors],
            }
            for paper, since in feed.entries
        ],
    }
    return json.dumps(document, ensure_ascii=False).encode()
