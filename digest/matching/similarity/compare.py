"""Profiles against papers: which share of a profile a paper has, and by which words.

The share is the weight of those words of the profile that the paper has, of the weight of all of its words. A word that
stands once in an abstract counts half. So the reason is always to be read in the paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from digest.matching.phrases import split_words_cached
from digest.matching.similarity.paper_terms import list_terms, weigh_terms
from digest.matching.similarity.space import SparseMatrix, Text

CLOSE_SHARE = 0.15  # from which on a paper is close to a profile, or like another paper
MAX_SHARED_WORDS = 5


@dataclass(frozen=True, slots=True)
class SharedWord:
    """Word of a profile in a paper, as the paper writes it, and the share that it brings."""

    term: str
    text: str
    share: float


class PaperTerms:
    """Terms of some papers, to be compared with any number of profiles."""

    def __init__(self, texts: Sequence[Text]) -> None:
        import numpy as np
        from scipy.sparse import csr_matrix

        self._rows: dict[str, int] = {}
        rows: list[int] = []
        values: list[float] = []
        offsets = [0]
        for title, abstract in texts:
            weights = weigh_terms(title, abstract)
            rows += [self._rows.setdefault(term, len(self._rows)) for term in weights]
            values += weights.values()
            offsets.append(len(rows))
        papers = csr_matrix(
            (np.asarray(values, dtype=np.float32), np.asarray(rows, dtype=np.int32), offsets),
            (len(texts), len(self._rows)),
        )
        self._papers: SparseMatrix = papers.T.tocsr()  # a row a term

    def compare(self, profiles: Sequence[Mapping[str, float]], floor: float = CLOSE_SHARE) -> SparseMatrix:
        """Return the shares of at least `floor`: a row a profile, a column a paper. Memory grows with the profiles."""
        import numpy as np
        from scipy.sparse import csr_matrix

        known = self._rows
        columns = [known.get(term, -1) for profile in profiles for term in profile]
        weights = np.fromiter(chain.from_iterable(map(dict.values, map(dict, profiles))), np.float32, len(columns))
        sizes = np.fromiter(map(len, profiles), np.int64, len(profiles))
        owners = np.repeat(np.arange(len(profiles)), sizes)
        totals = np.bincount(owners, weights=weights, minlength=len(profiles))
        is_known = np.asarray(columns, dtype=np.int32) >= 0
        values = (weights / np.maximum(totals, 1e-9)[owners]).astype(np.float32)[is_known]
        position = (owners[is_known], np.asarray(columns, dtype=np.int32)[is_known])
        shares = csr_matrix((values, position), (len(profiles), len(known))) @ self._papers
        shares.data[shares.data < floor] = 0
        shares.eliminate_zeros()
        return shares


def shared_words(
    profile: Mapping[str, float], title: str, abstract: str, limit: int = MAX_SHARED_WORDS
) -> list[SharedWord]:
    """Return the words that bring a paper to a profile, the heaviest first; a word within a pair is not repeated."""
    total = sum(profile.values())
    if total <= 0:
        return []
    spellings: dict[str, str] = {}
    for text in (title, abstract):
        for term, start, end in list_terms(split_words_cached(text)):
            if term in profile:
                spellings.setdefault(term, " ".join(text[start:end].split()))
    presence = weigh_terms(title, abstract)
    return [
        SharedWord(term, spellings[term], profile[term] * presence[term] / total)
        for term in islice(shared_terms(profile, presence), limit)
    ]


def shared_terms(profile: Mapping[str, float], presence: Mapping[str, float]) -> tuple[str, ...]:
    """Return the terms of a profile that a paper has (see `weigh_terms`), in the order of `shared_words`."""
    shares = {term: weight * presence[term] for term, weight in profile.items() if weight > 0 and term in presence}
    found = sorted(shares, key=lambda term: (-shares[term], term))
    paired = {word for term in found if " " in term for word in term.split(" ")}
    return tuple(term for term in found if term not in paired)
