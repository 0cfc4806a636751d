"""Papers close to a subscriber's profile: the words that brought each, as its text writes them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from digest.database.models import CLOSE_WORD_SEPARATOR
from digest.formatting import clean_line
from digest.matching import BREAK, Words, split_words
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
    """Return words of a paper by their keys, each as the abstract writes it most often, else as the title does."""
    texts = [split_words(text) for text in (paper.abstract, paper.title)]
    found = (next(filter(None, (_usual_spelling(words, key.split(" ")) for words in texts)), "") for key in keys)
    return tuple(dict.fromkeys(word for word in found if word))


def _usual_spelling(words: Words, key: Sequence[str]) -> str:
    """Return how a text writes adjacent words most often; empty where it does not have them."""
    length, spellings = len(key), Counter[str]()
    for position, first in enumerate(words.keys):
        is_found = first == key[0] and words.keys[position : position + length] == list(key)
        if is_found and BREAK not in words.gaps[position + 1 : position + length]:
            spellings[clean_line(words.text[words.starts[position] : words.ends[position + length - 1]])] += 1
    return spellings.most_common(1)[0][0] if spellings else ""
