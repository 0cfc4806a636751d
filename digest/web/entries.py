"""Papers as the pages show them, and the views of many: newest first, or the most upvoted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session, col, select

from digest.documents import build_documents
from digest.letters import say
from digest.letters.marked import TextPart, split_text
from digest.matching import Explanation, Query, explain
from digest.models import Listing, Paper

PAPERS_PER_PAGE = 50
MAX_TEXT_LENGTH = 100_000  # characters of a title or an abstract: all there is
MAX_PAGES = 200
VIEW_DAYS = {"week": 7, "month": 30, "trending": 7}  # days that each looks back on
LINK_LABELS = (
    ("Abstract", "url"),
    ("PDF", "pdf_url"),
    ("Discussion", "discussion_url"),
    ("Code", "code_url"),
    ("Project", "project_url"),
)


@dataclass(frozen=True, slots=True)
class PaperEntry:
    """A paper as the page shows it. `links` are (label, address), each address once and each http or https.

    `title` and `abstract` are whole, in pieces: matched words have a mark, as in a letter.
    """

    paper: Paper
    links: tuple[tuple[str, str], ...]
    authors: str
    title: tuple[TextPart, ...]
    abstract: tuple[TextPart, ...]


def highlighted_entries(session: Session, papers: Sequence[Paper], query: Query) -> list[PaperEntry]:
    """Papers with the words that a query found in them."""
    read = zip(papers, build_documents(session, papers), strict=True)
    return [paper_entry(each, explain([query], document)) for each, document in read]


def paper_entry(paper: Paper, explanation: Explanation | None = None) -> PaperEntry:
    links: dict[str, str] = {}
    for label, name in LINK_LABELS:
        if url := say.safe_url(getattr(paper, name)):
            links.setdefault(url, label)
    names = ", ".join(say.truncate(name, say.MAX_NAME_LENGTH) for name in paper.authors)
    return PaperEntry(
        paper=paper,
        links=tuple((label, url) for url, label in links.items()),
        authors=names,
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
    """A number of a page from 1 to `most`; 0 for what is none."""
    number = int(text) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else 0
    return number if number <= last else 0


def papers_in_view(session: Session, name: str, until: date, page: int) -> Sequence[Paper]:
    """A page of the papers listed in the days before and on `until`, and one more where there is a next page."""
    since = until - timedelta(days=VIEW_DAYS[name] - 1)
    listed = select(Listing.paper_id).where(col(Listing.list_day) >= since, col(Listing.list_day) <= until)
    found = select(Paper).where(col(Paper.id).in_(listed))
    if name == "trending":
        found = found.where(col(Paper.upvotes) > 0).order_by(col(Paper.upvotes).desc(), col(Paper.id).desc())
    else:
        found = found.order_by(col(Paper.id).desc())
    return session.exec(found.offset((page - 1) * PAPERS_PER_PAGE).limit(PAPERS_PER_PAGE + 1)).all()
