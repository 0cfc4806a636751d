"""Rows of relevance: what the ranking rule puts into an e-mail of twenty papers, against the rule before it.

The rule before asked for the number of keywords, the title, upvotes and the later listing, and gave no keyword a seat.
How relevant a paper is to a keyword is told by what neither rule looks at: how near its terms are to those of other
papers, of other days, whose titles have the keyword. An interest is five keywords that people follow; the day has a
thousand papers.
"""

import random
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from digest.matching import Hit, Matcher, PaperDocument, TermCounter, TermSpace, parse
from digest.papers import Candidate, choose_papers
from tests.benchmarks.harness import Result, RowSkipped
from tests.benchmarks.population import DATA, keywords, paper_texts

INTERESTS, KEYWORDS_EACH = 90, 5
PAPERS, DAY = 20_000, 1000
MIN_TITLES = 3  # of other days that have a keyword, so that it is known what it is about
RARE_MATCHES = 3  # papers of the day that a rare keyword finds at most
CAP = 20
MIN_NDCG = 0.59
Column = npt.NDArray[Any]


class Interest(NamedTuple):
    """Matches of five keywords, and how relevant each paper of the day is."""

    hits: Sequence[Sequence[Hit]]
    relevance: Column


def ranked_relevance() -> Result:
    """NDCG at 20 of the e-mails; goal: that of the rule before, but for a hundredth."""
    seated = np.mean([ndcg(choose(interest), interest.relevance) for interest in draw_interests()])
    before = np.mean([ndcg(choose_as_before(interest), interest.relevance) for interest in draw_interests()])
    assert seated >= MIN_NDCG
    return Result(measured=float(seated), baseline=float(before), unit="NDCG@20", goal=0.99)


def rare_keywords_shown() -> Result:
    """Rare keywords of which an e-mail has a paper; goal: all of them. The baseline is the rule before."""
    seated, before = (np.mean([*shown_shares(rule)]) for rule in (choose, choose_as_before))
    assert seated == 1
    return Result(measured=float(seated), baseline=float(before), unit="share", goal=1)


def shown_shares(rule: Any) -> Sequence[bool]:
    """Return for each rare keyword whether the e-mail has a paper of it."""
    shown = list[bool]()
    for interest in draw_interests():
        chosen = set(rule(interest))
        rare = [hits for hits in interest.hits if 0 < len(hits) <= RARE_MATCHES]
        shown += [any(hit.document in chosen for hit in hits) for hits in rare]
    return shown


def choose(interest: Interest) -> Sequence[int]:
    """Choose as planning does."""
    return choose_papers(candidates_of(interest), cap=CAP).paper_ids


def choose_as_before(interest: Interest) -> Sequence[int]:
    """Choose by the rule of commit d364e5e."""
    found = candidates_of(interest)
    ranked = sorted(found, key=lambda c: (-c.query_count, not c.in_title, -c.upvotes, -c.first_listing_id))
    return [candidate.paper_id for candidate in ranked[:CAP]]


def candidates_of(interest: Interest) -> list[Candidate]:
    found: dict[int, Candidate] = {}
    for number, hits in enumerate(interest.hits):
        for hit in hits:
            previous = found.get(hit.document, Candidate(hit.document, hit.document))
            found[hit.document] = Candidate(
                hit.document,
                hit.document,
                0,
                previous.query_count + 1,
                previous.in_title or hit.in_title,
                previous.is_about or hit.is_about,
                (*previous.queries, number),
            )
    return list(found.values())


def ndcg(chosen: Sequence[int], relevance: Column) -> float:
    """Return the normalized discounted cumulative gain: 1 where the most relevant papers come first."""
    discounts = 1 / np.log2(np.arange(2, CAP + 2))
    best = np.sort(relevance)[::-1][:CAP]
    return float(relevance[list(chosen)] @ discounts[: len(chosen)] / (best @ discounts))


@cache
def draw_interests() -> tuple[Interest, ...]:
    """Draw interests of keywords that the day has, at least one of them rare."""
    if not DATA.is_dir():
        raise RowSkipped("the recorded papers are not here")
    texts = [(text.title, text.abstract) for text in paper_texts(PAPERS)]
    counter = TermCounter()
    counter.read_titles(title for title, _ in texts)
    counter.read_papers(texts)
    space = TermSpace.from_counts(counter.choose(), counter.paper_count)
    queries = list({query.canonical: query for query in map(parse, keywords()) if not query.exclude}.values())
    documents = [PaperDocument(number, title, abstract) for number, (title, abstract) in enumerate(texts)]
    of_day = Matcher(queries).match(documents[:DAY])
    in_titles = Matcher(queries).match([PaperDocument(n, title) for n, (title, _) in enumerate(texts[DAY:])])
    usable = [n for n in range(len(queries)) if of_day[n] and len(in_titles[n]) >= MIN_TITLES]
    vectors, others = space.vectorize(texts[:DAY]), space.vectorize(texts[DAY:])
    relevance = {n: np.asarray(vectors @ prototype(others, in_titles[n])).ravel() for n in usable}
    rare = [n for n in usable if len(of_day[n]) <= RARE_MATCHES]
    rng = random.Random(23)
    drawn = [[rng.choice(rare), *rng.sample(usable, KEYWORDS_EACH - 1)] for _ in range(INTERESTS)]
    return tuple(
        Interest([of_day[n] for n in numbers], np.max([relevance[n] for n in numbers], axis=0)) for numbers in drawn
    )


def prototype(vectors: Any, hits: Sequence[Hit]) -> Column:
    """Return the mean direction of some papers."""
    mean = np.asarray(vectors[[hit.document for hit in hits]].sum(axis=0)).ravel()
    direction: Column = mean / np.linalg.norm(mean)
    return direction
