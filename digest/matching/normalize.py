"""Words of a text: where they stand, and the normalized forms that they are compared by.

A text is split into words once. Each word keeps its position in the original, so a span is right however many
characters normalization adds or drops (ß, ligatures, combining marks, İ), and two forms: `exact` (without case and
accents) and `key` (also without possessives, plurals and
other spellings; see `forms`). Between two words is one of four gaps. CJK has no blanks, so
there each character is a word of its own and a phrase of characters is found wherever it stands.
"""

import re
import unicodedata
from array import array
from dataclasses import dataclass
from functools import lru_cache

from digest.matching.forms import to_key

NO_GAP, SPACE, HYPHEN, BREAK = "", " ", "-", ","

_CJK = (
    "\u1100-\u11ff\u3038-\u303a\u3040-\u30fa\u30fc-\u30ff\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\uffa0-\uffdc\U00020000-\U0003ffff"
)
# Marks that belong to the letter before them, among them vowel signs, the soft hyphen and zero-width joiners.
_MARKS = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"
    "\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a51\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57"
    "\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3e-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d57\u0d81-\u0d83"
    "\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u0f8d-\u0fbc\u102b-\u103e"
    "\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200d\u2060\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufeff\uff9e\uff9f"
)
# Signs that Unicode counts as letters or digits, but decomposes into brackets, dots and strokes: ½, ⑴, ⒈, 🄁.
_COMPATIBILITY_FORMS = (
    "\u00bc-\u00be\u0e3f\u2150-\u215f\u2189\u2474-\u249b\u3190-\u319f\u3200-\u33ff\U0001f100-\U0001f10a"
)
_ALNUM = rf"[^\W_{_CJK}{_MARKS}{_COMPATIBILITY_FORMS}]"
_APOSTROPHES = "'\u2019\u02bc"
_WORD = re.compile(
    rf"[A-Za-z](?:\+\+|[#*])"  # C++, C#, A*: the sign belongs to the name
    rf"|{_ALNUM}+(?:[{_MARKS}]+{_ALNUM}*|(?<=[0-9])\.(?=[0-9]){_ALNUM}+|[{_APOSTROPHES}](?={_ALNUM}){_ALNUM}+)*"
    rf"|(?=[^\W_])[{_CJK}][{_MARKS}]*"
    r"|(?<=[^\W_])\+\+(?!\+)"  # PointNet++ is found by PointNet too, so here the sign is a word beside it
)
_PLURAL_ACRONYM = re.compile(r"[A-Z]{2,}s")  # GPs are several GP, GPS is not
_IGNORED_MARKS = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200d\u2060\u20d0-\u20f0"
    "\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]"
)
_TRANSLITERATION = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th",
    "\u2019": "'", "\u02bc": "'",
})  # fmt: skip

_LATEX_REMNANTS = re.compile(r"[${}\\`]")  # left over from LaTeX: $k$-means is k-means
_HYPHEN_GAP = re.compile(r"(?:[-\u00ad\u2010-\u2013\u2212_]|--)(?:[^\S\n]*\n\s*)?")
_BREAK_GAP = re.compile(
    r"[,.;:!?\u2026\u3001\u3002\uff0c\uff0e\uff1a\uff1b\uff1f\uff01\u2014\u2015]|---"
    r"|\s[-\u2010-\u2013\u2212]+\s|\n[^\S\n]*\n"
)
# (1) begins an item and (D-1) is a formula, so neither is the number of the next word. In CO(2) and COVID-19) it is.
_ENUMERATOR = re.compile(r"(?:(?<![^\s(])\([0-9]{1,2}|(?<![^\W_])[A-Za-z]\s?[-+\u2212]\s?[0-9]{1,2})$")
_NAME_SYMBOLS = "+#*"
FIRST_WIDE_CHARACTER = "\u1100"  # CJK and its neighbors begin here: a character is a word

# Function words. They end joining: "are a" is not area, and robots "in formation" give no information.
FUNCTION_WORDS = frozenset(
    "a al an and are as at be but by can did do does et for from had has have he her him his how i if in into is it "  # noqa: SIM905
    "its may me my no nor not of on or our per s she so some such than that the their them then there these they this "
    "those to too us via vs was we were what when where which while who whom whose why will with within would you "
    "your".split()
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one text in order. `gaps[n]` precedes word n; starts and ends count original characters."""

    text: str
    keys: list[str]
    exact: list[str]
    starts: "array[int]"  # a list would have an object for each number: 12 KB a paper
    ends: "array[int]"
    gaps: list[str]


def split_words(text: str) -> Words:
    """Split a text into normalized words."""
    words = Words(text, [], [], array("I"), array("I"), [])
    previous_end = 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        key, exact = normalize_word(match.group())
        words.keys.append(key)
        words.exact.append(exact)
        gap = classify_gap(text[previous_end:start])
        # C. elegans, E.coli: the period ends no sentence. In "as in R. We" it does.
        if gap == BREAK and words.starts and _ends_genus(text, words.starts[-1], previous_end, start):
            gap = SPACE
        elif (
            gap != BREAK
            and text.startswith(")", previous_end)
            and _ENUMERATOR.search(text, max(0, previous_end - 8), previous_end)
        ):
            gap = BREAK
        words.gaps.append(gap)
        words.starts.append(start)
        words.ends.append(end)
        previous_end = end
    return words


def _ends_genus(text: str, start: int, end: int, following: int) -> bool:
    """Return whether the word from `start` to `end` is a capital whose period abbreviates, before a small letter."""
    is_capital = end - start == 1 and text[start].isupper()
    return is_capital and text[end:following].rstrip() == "." and text[following].islower()


@lru_cache(maxsize=1 << 14)  # some 5 MB
def normalize_word(word: str) -> tuple[str, str]:
    """Return (key, exact) of one word."""
    if word.isascii():
        exact = word.lower()
    else:  # marks that make another letter (が, हि) stay; Greek and CJK stay themselves
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
        folded = unicodedata.normalize("NFC", _IGNORED_MARKS.sub("", decomposed).translate(_TRANSLITERATION))
        # Some letters decompose into marks (ﹸ), a middle dot (ŀ) or several words (ゟ). What is returned is one word
        # again, so that a canonical form is read as what it was made from.
        exact = "".join(_WORD.findall("".join(folded.split()).strip("'")))
        if not _WORD.fullmatch(exact):
            exact = word
    if _PLURAL_ACRONYM.fullmatch(word):
        return to_key(exact[:-1]), exact
    return to_key(exact.removesuffix("'s").replace("'", "")), exact


@lru_cache(maxsize=1 << 12)
def classify_gap(separator: str) -> str:
    """Classify the characters between two words. Parentheses, quotes, slashes and symbols count as a blank."""
    if separator == " ":
        return SPACE
    visible = _LATEX_REMNANTS.sub("", separator)
    if not visible:
        return NO_GAP
    if _HYPHEN_GAP.fullmatch(visible):
        return HYPHEN
    return BREAK if _BREAK_GAP.search(visible) else SPACE


@lru_cache(maxsize=1 << 14)
def can_join(left: str, right: str, gap: str) -> bool:
    """Return whether two neighboring words (keys) with this gap may also be read as one: fine tuning, finetuning.

    Never two digits (3 1 is not 31) and never over punctuation. A hyphen joins all else; a blank joins unless one
    side is a function word or a name with a symbol (C++), or where Latin meets CJK.
    """
    if right == "++":
        return gap == NO_GAP
    if gap == BREAK or (left[-1].isdigit() and right[0].isdigit()):
        return False
    return gap != SPACE or not (
        left in FUNCTION_WORDS
        or right in FUNCTION_WORDS
        or left[-1] in _NAME_SYMBOLS
        or right[-1] in _NAME_SYMBOLS
        or (left[-1] >= FIRST_WIDE_CHARACTER) != (right[0] >= FIRST_WIDE_CHARACTER)
    )
