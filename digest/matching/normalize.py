"""Words of a text: where they stand, and what they are compared by.

A text is cut into words once. Each word keeps its place in the original, so a mark is right however many characters
folding adds or drops (ß, ligatures, combining marks, İ), and two foldings: `exact` (case and accents gone) and `key`
(also possessives and plurals gone). Between words stands one of four gaps. CJK has no blanks, so there each
character is a word of its own and a phrase of characters is found wherever it stands.
"""

import re
import unicodedata
from array import array
from functools import lru_cache
from typing import NamedTuple

from digest.matching.plurals import to_singular

NO_GAP, SPACE, HYPHEN, BREAK = "", " ", "-", ","


_CJK = (
    "\u1100-\u11ff\u3040-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\uffa0-\uffdc\U00020000-\U0003ffff"
)


# Marks that belong to the letter before them, among them vowel signs, the soft hyphen and zero-width joiners.
_MARKS = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
    "\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a51\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57"
    "\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3e-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d57\u0d81-\u0d83"
    "\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u102b-\u103e"
    "\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200d\u2060\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufeff\uff9e\uff9f"
)


# Signs that Unicode counts as letters or digits, but spells with brackets, dots and strokes: ½, ⑴, ⒈, 🄁.
_SPELT_OUT = "\u00bc-\u00be\u0e3f\u2150-\u215f\u2189\u2474-\u249b\u3190-\u319f\u3200-\u33ff\U0001f100-\U0001f10a"


_LETTER = rf"[^\W_{_CJK}{_MARKS}{_SPELT_OUT}]"


_APOSTROPHES = "'\u2019\u02bc"


_WORD = re.compile(
    rf"[A-Za-z](?:\+\+|[#*])"  # C++, C#, A*: the sign belongs to the name
    rf"|{_LETTER}+(?:[{_MARKS}]+{_LETTER}*|(?<=[0-9])\.(?=[0-9]){_LETTER}+|[{_APOSTROPHES}](?={_LETTER}){_LETTER}+)*"
    rf"|(?=[^\W_])[{_CJK}][{_MARKS}]*"
    r"|(?<=[^\W_])\+\+(?!\+)"  # PointNet++ is found by PointNet too, so here the sign is a word beside it
)


_ACRONYMS = re.compile(r"[A-Z]{2,}s")  # GPs are several GP, GPS is not


_DROPPED = re.compile("[\u00ad\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200d\u2060\u20d0-\u20f0"
                      "\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]")  # fmt: skip


_LETTERS = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th",
    "\u2019": "'", "\u02bc": "'",
})  # fmt: skip


_INVISIBLE = re.compile(r"[${}\\`]")  # left over from TeX: $k$-means is k-means


_JOINED = re.compile(r"(?:[-\u00ad\u2010-\u2013\u2212_]|--)(?:[^\S\n]*\n\s*)?")


_BROKEN = re.compile(
    r"[,.;:!?\u2026\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff1f\uff01\u2014\u2015]|---"
    r"|\s[-\u2010-\u2013\u2212]+\s|\n[^\S\n]*\n"
)


_SIGNS = "+#*"


_WIDE = "\u1100"  # CJK and its neighbours begin here


# Function words. They end joining: "are a" is not area, and robots "in formation" give no information.
FUNCTION_WORDS = frozenset(
    "a al an and are as at be but by can did do does et for from had has have he her him his how i if in into is it "  # noqa: SIM905
    "its may me my no nor not of on or our per s she so some such than that the their them then there these they this "
    "those to too us via vs was we were what when where which while who whom whose why will with within would you "
    "your".split()
)


class Words(NamedTuple):
    """The words of one text in order. `gaps[n]` stands before word n; starts and ends count original characters."""

    text: str
    keys: list[str]
    exact: list[str]
    starts: "array[int]"  # a list would have an object for each number: 12 KB a paper
    ends: "array[int]"
    gaps: list[str]


def split_words(text: str) -> Words:
    """Cut and fold a text."""
    words = Words(text, [], [], array("I"), array("I"), [])
    end = 0
    for found in _WORD.finditer(text):
        start, after = found.span()
        key, exact = fold_word(found.group())
        words.keys.append(key)
        words.exact.append(exact)
        words.gaps.append(gap_of(text[end:start]))
        words.starts.append(start)
        words.ends.append(after)
        end = after
    return words


@lru_cache(maxsize=1 << 14)  # some 5 MB
def fold_word(word: str) -> tuple[str, str]:
    """(key, exact) of one word."""
    exact = word.lower() if word.isascii() else _plain(word)
    if _ACRONYMS.fullmatch(word):
        return to_singular(exact[:-1]), exact
    return to_singular(exact.removesuffix("'s").replace("'", "")), exact


def _plain(word: str) -> str:
    """Without case and accents. Marks that make another letter (が, हि) stay; Greek and CJK stay themselves."""
    spelt = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    plain = unicodedata.normalize("NFC", _DROPPED.sub("", spelt).translate(_LETTERS))
    return "".join(plain.split()).strip("'") or word


@lru_cache(maxsize=1 << 12)
def gap_of(between: str) -> str:
    """What the characters between two words amount to. Brackets, quotes, slashes and symbols count as a blank."""
    if between == " ":
        return SPACE
    seen = _INVISIBLE.sub("", between)
    if not seen:
        return NO_GAP
    if _JOINED.fullmatch(seen):
        return HYPHEN
    return BREAK if _BROKEN.search(seen) else SPACE


@lru_cache(maxsize=1 << 14)
def can_join(left: str, right: str, gap: str) -> bool:
    """Whether two neighbouring words (keys) with this gap may also be read as one: fine tuning, finetuning.

    Never two digits (3 1 is not 31) and never over punctuation. A hyphen joins all else; a blank joins unless one
    side is a function word or a name with a sign (C++), or where Latin meets CJK.
    """
    if right == "++":
        return gap == NO_GAP
    if gap == BREAK or (left[-1].isdigit() and right[0].isdigit()):
        return False
    return gap != SPACE or not (
        left in FUNCTION_WORDS
        or right in FUNCTION_WORDS
        or left[-1] in _SIGNS
        or right[-1] in _SIGNS
        or (left[-1] >= _WIDE) != (right[0] >= _WIDE)
    )
