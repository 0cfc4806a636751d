"""Papers that come to a reader by another door than being new: owed from a letter that did not arrive, or trending
after they were listed elsewhere. Few readers need this; for them an edition is chosen one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.database.models import Paper
from digest.delivery import UndeliveredPapers
from digest.papers import Candidate, PaperSelection, choose_papers
from digest.planning.new_papers import NewPapers, candidate_from_paper

TRENDING_LIMIT = 3


@dataclass(frozen=True, slots=True)
class DueSubscriber:
    """One reader, as far as choosing papers needs. `queries` are places in the pool; `asks`: one is no exclusion."""

    id: int
    covered_listing_id: int
    cap: int
    trending: bool
    query_rows: tuple[int, ...]
    has_inclusion: bool

    @property
    def wants_trending(self) -> bool:
        """The day's trending papers are for readers without keywords, and for those who asked for the top three."""
        return self.trending or not self.has_inclusion


def choose_edition(
    subscriber: DueSubscriber,
    new_papers: NewPapers,
    matched: Sequence[Candidate],
    undelivered: UndeliveredPapers,
    papers_by_id: Mapping[int, Paper],
    delivered: set[int],
) -> PaperSelection:
    """One reader's edition: what is new, within the cap, and on top what earlier letters carried and did not deliver.

    A paper that entered after `covered_to` cannot have been mailed to this reader. Only what comes in by another door
    (owed, or trending after it was listed elsewhere) has to be held against `had`.
    """
    exclusion_rows = [place for place in subscriber.query_rows if new_papers.is_exclusion[place]]
    undelivered_ids = {*undelivered.papers, *undelivered.left_out} & papers_by_id.keys() if exclusion_rows else ()
    delivered = delivered | {number for number in undelivered_ids if new_papers.is_excluded(number, exclusion_rows)}
    carried_papers = [
        papers_by_id[number] for number in undelivered.papers if number in papers_by_id and number not in delivered
    ]
    carried_candidates = [candidate_from_paper(paper, queries=0) for paper in carried_papers]
    if subscriber.has_inclusion:
        carried_candidates = [
            each for paper in carried_papers if (each := new_papers.matched_candidate(paper, subscriber.query_rows))
        ]
    if subscriber.has_inclusion and not matched and not carried_candidates:
        return PaperSelection((), ())  # no match, no mail: the top three only come along
    trending: list[Candidate] = []
    if subscriber.wants_trending:
        trending = [
            each
            for each in _trending_candidates(subscriber, new_papers, exclusion_rows)
            if each.paper_id not in delivered
        ]
        trending += undelivered_trending(carried_papers, carried_candidates) if subscriber.has_inclusion else []
    selection = choose_papers(
        matched,
        trending,
        cap=subscriber.cap,
        trending_limit=TRENDING_LIMIT if subscriber.has_inclusion else subscriber.cap,
    )
    return add_undelivered(
        selection,
        [*matched, *trending],
        carried_candidates,
        [each for each in undelivered.left_out if each not in delivered],
    )


def _trending_candidates(
    subscriber: DueSubscriber, new_papers: NewPapers, exclusion_rows: Sequence[int]
) -> list[Candidate]:
    """What began to trend since, and what none of the reader's exclusions finds."""
    candidates = [each for each in new_papers.trending if each.first_listing_id > subscriber.covered_listing_id]
    return (
        [each for each in candidates if not new_papers.is_excluded(each.paper_id, exclusion_rows)]
        if exclusion_rows
        else candidates
    )


def undelivered_trending(carried_papers: Sequence[Paper], carried_candidates: Sequence[Candidate]) -> list[Candidate]:
    """What came along with a lost letter as trending, and may come along again."""
    matched_ids = {each.paper_id for each in carried_candidates}
    return [
        candidate_from_paper(paper, queries=0)
        for paper in carried_papers
        if paper.id not in matched_ids and paper.upvotes is not None
    ]


def add_undelivered(
    selection: PaperSelection,
    candidates: Sequence[Candidate],
    carried_candidates: Sequence[Candidate],
    omitted_ids: Sequence[int],
) -> PaperSelection:
    """Room for what is owed, beyond the cap: it was within the cap of a letter that did not arrive."""
    if not carried_candidates and not omitted_ids:
        return selection
    selected_ids = set(selection.paper_ids)
    ranked = choose_papers(
        [*(each for each in candidates if each.paper_id in selected_ids), *carried_candidates],
        cap=len(selected_ids) + len(carried_candidates),
    )
    remaining_ids = dict.fromkeys([*selection.omitted_ids, *omitted_ids])
    return PaperSelection(
        ranked.paper_ids, tuple(number for number in remaining_ids if number not in set(ranked.paper_ids))
    )
