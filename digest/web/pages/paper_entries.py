"""Papers as pages show them, views of several days, and search results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from sqlmodel import Session, col, select

from digest.database import read_session
from digest.database.models import Listing, Paper
from digest.errors import QueryError
from digest.formatting import MAX_NAME_LENGTH, format_number, safe_url, truncate
from digest.matching import Explanation, Query, explain, parse
from digest.papers import MAX_PAPER_ID, SearchPage, build_documents, search_papers
from digest.rendering import TextPart, split_text
from digest.subscribers import KeywordLimits
from digest.web.context import WebContext

PAPERS_PER_PAGE = 50
LISTED_AUTHORS = 50  # authors of one paper; search finds it by each of the others, too
MAX_TEXT_LENGTH = 100_000  # characters of a title or an abstract: all there is
MAX_PAGES = 200
VIEW_DAYS = {"week": 7, "month": 30, "trending": 7}  # days of each view
LINK_LABELS = (
    ("Abstract", "url"),
    ("PDF", "pdf_url"),
    ("Discussion", "discussion_url"),
    ("Code", "code_url"),
    ("Project", "project_url"),
)
RESULTS_PER_PAGE = 25
MAX_TRAIL = 30  # pages that "newer" links lead back through
TRAIL_PATTERN = re.compile(r"[1-9][0-9]{0,15}(?:\.[1-9][0-9]{0,15}){0,40}")


@dataclass(frozen=True, slots=True)
class PaperEntry:
    """Paper as a page shows it. `links` are (label, URL), each URL once and either http or https.

    `title` and `abstract` are in pieces: matched words have a mark, as in an e-mail.
    """

    paper: Paper
    links: tuple[tuple[str, str], ...]
    authors: str
    title: tuple[TextPart, ...]
    abstract: tuple[TextPart, ...]


def highlighted_entries(session: Session, papers: Sequence[Paper], query: Query) -> list[PaperEntry]:
    """Return the papers with the matched words marked."""
    documents = build_documents(session, papers)
    return [paper_entry(paper, explain([query], document)) for paper, document in zip(papers, documents, strict=True)]


def paper_entry(paper: Paper, explanation: Explanation | None = None) -> PaperEntry:
    links: dict[str, str] = {}
    for label, name in LINK_LABELS:
        if url := safe_url(getattr(paper, name)):
            links.setdefault(url, label)
    authors = ", ".join(truncate(name, MAX_NAME_LENGTH) for name in paper.authors[:LISTED_AUTHORS])
    if (more := len(paper.authors) - LISTED_AUTHORS) > 0:
        authors += f" and {format_number(more)} more"
    return PaperEntry(
        paper=paper,
        links=tuple((label, url) for url, label in links.items()),
        authors=authors,
        title=split_text(paper.title, explanation.title if explanation else (), MAX_TEXT_LENGTH),
        abstract=split_text(paper.abstract, explanation.abstract if explanation else (), MAX_TEXT_LENGTH),
    )


def parse_day(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_page_number(text: str, last: int = MAX_PAGES) -> int:
    """Parse the number of a page from 1 to `last`; 0 if it is invalid."""
    number = int(text) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else 0
    return number if number <= last else 0


def load_view(session: Session, name: str, until: date, page: int) -> Sequence[Paper]:
    """Return a page of the papers listed up to `until`, and one paper more if there is a next page."""
    since = until - timedelta(days=VIEW_DAYS[name] - 1)
    listed = select(Listing.paper_id).where(col(Listing.list_day) >= since, col(Listing.list_day) <= until)
    papers = select(Paper).where(col(Paper.id).in_(listed))
    if name == "trending":
        papers = papers.where(col(Paper.upvotes) > 0).order_by(col(Paper.upvotes).desc(), col(Paper.id).desc())
    else:
        papers = papers.order_by(col(Paper.id).desc())
    return session.exec(papers.offset((page - 1) * PAPERS_PER_PAGE).limit(PAPERS_PER_PAGE + 1)).all()


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """Parsed search text. `query` is None if it is invalid; then `error` and `position` say why."""

    text: str
    query: Query | None = None
    error: str = ""
    position: int = 0


def parse_search(web: WebContext, text: str) -> ParsedSearch:
    """Parse a query under the operator's limits."""
    try:
        query = parse(text, KeywordLimits.from_settings(web.ctx.settings).query_limits)
    except QueryError as error:
        return ParsedSearch(text, None, str(error), error.position or 1)
    return ParsedSearch(text.strip(), query)


def parse_trail(text: str) -> list[int] | None:
    """Parse the trail to a page of results: the paper ids that each page before ended at. None if it is invalid."""
    if not text:
        return []
    return [int(paper_id) for paper_id in text.split(".")] if TRAIL_PATTERN.fullmatch(text) else None


def run_search(web: WebContext, query: Query, trail: list[int], limit: int = RESULTS_PER_PAGE) -> SearchPage:
    with read_session(web.ctx.engine) as session:
        return search_papers(session, query, min(trail[-1], MAX_PAPER_ID) if trail else MAX_PAPER_ID, limit=limit)


def search_parameters(text: str, trail: list[int]) -> str:
    """Return the query string of a page of results."""
    position = ".".join(map(str, trail[-MAX_TRAIL:]))
    return urlencode({"q": text, **({"at": position} if position else {})})
