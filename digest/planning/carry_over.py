"""Papers that come to a subscriber although they are not new.

They are undelivered, from an e-mail that did not arrive, or trending, after they were listed elsewhere. Few subscribers
need this; for them an edition is chosen one by one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from digest.database.models import Paper
from digest.delivery import UndeliveredPapers
from digest.papers import TRENDING_LIMIT, Candidate, PaperSelection, choose_papers
from digest.planning.new_papers import NewPapers


@dataclass(frozen=True, slots=True)
class DueSubscriber:
    """Subscriber, as far as choosing papers needs. `query_rows` are those of the match matrix.

    `has_inclusion` is false where all queries are exclusions; `sources` are empty for papers of all.
    """

    id: int
    covered_listing_id: int
    cap: int
    trending: bool
    query_rows: tuple[int, ...]
    has_inclusion: bool
    sources: frozenset[str] = frozenset()
    about_only: bool = False

    @property
    def wants_trending(self) -> bool:
        """True for subscribers without keywords, and for those who asked for trending papers."""
        return self.trending or not self.has_inclusion


def choose_edition(
    subscriber: DueSubscriber,
    new_papers: NewPapers,
    matched: Sequence[Candidate],
    undelivered: UndeliveredPapers,
    papers_by_id: Mapping[int, Paper],
    delivered: set[int],
    sources_by_id: Mapping[int, Collection[str]] = MappingProxyType({}),
) -> PaperSelection:
    """Choose one subscriber's papers: what is new, within the cap, and on top what was carried and not delivered.

    A paper that was first listed after `covered_listing_id` cannot have been mailed to this subscriber. Only others,
    undelivered or trending, have to be compared with `delivered`. `sources_by_id`: who lists these others, for those
    who chose sources.
    """

    def is_wanted(paper_id: int) -> bool:
        chosen = subscriber.sources
        return paper_id not in delivered and (not chosen or not chosen.isdisjoint(sources_by_id.get(paper_id, ())))

    exclusion_rows = [row for row in subscriber.query_rows if new_papers.is_exclusion[row]]
    if exclusion_rows:
        undelivered_ids = {*undelivered.papers, *undelivered.omitted_papers} & papers_by_id.keys()
        delivered = delivered | {number for number in undelivered_ids if new_papers.is_excluded(number, exclusion_rows)}
    carried_papers = [
        papers_by_id[number] for number in undelivered.papers if number in papers_by_id and is_wanted(number)
    ]
    if subscriber.has_inclusion:
        candidates = (new_papers.matched_candidate(paper, subscriber.query_rows) for paper in carried_papers)
        carried = [candidate for candidate in candidates if candidate and candidate.is_about >= subscriber.about_only]
        if not matched and not carried:
            return PaperSelection((), ())  # no match, no e-mail: trending papers only come along
    else:
        carried = [Candidate.from_paper(paper) for paper in carried_papers]
    trending: list[Candidate] = []
    if subscriber.wants_trending:
        trending = [
            candidate
            for candidate in new_papers.trending
            if candidate.first_listing_id > subscriber.covered_listing_id
            and is_wanted(candidate.paper_id)
            and not (exclusion_rows and new_papers.is_excluded(candidate.paper_id, exclusion_rows))
        ]
        if subscriber.has_inclusion:
            trending += undelivered_trending(carried_papers, carried)
    trending_limit = TRENDING_LIMIT if subscriber.has_inclusion else subscriber.cap
    selection = choose_papers(matched, trending, cap=subscriber.cap, trending_limit=trending_limit)
    omitted_ids = [number for number in undelivered.omitted_papers if is_wanted(number)]
    return add_undelivered(selection, [*matched, *trending], carried, omitted_ids)


def undelivered_trending(carried_papers: Sequence[Paper], carried: Sequence[Candidate]) -> list[Candidate]:
    """Return the papers that came along as trending in an e-mail that was not delivered, and may come along again."""
    matched_ids = {candidate.paper_id for candidate in carried}
    return [
        Candidate.from_paper(paper)
        for paper in carried_papers
        if paper.id not in matched_ids and paper.upvotes is not None
    ]


def add_undelivered(
    selection: PaperSelection,
    candidates: Sequence[Candidate],
    carried: Sequence[Candidate],
    omitted_ids: Sequence[int],
) -> PaperSelection:
    """Add undelivered papers beyond the cap: they were within the cap of an e-mail that did not arrive."""
    if not carried and not omitted_ids:
        return selection
    selected_ids = set(selection.paper_ids)
    selected = [candidate for candidate in candidates if candidate.paper_id in selected_ids]
    ranked = choose_papers([*selected, *carried], cap=len(selected_ids) + len(carried))
    remaining_ids = dict.fromkeys([*selection.omitted_ids, *omitted_ids])
    ranked_ids = set(ranked.paper_ids)
    return PaperSelection(ranked.paper_ids, tuple(number for number in remaining_ids if number not in ranked_ids))
