"""The papers that are new for somebody, matched once for all readers."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlmodel import Session, col, select

from digest import papers
from digest.editions import Candidate
from digest.matching import Document, Matcher, is_exclusion, parse
from digest.models import Keyword, Paper, SavedKeyword, Status, Subscriber


@dataclass(slots=True)
class Pool:
    """The papers that are new for at least one due reader, matched once against all their keywords.

    `hits` has, for each keyword, its candidates in the order in which the papers were first listed.
    """

    least: int
    top: int
    hits: dict[int, list[Candidate]]
    trending: list[Candidate]
    _queries: dict[int, str] = field(default_factory=dict)
    sources: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def serves(self, readers: Iterable[Subscriber]) -> bool:
        """Whether it holds all that is new for these: somebody may have joined or come back since it was gathered."""
        return all(self.least <= reader.covered_to <= self.top for reader in readers)

    def knows(self, keywords: Iterable[int]) -> bool:
        """Whether these keywords were matched: one may have been written since."""
        return all(keyword in self._queries for keyword in keywords)

    def match(self, found: Sequence[Paper], keywords: Sequence[int]) -> dict[int, list[Candidate]]:
        """Candidates by keyword among some papers, in the papers' order."""
        known = [number for number in keywords if number in self._queries]
        matcher = Matcher([parse(self._queries[number]) for number in known])
        hits = matcher.match([Document.of(each, self.sources.get(int(each.id or 0), ())) for each in found])
        return {
            number: [candidate(found[hit.document], in_title=hit.in_title) for hit in row]
            for number, row in zip(known, hits, strict=True)
            if row
        }

    def refused(self, exclusions: Sequence[int], carried: Sequence[Paper]) -> set[int]:
        """The papers that these exclusions keep away: of the new ones, of those that come along, and of `carried`."""
        rows = [self.hits.get(number, []) for number in exclusions]
        rows += self.match(carried, exclusions).values() if exclusions else []
        return {each.paper for row in rows for each in row}


def candidate(paper: Paper, *, in_title: bool = False, queries: int = 1) -> Candidate:
    return Candidate(
        paper=int(paper.id or 0), entered=paper.entered, upvotes=paper.upvotes or 0, queries=queries, in_title=in_title
    )


def gather(session: Session) -> Pool:
    """Match once what is new for the reader who has seen the least, against every keyword of every reader."""
    top = papers.top_listing(session)
    active = select(Subscriber).where(Subscriber.status == Status.ACTIVE).order_by(col(Subscriber.covered_to)).limit(1)
    first = session.exec(active).one_or_none()
    least = min(first.covered_to, top) if first else top
    queries = {
        int(number or 0): canonical
        for number, canonical in session.exec(
            select(Keyword.id, Keyword.canonical).where(col(Keyword.id).in_(select(SavedKeyword.keyword_id).distinct()))
        ).all()
    }
    new = [paper for paper in papers.entered_after(session, least) if paper.entered <= top]
    pool = Pool(least, top, {}, [], queries)
    trending = [(number, paper) for number, paper in papers.trending_after(session, least) if number <= top]
    older = [paper for _, paper in trending if paper.entered <= least]
    pool.sources = papers.sources_of(session, [int(paper.id or 0) for paper in [*new, *older]])
    pool.hits = pool.match(new, list(queries))
    exclusions = [number for number, canonical in queries.items() if is_exclusion(canonical)]
    for number, row in pool.match(
        older, exclusions
    ).items():  # they come along only; what keeps them away must see them
        pool.hits[number] = [*pool.hits.get(number, []), *row]
    pool.trending = [replace(candidate(paper, queries=0), entered=number) for number, paper in trending]
    return pool


def merge(rows: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """One candidate a paper out of one row a keyword: how many keywords matched, and whether one did in the title."""
    merged: dict[int, Candidate] = {}
    for row in rows:
        for each in row:
            seen = merged.get(each.paper)
            merged[each.paper] = (
                replace(seen, queries=seen.queries + 1, in_title=seen.in_title or each.in_title) if seen else each
            )
    return list(merged.values())


def after(row: list[Candidate], covered_to: int) -> list[Candidate]:
    return row[bisect_right(row, covered_to, key=lambda each: each.entered) :]
