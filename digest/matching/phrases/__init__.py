"""Phrases: from words as entered, and many of them found in one text.

- `forms`: forms of a phrase: acronyms, and words with a digit
- `index`: many phrases in one text
- `parse`: phrases from words as entered
- `prefilter`: words that may begin one of many phrases
- `sorted_keys`: keys in order, and the runs of words that spell them
"""

from digest.matching.phrases.index import (
    Occurrence,
    PhraseIndex,
    find_sequence,
    fits_gaps,
    is_standalone,
    split_words_cached,
)
from digest.matching.phrases.parse import (
    MAX_PHRASE_LENGTH,
    MAX_PHRASE_WORDS,
    MIN_PREFIX_LENGTH,
    parse_phrase,
    syntax_error,
)
from digest.matching.phrases.sorted_keys import HIGHEST_CHARACTER

__all__ = [
    "HIGHEST_CHARACTER",
    "MAX_PHRASE_LENGTH",
    "MAX_PHRASE_WORDS",
    "MIN_PREFIX_LENGTH",
    "Occurrence",
    "PhraseIndex",
    "find_sequence",
    "fits_gaps",
    "is_standalone",
    "parse_phrase",
    "split_words_cached",
    "syntax_error",
]
