"""Papers as letters know them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from digest.letters import PaperView
from digest.letters.known import PaperSnapshot, highlight_matches
from digest.matching import PaperDocument, Query
from digest.models import Paper

SATURDAY = 5


def paper_view(
    paper: Paper,
    listed_on: date,
    queries: Sequence[Query],
    written_at: datetime,
    frequency: str = "daily",
    sources: Sequence[str] = (),
) -> PaperView:
    """A paper as a letter shows it, with the words that matched. `written_at` is an instant in the reader's zone."""
    return highlight_matches(
        snapshot(paper, listed_on, sources), queries, late=is_late(listed_on, written_at.date(), frequency)
    )


def stamp(paper: Paper, listed_on: date | None, sources: Sequence[str]) -> tuple[object, ...]:
    """Changes with anything that a letter shows of a paper, or that matching looks at."""
    said = (paper.title, paper.abstract, paper.authors, paper.categories, paper.organization, paper.published_on)
    links = (paper.url, paper.pdf_url, paper.discussion_url, paper.code_url, paper.project_url)
    votes = (paper.upvotes, paper.comments, paper.code_stars)
    return (paper.id, *said, *links, *votes, paper.ai_summary, listed_on, sources)


def snapshot(
    paper: Paper, listed_on: date, sources: Sequence[str], stamped: tuple[object, ...] | None = None
) -> PaperSnapshot:
    """A stored paper as letters know it. `stamped`: its stamp, where it is known."""
    plain = PaperView(
        id=int(paper.id or 0),
        title=paper.title,
        abstract=paper.abstract,
        summary=paper.ai_summary or "",
        authors=tuple(paper.authors),
        organization=paper.organization,
        published_on=paper.published_on,
        listed_on=listed_on,
        upvotes=paper.upvotes,
        comments=paper.comments,
        url=paper.url,
        pdf_url=paper.pdf_url,
        discussion_url=paper.discussion_url,
        code_url=paper.code_url,
        code_stars=paper.code_stars,
        project_url=paper.project_url,
    )
    return PaperSnapshot(stamped or stamp(paper, listed_on, sources), PaperDocument.from_paper(paper, sources), plain)


@lru_cache
def is_late(listed_on: date, written_on: date, frequency: str) -> bool:
    """Whether a paper should have been in an earlier letter: more list days have passed than fit the rhythm."""
    days = (listed_on + timedelta(days=n) for n in range(1, (written_on - listed_on).days + 1))
    between = sum(1 for day in days if day.weekday() < SATURDAY)
    return between > (5 if frequency == "weekly" else 2)
