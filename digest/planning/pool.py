"""The papers that are new for somebody, matched once for all readers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy import exists, func
from sqlmodel import Session, col, select

from digest import papers
from digest.documents import documents
from digest.editions import Candidate
from digest.matching import Matcher, Query, recall
from digest.models import Keyword, Paper, SavedKeyword, Subscriber, SubscriberStatus
from digest.planning.hits import EXCLUDED, FIELD, FIELDS, Found, Hits, Mask, Numbers, Written, find, lay, write

BLOCK = 2000  # papers matched at a time: what is held besides the table


@dataclass(slots=True)
class Pool:
    """The papers that are new for at least one due reader, matched once against all readers' queries.

    `keywords` are the numbers of the queries, in order; their places are the rows of `hits`, and of `written`.
    """

    least: int
    top: int
    keywords: Numbers
    queries: list[Query]
    excluding: Mask
    matcher: Matcher
    hits: Hits
    trending: list[Candidate]
    written: Written
    _older: dict[int, dict[int, int]] = field(default_factory=dict)
    _view: tuple[int, Hits] | None = None

    def spans(self, covered: Numbers) -> bool:
        """Whether it holds all that is new for readers with these marks: somebody may have joined or come back since it
        was gathered.
        """
        return bool(((self.least <= covered) & (covered <= self.top)).all())

    def knows(self, keywords: Numbers) -> bool:
        """Whether these keywords were matched: one may have been written since."""
        return bool(np.isin(keywords, self.keywords).all())

    def places(self, keywords: Numbers) -> Numbers:
        """The rows of keywords that it knows."""
        return np.searchsorted(self.keywords, keywords)

    def after(self, number: int) -> Hits:
        """What is new for those who have seen everything up to `number`. Most readers have seen the same."""
        if self._view is None or self._view[0] != number:
            self._view = (number, self.hits.after(number))
        return self._view[1]

    def look(self, session: Session, found: Sequence[Paper]) -> None:
        """Match papers that are not new but may come in by another door, each once."""
        fresh = [paper for paper in found if paper.id not in self._older]
        for start in range(0, len(fresh), BLOCK):
            block = fresh[start : start + BLOCK]
            spelt = find(self.matcher, self.queries, documents(session, block))
            self._older.update({int(paper.id or 0): {} for paper in block})
            for row, column, cell in zip(spelt.row.tolist(), spelt.column.tolist(), spelt.cell.tolist(), strict=True):
                self._older[int(block[column].id or 0)][row] = cell

    def matched(self, paper: Paper, places: Iterable[int]) -> Candidate | None:
        """A paper that was looked at, if one of these queries finds it and no exclusion does."""
        sum_ = self._sum(int(paper.id or 0), places)
        if not 0 < sum_ < EXCLUDED:
            return None
        return candidate(paper, queries=sum_ & FIELDS, in_title=sum_ >> FIELD > 0)

    def excluded(self, paper: int, places: Iterable[int]) -> bool:
        """Whether one of these queries is an exclusion that finds a paper that was looked at."""
        return self._sum(paper, places) >= EXCLUDED

    def _sum(self, paper: int, places: Iterable[int]) -> int:
        cells = self._older[paper]
        return sum(cells.get(place, 0) for place in places)


def candidate(paper: Paper, *, in_title: bool = False, queries: int = 1) -> Candidate:
    return Candidate(
        paper=int(paper.id or 0),
        entered=paper.first_listing_id,
        upvotes=paper.upvotes or 0,
        queries=queries,
        in_title=in_title,
    )


def gather(session: Session) -> Pool:
    """Match once what is new for the reader who has seen the least, against every keyword of every reader."""
    top = papers.top_listing(session)
    seen_least = select(func.coalesce(func.min(col(Subscriber.covered_listing_id)), top))
    least = min(int(session.exec(seen_least.where(Subscriber.status == SubscriberStatus.ACTIVE)).one()), top)
    saved = exists(select(1).where(col(SavedKeyword.keyword_id) == col(Keyword.id)))
    asked = session.exec(select(Keyword.id, Keyword.canonical).where(saved).order_by(col(Keyword.id))).all()
    queries = [recall(canonical) for _, canonical in asked]
    matcher = Matcher(queries)
    parts: list[Found] = []
    seen: list[tuple[int, int, int]] = []
    for block in _new(session, least, top):
        part = find(matcher, queries, documents(session, block))
        parts.append(replace(part, column=part.column + len(seen)))
        seen += [(int(paper.id or 0), paper.first_listing_id, paper.upvotes or 0) for paper in block]
    listed = [(number, paper) for number, paper in papers.trending_after(session, least) if number <= top]
    trending = [replace(candidate(paper, queries=0), entered=number) for number, paper in listed]
    keywords = np.array([number for number, _ in asked], dtype=np.int64)
    excluding = np.array([query.exclude for query in queries], dtype=bool)
    pool = Pool(
        least, top, keywords, queries, excluding, matcher, lay(parts, len(queries), seen), trending, write(keywords)
    )
    if excluding.any():
        pool.look(session, [paper for _, paper in listed])
    return pool


def _new(session: Session, least: int, top: int) -> Iterator[list[Paper]]:
    """What was listed after `least` and up to `top`, in blocks."""
    while block := [paper for paper in papers.entered_after(session, least, BLOCK) if paper.first_listing_id <= top]:
        yield block
        least = block[-1].first_listing_id
