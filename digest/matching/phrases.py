"""From the words somebody wrote to a phrase: what is joined, what is one letter, where a star may stand."""

import re

from digest.errors import QueryError
from digest.matching.normalize import BREAK, HYPHEN, NO_GAP, SPACE, Words, can_join, split_words
from digest.matching.plurals import to_singular
from digest.matching.terms import Field, Phrase

MAX_PHRASE_LENGTH = 200  # characters


MAX_PHRASE_WORDS = 20


MIN_PREFIX_LENGTH = 3  # letters before a star


_STAR = re.compile(r"(?<![^\W_])[A-Za-z]\*|(?P<it>\*)")  # A* and Q* are names


def refused(what: str, index: int, advice: str) -> QueryError:
    """An error at a place, counted from 0 here and from 1 for people."""
    return QueryError(f"{what} at character {index + 1}: {advice}", position=index + 1)


def bare(text: str, offset: int, field: Field = "any") -> Phrase:
    """Words without quotes: one phrase with every tolerance. `offset` is the place of the text in the query."""
    star = next((found.start() for found in _STAR.finditer(text) if found["it"]), None)
    _check_length(text, offset)
    if star is not None:
        return _prefix(text, offset, field, star)
    words = _words(text, offset)
    phrase = _one_letter(words, exact=False, field=field) or _joined(words, field)
    return _short_enough(phrase, offset)


def quoted(text: str, offset: int, field: Field = "any") -> Phrase:
    """Exactly these words."""
    for found in _STAR.finditer(text):
        if found["it"]:
            advice = "inside quotes words stand for themselves; for beginnings of words leave the quotes out"
            raise refused("star", offset + found.start(), advice)
    _check_length(text, offset)
    words = _words(text, offset)
    phrase = _one_letter(words, exact=True, field=field)
    phrase = phrase or Phrase(tuple(words.exact), tuple(words.gaps[1:]), True, field, source_text=_tidy(text))
    return _short_enough(phrase, offset)


def _check_length(text: str, offset: int) -> None:
    if len(text) > MAX_PHRASE_LENGTH:
        advice = f"a keyword has at most {MAX_PHRASE_LENGTH} characters, this has {len(text)}; AND and OR join several"
        raise refused("too long", offset + MAX_PHRASE_LENGTH, advice)


def _short_enough(phrase: Phrase, offset: int) -> Phrase:
    """Signs that are spelt out (ligatures) may grow; what is stored must be readable again."""
    if len(phrase.canonical) > MAX_PHRASE_LENGTH:
        raise refused("too long", offset, f"spelt out this has more than {MAX_PHRASE_LENGTH} characters")
    return phrase


def _tidy(text: str) -> str:
    """As written, without brackets around all of it."""
    said = " ".join(text.split())
    while said[:1] == "(" and said[-1:] == ")" and "(" not in said[1:] and ")" not in said[:-1]:
        said = said[1:-1].strip()
    return said


def _words(text: str, offset: int) -> Words:
    words = split_words(text)
    if not words.keys:
        raise QueryError("no letter and no digit: write the words to look for", position=offset + 1)
    apart = [
        start for start, gap in zip(words.starts, words.gaps, strict=True) if gap != NO_GAP or start == words.starts[0]
    ]
    if len(apart) > MAX_PHRASE_WORDS:
        raise refused("too many words", offset + apart[MAX_PHRASE_WORDS], f"a keyword has at most {MAX_PHRASE_WORDS}")
    return words


def _one_letter(words: Words, *, exact: bool, field: Field) -> Phrase | None:
    if len(words.keys) > 1 or not words.text[words.starts[0] : words.ends[0]].isupper():
        return None
    capital = words.keys[0].upper()
    if len(capital) > 1 or capital.lower() != words.keys[0]:
        return None
    return Phrase((capital,), (), exact, field, source_text=capital)


def _prefix(text: str, offset: int, field: Field, star: int) -> Phrase:
    """A phrase whose last word is only begun: `pretrain*`, `language model*`."""
    if text[star + 1 :].strip(" )"):
        advice = "only the end of the last word may have one (language model*); join several with AND"
        raise refused("star", offset + star, advice)
    if split_words(text[:star]).ends[-1:].tolist() != [star]:
        raise refused("star", offset + star, "put it right behind the beginning of a word, as in pretrain*")
    words = _words(text[:star], offset)
    words.keys[-1] = words.exact[-1].replace("'", "")
    groups, joints = _runs(words, whole=True)
    if sum(map(str.isalnum, groups[-1])) < MIN_PREFIX_LENGTH:
        raise refused("star", offset + star, f"at least {MIN_PREFIX_LENGTH} letters must stand before it")
    phrase = Phrase(groups, joints, False, field, prefix=True, source_text=_tidy(text))
    return _short_enough(phrase, offset)


def _joined(words: Words, field: Field) -> Phrase:
    groups, joints = _runs(words, whole=False)
    return Phrase(groups, joints, False, field, source_text=_tidy(words.text))


def _runs(words: Words, *, whole: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The joinable words joined, and the joints between the rest. `whole`: the last word is only a beginning."""
    groups: list[str] = []
    joints: list[str] = []
    run = [words.keys[0]]
    for left, right, gap in zip(words.keys, words.keys[1:], words.gaps[1:], strict=False):
        if gap != BREAK and can_join(left, right, gap if right == "++" else SPACE):
            run.append(right)
            continue
        _close(run, groups, joints)
        joints.append(gap if gap == BREAK else HYPHEN if can_join(left, right, HYPHEN) and gap != SPACE else SPACE)
        run = [right]
    if whole:
        groups.append("".join(run))
    else:
        _close(run, groups, joints)
    return tuple(groups), tuple(joints)


def _close(run: list[str], groups: list[str], joints: list[str]) -> None:
    """Add a run as one word; what would look like a plural then (use gps, usegps) keeps its last words apart."""
    size = len(run)
    while size > 1 and to_singular("".join(run[:size])) != "".join(run[:size]):
        size -= 1
    groups.append("".join(run[:size]))
    for word in run[size:]:
        joints.append(HYPHEN)
        groups.append(word)
