"""Phrases from words as entered: which are joined, what is a single letter, where a star may stand."""

import re

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.forms import to_key
from digest.matching.normalize import BREAK, HYPHEN, NO_GAP, SPACE, Words, can_join, split_words
from digest.matching.terms import Phrase, TextField

MAX_PHRASE_LENGTH = 200  # characters
MAX_PHRASE_WORDS = 20
MIN_PREFIX_LENGTH = 3  # letters before a star
_STAR = re.compile(r"(?<![^\W_])[A-Za-z]\*|(?P<star>\*)")  # A* and Q* are names


def syntax_error(message: str, index: int) -> QueryError:
    """Return an error at a position, counted from 0 here and from 1 in the error."""
    return QueryError(message, position=index + 1)


def parse_phrase(text: str, offset: int, field: TextField = "any", *, quoted: bool = False) -> Phrase:
    """Parse words as a phrase: exact in quotes, with every tolerance without. `offset`: position in the query."""
    star = next((match.start() for match in _STAR.finditer(text) if match["star"]), None)
    if star is not None and quoted:
        raise syntax_error(messages.STAR_IN_QUOTES, offset + star)
    if len(text) > MAX_PHRASE_LENGTH:
        raise syntax_error(messages.phrase_too_long(MAX_PHRASE_LENGTH, len(text)), offset + MAX_PHRASE_LENGTH)
    if star is not None:
        words = _split_before_star(text, offset, star)
        joined, separators = _join_words(words, is_prefix=True)
        if sum(map(str.isalnum, joined[-1])) < MIN_PREFIX_LENGTH:
            raise syntax_error(messages.beginning_too_short(MIN_PREFIX_LENGTH), offset + star)
        phrase = Phrase(joined, separators, False, field, prefix=True, source_text=_strip_parentheses(text))
    else:
        words = _split_words(text, offset)
        original = words.text[words.starts[0] : words.ends[0]]
        capital = words.keys[0].upper()
        if len(words.keys) == len(capital) == 1 and original.isupper() and capital.lower() == words.keys[0]:
            phrase = Phrase((capital,), (), quoted, field, source_text=capital)
        else:
            joined, separators = _exact_words(words) if quoted else _join_words(words, is_prefix=False)
            phrase = Phrase(joined, separators, quoted, field, source_text=_strip_parentheses(text))
    if len(phrase.canonical) > MAX_PHRASE_LENGTH:  # ligatures and the like grow; what is stored must parse again
        raise syntax_error(messages.canonical_phrase_too_long(MAX_PHRASE_LENGTH), offset)
    return phrase


def _split_words(text: str, offset: int) -> Words:
    words = split_words(text)
    if not words.keys:
        raise syntax_error(messages.NO_WORDS, offset)
    gaps = zip(words.starts, words.gaps, strict=True)
    separated = [start for start, gap in gaps if gap != NO_GAP or start == words.starts[0]]
    if len(separated) > MAX_PHRASE_WORDS:
        raise syntax_error(messages.too_many_words(MAX_PHRASE_WORDS), offset + separated[MAX_PHRASE_WORDS])
    return words


def _split_before_star(text: str, offset: int, star: int) -> Words:
    """Split a phrase whose last word is only begun: `pretrain*`, `language model*`."""
    if text[star + 1 :].strip(" )"):
        raise syntax_error(messages.STAR_NOT_LAST, offset + star)
    if split_words(text[:star]).ends[-1:].tolist() != [star]:
        raise syntax_error(messages.STAR_ALONE, offset + star)
    words = _split_words(text[:star], offset)
    words.keys[-1] = words.exact[-1].replace("'", "")  # the plural of a beginning is unknown
    return words


def _strip_parentheses(text: str) -> str:
    """Return a phrase as entered, without parentheses around all of it."""
    stripped = " ".join(text.split())
    while stripped[:1] == "(" and stripped[-1:] == ")" and "(" not in stripped[1:] and ")" not in stripped[:-1]:
        stripped = stripped[1:-1].strip()
    return stripped


def _exact_words(words: Words) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words of a quoted phrase and the gaps between them: `a$b` is what a text has as ab, too."""
    spelled = "".join(
        (", " if gap == BREAK else gap) + word for gap, word in zip(["", *words.gaps[1:]], words.exact, strict=True)
    )
    again = split_words(spelled)
    return tuple(again.exact), tuple(again.gaps[1:])


def _join_words(words: Words, *, is_prefix: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words with joinable ones joined, and the separators between them.

    What would look like a plural when joined (use gps, usegps) keeps its last words separate. `is_prefix`: the last
    word is only a beginning.
    """
    joined: list[str] = []
    separators: list[str] = []
    group = [words.keys[0]]
    pairs = zip(words.keys, words.keys[1:], words.gaps[1:], strict=False)
    for left, right, gap in [*pairs, ("", "", "")]:
        if right and gap != BREAK and can_join(left, right, gap if right == "++" else SPACE):
            group.append(right)
            continue
        size = len(group)
        if right or not is_prefix:
            while size > 1 and to_key("".join(group[:size])) != "".join(group[:size]):
                size -= 1
        joined.append("".join(group[:size]))
        joined += group[size:]
        separators += [HYPHEN] * (len(group) - size)
        if right:
            hyphenated = gap != SPACE and can_join(left, right, HYPHEN)
            separators.append(gap if gap == BREAK else HYPHEN if hyphenated else SPACE)
            group = [right]
    return tuple(joined), tuple(separators)
