"""How many papers have a term, and which terms tell papers apart.

Counted are only terms that stand in titles. What authors put into titles is what a paper is about, and what people can
read in a list of words; the phrases of scientific prose fall away without a list of them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from digest.matching.normalize import split_words
from digest.matching.similarity.paper_terms import TermSpan, list_terms

SMALL_CORPUS = 2000  # papers; below, a term is kept that fewer papers have
MIN_PAPERS, MIN_PAPERS_OF_PAIR, MIN_TITLES = 3, 5, 2
MIN_PAPERS_IF_SMALL = 2
TITLE_SHARE = 0.03  # of the papers with a term, those that have it in their titles
COMMON_SHARE = 0.20  # of all papers; what more of them have tells little
COMMON_COUNT = 20  # papers that may have a term, however few there are


@dataclass(frozen=True, slots=True)
class CountedTerm:
    """Term, how most papers write it, and how many have it."""

    term: str
    label: str
    paper_count: int


@dataclass(slots=True)
class TermCounter:
    """Count of terms, in two passes over the papers: all titles, then all texts. So pairs of prose take no memory."""

    paper_count: int = 0
    _titles: Counter[str] = field(default_factory=Counter)
    _papers: Counter[str] = field(default_factory=Counter)
    _votes: dict[str, tuple[str, int]] = field(default_factory=dict)

    def read_titles(self, titles: Iterable[str]) -> None:
        """Count the terms of titles."""
        for title in titles:
            self._titles.update({span.term for span in list_terms(split_words(title))})

    def read_papers(self, texts: Iterable[tuple[str, str]]) -> None:
        """Count the terms of titles and abstracts, once the titles of all of them are counted."""
        for title, abstract in texts:
            self.paper_count += 1
            found: set[str] = set()
            for text in (title, abstract):
                for span in list_terms(split_words(text)):
                    if span.term in self._titles:
                        found.add(span.term)
                        if not (text is title and abstract) and not _begins_sentence(span, text):
                            self._vote(span.term, " ".join(text[span.start : span.end].split()))
            self._papers.update(found)

    def _vote(self, term: str, label: str) -> None:
        """Let a spelling of a term vote for itself (Boyer and Moore, 1991): the one of most papers stays."""
        leading, votes = self._votes.get(term, ("", 0))
        if votes == 0:
            self._votes[term] = label, 1
        else:
            self._votes[term] = leading, votes + 1 if leading == label else votes - 1

    def choose(self) -> list[CountedTerm]:
        """Return the terms that tell papers apart, in alphabetical order."""
        is_small = self.paper_count < SMALL_CORPUS
        most = max(COMMON_SHARE * self.paper_count, COMMON_COUNT)
        chosen = []
        for term, count in sorted(self._papers.items()):
            least = MIN_PAPERS_IF_SMALL if is_small else MIN_PAPERS_OF_PAIR if " " in term else MIN_PAPERS
            titles = max(1 if is_small else MIN_TITLES, TITLE_SHARE * count)
            if least <= count <= most and self._titles[term] >= titles:
                chosen.append(CountedTerm(term, self._votes.get(term, (term, 0))[0], count))
        return chosen


def _begins_sentence(span: TermSpan, text: str) -> bool:
    """Return whether a term has its capital only because a sentence begins with it. Titles have theirs anywhere."""
    before = text[: span.start].rstrip()
    return text[span.start].isupper() and (not before or before[-1] in ".!?:")
