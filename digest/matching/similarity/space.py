"""Papers as vectors of their terms: the more often a paper has a term and the fewer others do, the heavier it is."""

from collections.abc import Iterable, Sequence
from math import log
from typing import Any, Self

from digest.matching.phrases import split_words_cached
from digest.matching.similarity.count_terms import CountedTerm
from digest.matching.similarity.paper_terms import list_terms

Text = tuple[str, str]  # title and abstract
SparseMatrix = Any  # csr_matrix; SciPy has no types


class TermSpace:
    """Terms of many papers: a column each, with its label for people and its weight.

    `terms` has all, in the order of their columns; `columns` is where one is found. `weights` has one a column: the
    logarithm of how many papers there are to each that has the term.
    """

    def __init__(self, labels: dict[str, str], weights: Sequence[float]) -> None:
        import numpy as np

        self.terms = tuple(labels)
        self.columns = {term: number for number, term in enumerate(labels)}
        self._labels = labels
        self.weights: np.ndarray[Any, np.dtype[np.float32]] = np.asarray(weights, dtype=np.float32)

    @classmethod
    def from_counts(cls, terms: Iterable[CountedTerm], paper_count: int) -> Self:
        """Create the space of counted terms."""
        counted = list(terms)
        labels = {term.term: term.label for term in counted}
        return cls(labels, [log((paper_count + 1) / (term.paper_count + 1)) for term in counted])

    def label(self, term: str) -> str:
        """Return how most papers write a term; one that the space does not have is its own label."""
        return self._labels.get(term, term)

    def vectorize(self, texts: Iterable[Text]) -> SparseMatrix:
        """Return a row of length 1 for each paper, without any number where it has no term of this space."""
        import numpy as np
        from scipy.sparse import csr_matrix

        columns: list[int] = []
        counts: list[int] = []
        offsets = [0]
        known = self.columns
        for text in texts:
            found: dict[int, int] = {}
            for part in text:
                for span in list_terms(split_words_cached(part)):
                    if (column := known.get(span.term)) is not None:
                        found[column] = found.get(column, 0) + 1
            columns += found.keys()
            counts += found.values()
            offsets.append(len(columns))
        values = (1 + np.log(np.asarray(counts, dtype=np.float32))) * self.weights[columns]
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(offsets) - 1))
        values = (values / np.maximum(lengths, 1e-9)[rows]).astype(np.float32)
        return csr_matrix((values, np.asarray(columns, dtype=np.int32), offsets), (len(offsets) - 1, len(known)))
