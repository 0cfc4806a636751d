"""Which papers are close to which profiles: one sparse product for a block of subscribers.

A paper is close when the words of the profile that it has make up CLOSE_SHARE of the weight of all words of the
profile. One word alone is never enough, as heavy as it may be.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from digest.matching import CLOSE_SHARE, PaperTerms, shared_terms, weigh_terms
from digest.planning.match_matrix import BoolArray, IntArray

if TYPE_CHECKING:
    import numpy.typing as npt

CLOSE_LIMIT = 3  # papers in one digest
LEAST_WORDS = 2
NAMED_WORDS = 5  # of those that a paper has, at most
CELLS_AT_A_TIME = 4_000_000  # of subscribers x papers: this bounds the memory of the product

Profile = Mapping[str, float]  # words and their weights
PairFilter = Callable[[IntArray, IntArray], BoolArray]  # of positions of profiles and of papers, in pairs


class ProfileMatch(NamedTuple):
    """Paper that is close to a profile; `position` is its place among `papers`."""

    share: float
    paper_id: int
    position: int
    papers: "ProfilePapers"
    profile: Profile

    def words(self) -> tuple[str, ...]:
        """Return the keys of the profile that the paper has, those that count most first."""
        return shared_terms(self.profile, self.papers.presence_at(self.position))


class ClosePaperWords(NamedTuple):
    """Paper for a digest, and the keys of the words that brought it."""

    paper_id: int
    words: tuple[str, ...]


def choose_closest(matches: Iterable[ProfileMatch]) -> list[ClosePaperWords]:
    """Return the closest of these papers, as many as a digest may have; each with its words."""
    chosen: list[ClosePaperWords] = []
    for match in sorted(matches, key=lambda match: (-match.share, -match.paper_id)):
        words = match.words()
        if len(words) >= LEAST_WORDS:
            chosen.append(ClosePaperWords(match.paper_id, words[:NAMED_WORDS]))
            if len(chosen) == CLOSE_LIMIT:
                break
    return chosen


@dataclass(frozen=True, slots=True)
class ProfilePapers:
    """Papers that profiles are compared with: for each its title and abstract."""

    paper_ids: IntArray
    texts: Sequence[tuple[str, str]]
    terms: PaperTerms
    _presence: dict[int, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def build(cls, texts: Mapping[int, tuple[str, str]]) -> "ProfilePapers":
        """Read papers, given by id. One without a text is close to nobody."""
        return cls(np.array(list(texts), dtype=np.int64), list(texts.values()), PaperTerms(list(texts.values())))

    def presence_at(self, position: int) -> Mapping[str, float]:
        """Return what each term of a paper counts; worked out once, for papers that are close to a profile."""
        if position not in self._presence:
            self._presence[position] = weigh_terms(*self.texts[position])
        return self._presence[position]

    def match(self, profiles: Sequence[Profile], is_candidate: PairFilter) -> "ProfileMatches":
        """Find the papers that are close to each profile, as far as they are candidates for it."""
        step = max(1, CELLS_AT_A_TIME // max(len(self.paper_ids), 1))
        parts = [
            self._match_block(profiles[start : start + step], start, is_candidate)
            for start in range(0, len(profiles), step)
        ]
        rows, columns, shares = (
            np.concatenate([part[at] for part in parts]) if parts else np.empty(0, dtype=kind)
            for at, kind in enumerate((np.int64, np.int64, np.float64))
        )
        order = np.lexsort((-self.paper_ids[columns], -shares, rows))
        offsets = np.searchsorted(rows[order], np.arange(len(profiles) + 1))
        return ProfileMatches(self, profiles, offsets, columns[order], shares[order])

    def _match_block(
        self, profiles: Sequence[Profile], first_row: int, is_candidate: PairFilter
    ) -> "tuple[IntArray, IntArray, npt.NDArray[np.float64]]":
        cells = self.terms.compare(profiles, CLOSE_SHARE).tocoo()
        rows, columns = cells.row.astype(np.int64) + first_row, cells.col.astype(np.int64)
        counts = is_candidate(rows, columns)
        return rows[counts], columns[counts], cells.data[counts]


@dataclass(frozen=True, slots=True)
class ProfileMatches:
    """Pairs of a profile and a paper that is close to it: those of profile n lie from `offsets[n]` to the next."""

    papers: ProfilePapers
    profiles: Sequence[Profile]
    offsets: IntArray
    columns: IntArray
    shares: "npt.NDArray[np.float64]"

    def of_profile(self, position: int) -> Iterator[ProfileMatch]:
        """Yield the papers close to a profile, the closest first."""
        begin, end = int(self.offsets[position]), int(self.offsets[position + 1])
        columns, shares = self.columns[begin:end], self.shares[begin:end].tolist()
        paper_ids = self.papers.paper_ids[columns].tolist()
        for share, paper_id, column in zip(shares, paper_ids, columns.tolist(), strict=True):
            yield ProfileMatch(share, paper_id, column, self.papers, self.profiles[position])


def accept_all(rows: IntArray, _columns: IntArray) -> BoolArray:
    """Take every pair as a candidate."""
    return np.ones(len(rows), dtype=bool)
