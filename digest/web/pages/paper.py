"""One paper: its page, its thumbnail, and citations of it or of all papers of a period."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from sqlalchemy import or_
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException

from digest.database import read_session
from digest.database.models import Listing, Paper, PaperEventKind
from digest.formatting import MAX_NAME_LENGTH, format_number, safe_url, truncate
from digest.identifiers import LinkRelation
from digest.papers import (
    PaperFilter,
    PaperOrder,
    PaperStatement,
    RelatedPaper,
    find_related_papers,
    list_papers,
    load_source_titles,
    load_statements,
)
from digest.web import messages
from digest.web.assets import THUMBNAIL_HEADERS, image_media_type
from digest.web.citations import CitationFormat, bibtex_entry, citation_response, ris_record, text_citation
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.pages.paper_entries import PaperEntry, find_paper, paper_entry
from digest.web.pages.periods import parse_period

router = APIRouter()
MAX_CITED_PAPERS = 2000  # papers of a period in one file
LISTED_AUTHORS = 50  # authors of one paper; search finds it by each of the others, too
DESCRIPTION_LENGTH = 200
LABEL_LENGTH = 150  # characters of the title of another paper
WARNING_KINDS = {
    *(PaperEventKind.RETRACTED, PaperEventKind.WITHDRAWN, PaperEventKind.CONCERN, PaperEventKind.CORRECTED),
    *(LinkRelation.RETRACTS, LinkRelation.CORRECTS, LinkRelation.CONCERNS),
}
REFERENCE_URLS = {
    "doi": "https://doi.org/",
    "arxiv": "https://arxiv.org/abs/",
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
    "acl": "https://aclanthology.org/",
}
LATEST_LINK = {"/papers": messages.LATEST_PAPERS_LABEL}


@dataclass(frozen=True, slots=True)
class PaperListing:
    """Entry of the paper in the list of a source."""

    source: str
    day: date


@dataclass(frozen=True, slots=True)
class PaperEventLine:
    """What happened to the paper, or what it is to another one: a `PaperStatement` with its link.

    `kind` decides on the sentence; `version` is that of a new one.
    """

    kind: str
    day: date | None
    url: str | None
    label: str
    venue: str
    version: str


@dataclass(frozen=True, slots=True)
class PaperDetails:
    """All that is known of a paper. `authors` are as many as a page shows, `more_authors` says how many follow.

    `warnings`: what must be known before reading it; `history`: what happened since it was listed, the latest first;
    `related`: its preprint; `similar`: papers that share its words.
    """

    entry: PaperEntry
    authors: tuple[str, ...]
    more_authors: str
    listings: tuple[PaperListing, ...]
    url: str | None
    url_label: str
    project_url: str | None
    doi_url: str | None
    summary: str
    keywords: tuple[str, ...]
    citations: tuple[tuple[str, str, str], ...]
    warnings: tuple[PaperEventLine, ...] = ()
    history: tuple[PaperEventLine, ...] = ()
    related: tuple[PaperEventLine, ...] = ()
    similar: tuple[RelatedPaper, ...] = ()


# Before /papers/{period}, which matches these paths too.
@router.api_route("/papers/{name}.{kind}", methods=SAFE_METHODS)
def citations(web: WebDep, name: str, kind: CitationFormat) -> Response:
    """Cite a paper by its number, or all papers of a period: /papers/17.bib, /papers/2026-07-31.ris."""
    if period := parse_period(name):
        wanted = PaperFilter(period.first, period.last)
        with read_session(web.ctx.engine) as session:
            papers = list(list_papers(session, wanted, PaperOrder.UPVOTES, limit=MAX_CITED_PAPERS))
    else:
        paper = find_paper(web, name)
        papers = [paper] if paper else []
    if not papers:
        return error_page(web, 404, links=LATEST_LINK)
    return citation_response(name, kind, papers)


@router.api_route("/papers/{number:int}", methods=SAFE_METHODS)
def paper_page(web: WebDep, number: int) -> Response:
    paper = find_paper(web, str(number))
    if paper is not None and paper.id != number:  # not for ever: what is one paper may turn out to be two
        return RedirectResponse(web.ctx.absolute_url(f"/papers/{paper.id}"), 307)
    if paper is None:
        return error_page(
            web, 404, title=messages.PAPER_NOT_FOUND_TITLE, text=messages.PAPER_NOT_FOUND, links=LATEST_LINK
        )
    return render_paper_page(web, paper)


def render_paper_page(web: WebContext, paper: Paper, own: Mapping[str, Any] | None = None) -> HTMLResponse:
    """Render the page of a paper; `own`: the marks of the subscriber who looks at it, and where to change them."""
    with read_session(web.ctx.engine) as session:
        details = load_details(session, paper)
    page_url = web.ctx.absolute_url(f"/papers/{paper.id}")
    return web.render(
        "paper.html",
        details=details,
        paper=paper,
        page_url=page_url,
        description=truncate(paper.abstract, DESCRIPTION_LENGTH),
        linked_data=linked_data(paper, page_url),
        own=own,
    )


@router.api_route("/papers/{number}/thumbnail", methods=SAFE_METHODS)
def thumbnail(web: WebDep, number: str) -> Response:
    """Serve the thumbnail of a paper from our own cache only."""
    paper = find_paper(web, number) if web.ctx.settings.thumbnails else None
    image = web.thumbnails.get(paper.thumbnail_url) if paper and paper.thumbnail_url else None
    if image is None:
        raise HTTPException(404)
    return Response(image, media_type=image_media_type(image), headers=THUMBNAIL_HEADERS)


def load_details(session: Session, paper: Paper) -> PaperDetails:
    """Load what the page of a paper shows."""
    lines = [_event_line(statement) for statement in load_statements(session, paper)]
    rows = select(col(Listing.source), col(Listing.list_day)).join(Paper, col(Paper.id) == Listing.paper_id)
    rows = rows.where(or_(col(Paper.id) == paper.id, col(Paper.merged_into) == paper.id)).distinct()
    rows = rows.order_by(col(Listing.list_day), col(Listing.source))
    listed = session.exec(rows).all()
    titles = load_source_titles(session, (source for source, _ in listed))
    listings = tuple(PaperListing(titles[source], day) for source, day in listed)
    sources = tuple(dict.fromkeys(listing.source for listing in listings))
    names = tuple(truncate(name, MAX_NAME_LENGTH) for name in paper.authors if name.strip())
    more = len(names) - LISTED_AUTHORS
    url = safe_url(paper.url)
    return PaperDetails(
        entry=paper_entry(paper, sources=sources),
        authors=names[:LISTED_AUTHORS],
        more_authors=format_number(more) if more > 0 else "",
        listings=listings,
        url=url,
        url_label="arXiv" if paper.arxiv_id else "Abstract",
        project_url=safe_url(paper.project_url),
        doi_url=safe_url(f"https://doi.org/{paper.doi}") if paper.doi else None,
        summary=truncate(paper.ai_summary or "", 1000),
        keywords=tuple(truncate(keyword, MAX_NAME_LENGTH) for keyword in paper.ai_keywords if keyword.strip())[:12],
        citations=(
            ("bib", "BibTeX", bibtex_entry(paper, max_authors=LISTED_AUTHORS)),
            ("ris", "RIS", ris_record(paper, max_authors=LISTED_AUTHORS).replace("\r\n", "\n").rstrip("\n")),
            ("txt", "Text", text_citation(paper)),
        ),
        warnings=tuple(line for line in lines if line.kind in WARNING_KINDS),
        history=tuple(
            sorted((line for line in lines if line.day), key=lambda line: line.day or date.min, reverse=True)
        ),
        related=tuple(line for line in lines if line.kind == "preprint" and line.url),
        similar=tuple(find_related_papers(session, paper)),
    )


def _event_line(statement: PaperStatement) -> PaperEventLine:
    scheme, _, value = statement.reference.partition(":")
    url = f"/papers/{statement.other_id}" if statement.other_id else None
    if url is None and scheme in REFERENCE_URLS:
        url = safe_url(f"{REFERENCE_URLS[scheme]}{value}")
    return PaperEventLine(
        statement.kind,
        statement.day,
        url,
        truncate(statement.title or value, LABEL_LENGTH),
        truncate(statement.venue, LABEL_LENGTH),
        statement.reference.removeprefix("v") if statement.kind == PaperEventKind.REVISED else "",
    )


def linked_data(paper: Paper, page_url: str) -> Markup:
    """Return the paper as JSON-LD, with nothing in it that HTML would interpret."""
    identifiers = {"arXiv": paper.arxiv_id, "DOI": paper.doi}
    values: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "@id": page_url,
        "url": page_url,
        "headline": truncate(paper.title, 110),
        "name": truncate(paper.title, 1000),
        "abstract": truncate(paper.abstract, 10_000),
        "author": [{"@type": "Person", "name": truncate(name, 200)} for name in paper.authors[:LISTED_AUTHORS]],
        "datePublished": paper.published_on.isoformat() if paper.published_on else None,
        "sameAs": safe_url(paper.url),
        "identifier": [
            {"@type": "PropertyValue", "propertyID": name, "value": value}
            for name, value in identifiers.items()
            if value
        ],
        "keywords": [*paper.categories, *paper.ai_keywords],
    }
    text = json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  - no character of it means anything in HTML
