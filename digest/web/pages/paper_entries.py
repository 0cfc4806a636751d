"""Papers as cards of a list."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from digest.database import read_session
from digest.database.models import Paper
from digest.formatting import format_authors, safe_url, truncate
from digest.matching import Explanation, Query, explain
from digest.papers import build_documents, listed_days, load_titled_sources, standing_paper
from digest.rendering import TextPart, split_text
from digest.web.context import WebContext

PAPERS_PER_PAGE = 50
MAX_TEXT_LENGTH = 100_000  # characters of a title or an abstract: all there is
MAX_PAGES = 200
LABEL_LENGTH = 60  # characters of a title that tell links of different papers apart
MAX_LEAD = 120  # characters before the first match; with more, the sentence of the match comes first
SENTENCE_END = re.compile(r"[.!?。]\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class PaperEntry:
    """Paper as a card shows it. The URLs are http or https, or None.

    Title and abstract are in pieces: matched words have a mark, as in an e-mail. `lead` is the beginning of the
    abstract where the first match stands far behind it: the card shows it only when the abstract is opened.
    `listed_on` is shown where the list has papers of several days.
    """

    paper: Paper
    label: str
    authors: str
    organization: str
    journal: str
    title: tuple[TextPart, ...]
    lead: str
    abstract: tuple[TextPart, ...]
    sources: tuple[str, ...]
    pdf_url: str | None
    code_url: str | None
    discussion_url: str | None
    listed_on: date | None = None


def paper_entries(session: Session, papers: Sequence[Paper], *, with_days: bool = False) -> list[PaperEntry]:
    """Return loaded papers as cards."""
    return _entries(session, papers, {}, with_days=with_days)


def highlighted_entries(session: Session, papers: Sequence[Paper], query: Query) -> list[PaperEntry]:
    """Return the papers as cards with the matched words marked."""
    documents = build_documents(session, papers)
    explanations = {document.id: explain([query], document) for document in documents}
    return _entries(session, papers, explanations, with_days=True)


def _entries(
    session: Session, papers: Sequence[Paper], explanations: Mapping[int, Explanation], *, with_days: bool
) -> list[PaperEntry]:
    sources = load_titled_sources(session, [int(paper.id or 0) for paper in papers])
    days = listed_days(session, papers) if with_days else {}
    entries = []
    for paper in papers:
        paper_id = int(paper.id or 0)
        listed_by = tuple(sources.get(paper_id, {}).values())
        entries.append(paper_entry(paper, explanations.get(paper_id), listed_by, days.get(paper_id)))
    return entries


def paper_entry(
    paper: Paper,
    explanation: Explanation | None = None,
    sources: tuple[str, ...] = (),
    listed_on: date | None = None,
) -> PaperEntry:
    """Return one paper as a card."""
    abstract = split_text(paper.abstract, explanation.abstract if explanation else (), MAX_TEXT_LENGTH)
    lead, abstract = _split_lead(abstract)
    return PaperEntry(
        paper=paper,
        label=truncate(paper.title, LABEL_LENGTH),
        authors=format_authors(paper.authors),
        organization=truncate(paper.organization or "", LABEL_LENGTH),
        journal=truncate(paper.journal or "", LABEL_LENGTH),
        title=split_text(paper.title, explanation.title if explanation else (), MAX_TEXT_LENGTH),
        lead=lead,
        abstract=abstract,
        sources=sources,
        pdf_url=safe_url(paper.pdf_url),
        code_url=safe_url(paper.code_url),
        discussion_url=safe_url(paper.discussion_url),
        listed_on=listed_on,
    )


def _split_lead(parts: tuple[TextPart, ...]) -> tuple[str, tuple[TextPart, ...]]:
    """Split off the sentences before the one of the first match, where they are long."""
    if len(parts) == 1 or not parts or parts[0].query is not None or len(parts[0].text) <= MAX_LEAD:
        return "", parts
    text = parts[0].text
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    start = ends[-1] if ends else 0
    if len(text) - start > 2 * MAX_LEAD:  # the sentence itself is long: begin between two words
        start = text.find(" ", len(text) - MAX_LEAD) + 1 or start
    return text[:start], (TextPart(text[start:]), *parts[1:])


def find_paper(web: WebContext, number: str) -> Paper | None:
    """Return the paper with this number, as written in a URL, or the one that stands for it."""
    if not re.fullmatch(r"[1-9][0-9]{0,15}", number):
        return None
    with read_session(web.ctx.engine) as session:
        return standing_paper(session, int(number))


def parse_page_number(text: str, last: int = MAX_PAGES) -> int:
    """Parse the number of a page from 1 to `last`; 0 if it is invalid."""
    number = int(text) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else 0
    return number if number <= last else 0
