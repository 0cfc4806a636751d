"""Papers close to a subscriber's profile: the words that brought each, as its text writes them."""

from collections.abc import Iterator, Mapping, Sequence

from digest.database.models import CLOSE_WORD_SEPARATOR
from digest.formatting import clean_line
from digest.matching import shared_words
from digest.papers import PaperSnapshot
from digest.rendering.contexts import ClosePaper


def explain_close_papers(
    papers: Mapping[int, PaperSnapshot], paper_ids: Sequence[int], recorded_words: Sequence[str]
) -> Iterator[ClosePaper]:
    """Yield these papers with the words that brought them, recorded as keys.

    A paper whose text has none of them any more is left out, and so is a word that it no longer has.
    """
    for number, keys in zip(paper_ids, recorded_words, strict=False):
        paper = papers.get(number)
        if paper and (words := find_words(paper, keys.split(CLOSE_WORD_SEPARATOR))):
            yield ClosePaper(paper=paper, words=words)


def find_words(paper: PaperSnapshot, keys: Sequence[str]) -> tuple[str, ...]:
    """Return words of a paper by their keys, each as the paper writes it, in the order of the keys."""
    equal = dict.fromkeys(keys, 1.0)
    found = {word.term: word.text for word in shared_words(equal, paper.title, paper.abstract, limit=len(keys))}
    return tuple(dict.fromkeys(clean_line(found[key]) for key in keys if found.get(key)))
