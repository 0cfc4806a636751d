"""One word, however it is written: the forms that keyword and paper are compared by.

- `characters`: Greek letters and their names, umlauts, number words
- `plurals`: singular forms of English nouns
- `spelling`: British and American spelling
"""

from collections.abc import Iterator

from digest.matching.forms.characters import (
    has_greek,
    is_ambiguous_alone,
    other_characters,
    spell_greek,
    to_plain_characters,
)
from digest.matching.forms.plurals import to_singular
from digest.matching.forms.spelling import british_spellings, to_american

# Raise it when the forms of a word change: stored keywords are read again, and papers indexed again.
FORMS_VERSION = 1


def to_key(word: str) -> str:
    """Return the form that a word (in lower case, without accents) is compared by. Idempotent."""
    if word.isascii():
        return to_plain_characters(to_american(to_singular(word)))
    return to_key(spelled) if has_greek(word) and (spelled := spell_greek(word)).isascii() else to_singular(word)


def other_spellings(word: str) -> Iterator[str]:
    """Yield other ways to write a word (in lower case) that have the same key, but for plurals."""
    american = to_american(word)
    yield from other_characters(word)
    if american != word:
        yield american
    yield from [british for british in british_spellings(american) if british != word][:1]


__all__ = ["FORMS_VERSION", "is_ambiguous_alone", "other_spellings", "to_american", "to_key", "to_singular"]
