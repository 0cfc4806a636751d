"""Papers that come to a reader by another door than being new: returned from a letter that did not arrive, or trending
after they were listed elsewhere. Few readers need this; for them an edition is chosen one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
    reader: Reader, pool: Pool, new: Sequence[Candidate], returned: Sequence[Paper], had: set[int]
) -> Edition:
    """One reader's edition. `new` are the new papers that match, `returned` those of letters that did not arrive, `had`
    those of letters that did.

    A paper that entered after `covered_to` cannot have been mailed to this reader. Only what comes in by another door
    has to be held against `had`.
    """
    back = [paper for paper in returned if paper.id not in had]
    known = {each.paper for each in new}
    matched = [*new, *(each for paper in back if paper.id not in known and (each := pool.matched(paper, reader.queries)))]
    if reader.asks and not matched:
        return Edition((), ())  # no match, no mail: the top three only come along
    trending = _trending(reader, pool, back, had | {each.paper for each in matched}) if reader.wants_trending else []
    return choose(matched, trending, cap=reader.cap, top=TOP_THREE if reader.asks else reader.cap)


def _trending(reader: Reader, pool: Pool, back: Sequence[Paper], known: set[int]) -> list[Candidate]:
    found = [each.candidate for each in pool.trending if each.candidate.entered > reader.covered_to]
    found += [candidate(paper) for paper in back if paper.upvotes is not None or not reader.asks]
    excluding = [place for place in reader.queries if pool.queries[place].exclude]
    return [
        each
        for each in found
        if each.paper not in known and not (excluding and pool.excluded(each.paper, excluding))
    ]
