"""Which keywords match a paper, and where: worked out once, not for every e-mail.

Matching costs by the paper and hardly by the keyword. So where many e-mails are to come, papers are matched against
the keywords of all of them at once; else, and for keywords that come later, against those that a digest needs. A view
of a paper is kept by the keywords that matched it, not by subscriber, and has query numbers of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from digest.matching import Matcher, PaperDocument, Query, bit_positions, explain, parse_canonical
from digest.papers import PaperSnapshot
from digest.rendering.contexts import PaperView


@dataclass(slots=True)
class PaperMatches:
    """What is known of one paper: which keywords it was tested against, and which of them match.

    `tested` is one set for all papers that were tested against the same keywords; `also_tested` is the paper's own.
    """

    paper: PaperSnapshot
    document: PaperDocument
    tested: frozenset[str]
    matched: set[str] = field(default_factory=set)
    also_tested: set[str] = field(default_factory=set)
    views: dict[tuple[tuple[str, ...], bool, bool], PaperView] = field(default_factory=dict)


class MatchCache:
    """Matches and views of papers. For one thread at a time. What becomes too much is forgotten."""

    def __init__(self, *, keywords: int = 20_000, papers: int = 4_000, views: int = 8_192) -> None:
        self._limits = (keywords, papers, views)
        self._queries: dict[str, Query] = {}
        self._papers: dict[int, PaperMatches] = {}
        self._view_count = 0

    def __len__(self) -> int:
        return len(self._queries) + len(self._papers) + self._view_count

    def new_keywords(self, keywords: Iterable[str]) -> set[str]:
        """Return those of these canonical keywords that were never met."""
        return set(keywords) - self._queries.keys()

    def update(
        self,
        papers: Mapping[int, PaperSnapshot],
        digests: Iterable[tuple[Sequence[int], Sequence[str]]],
        upcoming_keywords: Iterable[str] = (),
    ) -> None:
        """Take in papers as they are now, and what digests need: ids of their papers, and canonical keywords.

        With `upcoming_keywords`, which later digests will need, every new paper is matched against all keywords.
        Raises QueryError for a keyword that is none.
        """
        keyword_limit, paper_limit, _ = self._limits
        if len(self._queries) > keyword_limit or len(self._papers) > paper_limit:
            self._queries, self._papers, self._view_count = {}, {}, 0
        upcoming, needed = list(upcoming_keywords), list(digests)
        for canonical in self.new_keywords([*(text for _, keywords in needed for text in keywords), *upcoming]):
            self._queries[canonical] = parse_canonical(canonical)
        tested = frozenset(self._queries if upcoming else ())
        new_ids = []
        for number, paper in papers.items():
            if (matches := self._papers.get(number)) is None or matches.paper != paper:
                document = PaperDocument.from_paper(paper, paper.sources)
                self._papers[number] = PaperMatches(paper, document, tested)
                new_ids.append(number)
        self._match(sorted(tested), new_ids)
        untested: set[str] = set()
        untested_ids: set[int] = set()
        for paper_ids, keywords in needed:
            wanted = set(keywords)
            for number in paper_ids:
                matches = self._papers.get(number)
                if not matches or wanted <= matches.tested:
                    continue
                if missing := wanted - matches.tested - matches.also_tested:
                    untested |= missing
                    untested_ids.add(number)
        self._match(sorted(untested), sorted(untested_ids))
        for number in untested_ids:
            self._papers[number].also_tested |= untested

    def _match(self, keywords: Sequence[str], paper_ids: Sequence[int]) -> None:
        if not paper_ids or not keywords:
            return
        documents = [self._papers[number].document for number in paper_ids]
        matcher = Matcher([self._queries[keyword] for keyword in keywords], prefilter=False)
        for keyword, bits in zip(keywords, matcher.match_bits(documents), strict=True):
            for position in bit_positions(bits.matched) if bits.matched else ():
                self._papers[paper_ids[position]].matched.add(keyword)

    def matched_keywords(self, paper_id: int, keywords: Iterable[str]) -> set[str]:
        """Return those of these keywords that match a paper, which must have been taken in."""
        return self._papers[paper_id].matched.intersection(keywords)

    def paper_view(
        self, paper_id: int, positions: Mapping[str, int], *, is_late: bool, has_summary: bool
    ) -> tuple[PaperView, tuple[int, ...]]:
        """Return a paper with its highlights, and the position of the keyword that each of its query numbers means.

        `positions` are those of the subscriber's keywords. The queries of a view go by the alphabet, so that it can be
        shared by subscribers who have the keywords in another order.
        """
        matches = self._papers[paper_id]
        matched = tuple(sorted(matches.matched.intersection(positions)))
        view = matches.views.get((matched, is_late, has_summary))
        if view is None:
            if self._view_count >= self._limits[2]:
                for paper_matches in self._papers.values():
                    paper_matches.views.clear()
                self._view_count = 0
            queries = [self._queries[keyword] for keyword in matched]
            view = highlight_matches(matches.paper, queries, is_late=is_late, has_summary=has_summary)
            matches.views[matched, is_late, has_summary] = view
            self._view_count += 1
        return view, tuple([positions[keyword] for keyword in matched])


def highlight_matches(
    paper: PaperSnapshot, queries: Sequence[Query], *, is_late: bool = False, has_summary: bool = False
) -> PaperView:
    """Return a paper with the words that these queries match."""
    if not queries:
        return PaperView(paper=paper, is_late=is_late, is_trending=True, has_summary=has_summary)
    explanation = explain(queries, PaperDocument.from_paper(paper, paper.sources))
    matched_in = [(number, explanation.describe_location(number)) for number in explanation.queries]
    return PaperView(
        paper=paper,
        title_spans=explanation.title,
        abstract_spans=explanation.abstract,
        matched_in=tuple(sorted(matched_in, key=lambda match: not match[1].startswith("title"))),
        is_late=is_late,
        is_trending=not explanation.queries,
        has_summary=has_summary,
    )
