"""Papers as the pages show them, and the views of many: newest first, or the most upvoted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session, col, select

from digest.documents import documents
from digest.letters import say
from digest.letters.marked import Piece, pieces
from digest.matching import Explanation, Query, explain
from digest.models import Listing, Paper

PAGE = 50
LONGEST = 100_000  # characters of a title or an abstract: all there is
MOST_PAGES = 200
VIEWS = {"week": 7, "month": 30, "trending": 7}  # days that each looks back on
LABELS = (
    ("Abstract", "url"),
    ("PDF", "pdf_url"),
    ("Discussion", "discussion_url"),
    ("Code", "code_url"),
    ("Project", "project_url"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper as the page shows it. `links` are (label, address), each address once and each http or https.

    `title` and `abstract` are whole, in pieces: matched words have a mark, as in a letter.
    """

    paper: Paper
    links: tuple[tuple[str, str], ...]
    authors: str
    title: tuple[Piece, ...]
    abstract: tuple[Piece, ...]


def marked(session: Session, papers: Sequence[Paper], query: Query) -> list[Entry]:
    """Papers with the words that a query found in them."""
    read = zip(papers, documents(session, papers), strict=True)
    return [entry(each, explain([query], document)) for each, document in read]


def entry(paper: Paper, why: Explanation | None = None) -> Entry:
    links: dict[str, str] = {}
    for label, name in LABELS:
        if url := say.web_address(getattr(paper, name)):
            links.setdefault(url, label)
    names = ", ".join(say.cut(name, say.NAME) for name in paper.authors)
    return Entry(
        paper=paper,
        links=tuple((label, url) for url, label in links.items()),
        authors=names,
        title=pieces(paper.title, why.title if why else (), LONGEST),
        abstract=pieces(paper.abstract, why.abstract if why else (), LONGEST),
    )


def day_of(written: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written):
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def page_of(written: str, most: int = MOST_PAGES) -> int:
    """A number of a page from 1 to `most`; 0 for what is none."""
    number = int(written) if re.fullmatch(r"[1-9][0-9]{0,5}", written) else 0
    return number if number <= most else 0


def view(session: Session, name: str, until: date, page: int) -> Sequence[Paper]:
    """A page of the papers listed in the days before and on `until`, and one more where there is a next page."""
    since = until - timedelta(days=VIEWS[name] - 1)
    listed = select(Listing.paper_id).where(col(Listing.list_day) >= since, col(Listing.list_day) <= until)
    found = select(Paper).where(col(Paper.id).in_(listed))
    if name == "trending":
        found = found.where(col(Paper.upvotes) > 0).order_by(col(Paper.upvotes).desc(), col(Paper.id).desc())
    else:
        found = found.order_by(col(Paper.id).desc())
    return session.exec(found.offset((page - 1) * PAGE).limit(PAGE + 1)).all()
