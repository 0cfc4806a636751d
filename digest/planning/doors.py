"""Papers that come to a reader by another door than being new: owed from a letter that did not arrive, or trending
after they were listed elsewhere. Few readers need this; for them an edition is chosen one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.deliveries import Owed
from digest.editions import Candidate, Edition, choose
from digest.models import Paper
from digest.planning.pool import Pool, candidate

TOP_THREE = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader, as far as choosing papers needs. `queries` are places in the pool; `asks`: one is no exclusion."""

    id: int
    covered_to: int
    cap: int
    trending: bool
    queries: tuple[int, ...]
    asks: bool

    @property
    def wants_trending(self) -> bool:
        """The day's trending papers are for readers without keywords, and for those who asked for the top three."""
        return self.trending or not self.asks


def edition_for(
    reader: Reader, pool: Pool, matched: Sequence[Candidate], owed: Owed, known: Mapping[int, Paper], had: set[int]
) -> Edition:
    """One reader's edition: what is new, within the cap, and on top what earlier letters carried and did not deliver.

    A paper that entered after `covered_to` cannot have been mailed to this reader. Only what comes in by another door
    (owed, or trending after it was listed elsewhere) has to be held against `had`.
    """
    excluding = [place for place in reader.queries if pool.excluding[place]]
    owed_numbers = {*owed.papers, *owed.left_out} & known.keys() if excluding else ()
    had = had | {number for number in owed_numbers if pool.excluded(number, excluding)}
    carried = [known[number] for number in owed.papers if number in known and number not in had]
    again = [candidate(paper, queries=0) for paper in carried]
    if reader.asks:
        again = [each for paper in carried if (each := pool.matched(paper, reader.queries))]
    if reader.asks and not matched and not again:
        return Edition((), ())  # no match, no mail: the top three only come along
    trending: list[Candidate] = []
    if reader.wants_trending:
        trending = [each for each in _trending(reader, pool, excluding) if each.paper not in had]
        trending += top_three_of(carried, again) if reader.asks else []
    chosen = choose(matched, trending, cap=reader.cap, top=TOP_THREE if reader.asks else reader.cap)
    return with_owed(chosen, [*matched, *trending], again, [each for each in owed.left_out if each not in had])


def _trending(reader: Reader, pool: Pool, excluding: Sequence[int]) -> list[Candidate]:
    """What began to trend since, and what none of the reader's exclusions finds."""
    found = [each for each in pool.trending if each.entered > reader.covered_to]
    return [each for each in found if not pool.excluded(each.paper, excluding)] if excluding else found


def top_three_of(carried: Sequence[Paper], again: Sequence[Candidate]) -> list[Candidate]:
    """What came along with a lost letter as trending, and may come along again."""
    matched = {each.paper for each in again}
    return [candidate(paper, queries=0) for paper in carried if paper.id not in matched and paper.upvotes is not None]


def with_owed(
    chosen: Edition, fresh: Sequence[Candidate], again: Sequence[Candidate], left_out: Sequence[int]
) -> Edition:
    """Room for what is owed, beyond the cap: it was within the cap of a letter that did not arrive."""
    if not again and not left_out:
        return chosen
    taken = set(chosen.papers)
    ranked = choose([*(each for each in fresh if each.paper in taken), *again], cap=len(taken) + len(again))
    rest = dict.fromkeys([*chosen.left_out, *left_out])
    return Edition(ranked.papers, tuple(number for number in rest if number not in set(ranked.papers)))
