"""Phrases from words as entered: which are joined, what is a single letter, where a star may stand."""

import re
from dataclasses import replace

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.acronyms import NO_ACRONYMS, AcronymTable
from digest.matching.forms import is_ambiguous_alone, to_american
from digest.matching.normalize import BREAK, NO_GAP, Words, split_words
from digest.matching.phrases.forms import build_phrase, join_keys, split_forms
from digest.matching.terms import ACRONYM_SIGN, Phrase, TextField, is_capitals

MAX_PHRASE_LENGTH = 200  # characters
MAX_PHRASE_WORDS = 20
MIN_PREFIX_LENGTH = 3  # letters before a star
_STAR = re.compile(r"(?<![^\W_])[A-Za-z]\*|(?P<star>\*)")  # A* and Q* are names


def syntax_error(message: str, index: int) -> QueryError:
    """Return an error at a position, counted from 0 here and from 1 in the error."""
    return QueryError(message, position=index + 1)


def parse_phrase(
    text: str,
    offset: int,
    field: TextField = "any",
    *,
    quoted: bool = False,
    acronyms: AcronymTable | None = None,
) -> Phrase:
    """Parse words as a phrase: exact in quotes, with every tolerance without. `offset`: position in the query.

    `acronyms`: None for a canonical text, which names the long forms itself.
    """
    star = next((match.start() for match in _STAR.finditer(text) if match["star"]), None)
    if star is not None and quoted:
        raise syntax_error(messages.STAR_IN_QUOTES, offset + star)
    if len(text) > MAX_PHRASE_LENGTH:
        raise syntax_error(messages.phrase_too_long(MAX_PHRASE_LENGTH, len(text)), offset + MAX_PHRASE_LENGTH)
    if star is not None:
        phrase = _parse_prefix(text, offset, field, star)
    else:
        words = _split_words(text, offset, is_canonical=acronyms is None)
        original = words.text[words.starts[0] : words.ends[0]]
        capital = words.keys[0].upper()
        if len(words.keys) == len(capital) == 1 and original.isupper() and capital.lower() == words.keys[0]:
            phrase = Phrase((capital,), (), quoted, field, source_text=capital)
        elif quoted and len(words.keys) == 1 and is_capitals(original):
            phrase = Phrase((original,), (), quoted, field, source_text=original)
        elif quoted or _is_ambiguous(words):
            phrase = Phrase(*_exact_words(words), True, field, source_text=_strip_parentheses(text))
        else:
            phrase = _tolerant_phrase(words, field, _strip_parentheses(text), acronyms)
    if len(phrase.canonical) > MAX_PHRASE_LENGTH:  # ligatures and the like grow; what is stored must parse again
        raise syntax_error(messages.canonical_phrase_too_long(MAX_PHRASE_LENGTH), offset)
    return phrase


def _tolerant_phrase(words: Words, field: TextField, source_text: str, acronyms: AcronymTable | None) -> Phrase:
    parts, gaps = split_forms(words, acronyms if field != "org" else NO_ACRONYMS)
    phrase = build_phrase(parts, gaps, field, source_text)
    is_too_long = len(phrase.canonical) > MAX_PHRASE_LENGTH or phrase.canonical.count(ACRONYM_SIGN) > MAX_PHRASE_WORDS
    if is_too_long and acronyms:  # for other forms
        return build_phrase(*split_forms(words, NO_ACRONYMS), field, source_text)
    return phrase


def _parse_prefix(text: str, offset: int, field: TextField, star: int) -> Phrase:
    """Parse a phrase with a word that is only begun: `pretrain*`, `language model*`, `neural net* pruning`."""
    if split_words(text[:star]).ends[-1:].tolist() != [star] or text[star + 1 : star + 2].isalnum():
        raise syntax_error(messages.STAR_ALONE, offset + star)
    words = _split_words(text[:star], offset)
    beginning = to_american(words.exact[-1].replace("'", ""))  # the plural of a beginning is unknown
    joined, separators = join_keys([*words.keys[:-1], beginning], words.gaps, is_prefix=True)
    if sum(map(str.isalnum, joined[-1])) < MIN_PREFIX_LENGTH:
        raise syntax_error(messages.beginning_too_short(MIN_PREFIX_LENGTH), offset + star)
    following = text[star + 1 :].strip(" )")
    tail = None
    if following:
        if BREAK in split_words(text[star - 1] + text[star + 1 :]).gaps[1:2]:
            raise syntax_error(messages.STAR_BEFORE_PUNCTUATION, offset + star + 1)
        tail = parse_phrase(text[star + 1 :], offset + star + 1, acronyms=NO_ACRONYMS)
        tail = replace(tail, forms=())
    phrase = Phrase(joined, separators, False, field, prefix=True, tail=tail, source_text=_strip_parentheses(text))
    american = to_american(f"{beginning}e").removesuffix("e")  # of optimis* that is optimiz*
    if american == beginning:
        return phrase
    other_words = (*joined[:-1], joined[-1].removesuffix(beginning) + american)
    return replace(phrase, forms=(phrase, replace(phrase, words=other_words)))


def _split_words(text: str, offset: int, *, is_canonical: bool = False) -> Words:
    words = split_words(text)
    if not words.keys:
        raise syntax_error(messages.NO_WORDS, offset)
    gaps = zip(words.starts, words.gaps, strict=True)
    separated = [start for start, gap in gaps if gap != NO_GAP or start == words.starts[0]]
    if len(separated) > MAX_PHRASE_WORDS * (1 + is_canonical):  # which has long forms besides
        raise syntax_error(messages.too_many_words(MAX_PHRASE_WORDS), offset + separated[MAX_PHRASE_WORDS])
    return words


def _is_ambiguous(words: Words) -> bool:
    """Return whether a text is one word that has other forms in a phrase only, or whose key is such a word."""
    return is_ambiguous_alone("".join(words.keys)) or (len(words.keys) == 1 and is_ambiguous_alone(words.exact[0]))


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
