"""A line cut into the signs of the grammar and the words between them. Every piece knows its place in the line.

What is in quotes is one token. An operator is one only in capitals and alone; a field only right before its colon;
a dash only before a word and behind a blank. All else is words.
"""

import re
import unicodedata
from enum import Enum
from typing import NamedTuple

from digest.errors import QueryError
from digest.matching.phrases import refused

FIELDS = {
    "title": "title", "ti": "title", "abstract": "abstract", "abs": "abstract", "all": "any",
    "author": "author", "au": "author", "category": "category", "cat": "category",
    "source": "source", "org": "org", "has": "has",
}  # fmt: skip


_TAGS = {
    "ti": "title", "title": "title", "tiab": "any", "title/abstract": "any", "tw": "any", "all fields": "any",
    "ab": "abstract", "abstract": "abstract", "au": "author", "author": "author", "ad": "org",
}  # fmt: skip


_UNKNOWN_TAGS = "mesh|mh|majr|mesh terms|pt|dp|pdat|la|ta|journal|sb|pmid"


_DATES = {"submitteddate", "lastupdateddate", "date", "year", "published"}


_ELSEWHERE = "co|jr|rn|id|submittedDate|lastUpdatedDate|date|year|published|journal|venue|keyword|tag|affiliation"


_NAMES = rf"(?i:title|abstract|author|category|source|org|has)|ti|abs|au|cat|all|{_ELSEWHERE}"


_DASHES = "-\u2010-\u2013\u2212"


_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


_QUOTE = re.compile('["\u201c\u201d\u201e\u00ab\u00bb]')  # phones write “ and ” for "


_URL_OPERATOR = re.compile(r"\+(?:AND|OR|ANDNOT|NOT)\+")


_PERCENT_SIGN = re.compile(r"%2[0289]|%3A", re.IGNORECASE)


_PERCENT = {"%20": "   ", "%22": '"  ', "%28": "(  ", "%29": ")  ", "%3A": ":  "}


class Kind(Enum):
    """What a token is. WORDS are plain words; all others end them."""

    OPEN = "("
    CLOSE = ")"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    ANDNOT = "ANDNOT"
    DASH = "-"
    FIELD = "field"
    TAG = "tag"
    UPVOTES = "upvotes"
    QUOTED = "quoted"
    WORDS = "words"


OPERATORS = {
    "AND": Kind.AND, "&&": Kind.AND, "OR": Kind.OR, "|": Kind.OR, "||": Kind.OR,
    "NOT": Kind.NOT, "ANDNOT": Kind.ANDNOT,
}  # fmt: skip


_FIELD = rf"(?<!\w)(?P<name>{_NAMES})"


_INNER_FIELD = re.compile(rf"(?<!-){_FIELD}:(?=\S)")


_TAGGED = "|".join([*_TAGS, _UNKNOWN_TAGS])


_TOKEN = re.compile(
    rf"""
      (?P<blank>\s+)
    | (?P<open>\() | (?P<close>\))
    | (?P<upvotes>(?<!\w)(?i:upvotes)\s*:?\s*(?P<sign>[<>=\u2264\u2265]=?)\s*(?P<count>[^\s()"]*))
    | (?P<votes>(?<!\w)(?:(?i:upvotes)\s*:(?=\s*\d)|(?i:citations|comments|stars|likes|votes)\s*[<>=\u2264\u2265]))
    | (?P<field>{_FIELD}(?::(?=\S)|(?P<apart>\s*:)))
    | (?P<tag>(?<=[\w"\u201c\u201d\u00bb*)])\ ?\[(?P<tagged>(?i:{_TAGGED.replace(" ", chr(92) + " ")}))\])
    | (?P<dash>(?<![^\s(])[{_DASHES}](?=[\w"\u201c\u201d\u201e\u00ab(]))
    | (?P<run>[^\s()"\u201c\u201d\u201e\u00ab\u00bb\[]+|\[)
    """,
    re.VERBOSE,
)


_ANYTHING_ELSE = re.compile(r"[^\w\s.,/'-]|(?<!\S)-|\b(?:AND|OR|NOT|ANDNOT)\b")


_LEADING = re.compile(r"[-\u2010-\u2015\u2212]+(?=\w)")


_SIGNS = {">": ">", "<": "<", "=": "=", "==": "=", ">=": ">=", "<=": "<=", "\u2265": ">=", "\u2264": "<="}


_MOST_UPVOTES = 9  # digits


class Token(NamedTuple):
    """One piece of the line, from `start` up to `end`. `value` is a field's name, a tag's field, or a comparison."""

    kind: Kind
    start: int
    end: int
    value: str = ""


def readable(text: str, longest: int) -> str:
    """The text with tabs and line ends as blanks and %28 as (, as long as before: places stay right."""
    if not text.strip():
        raise QueryError("an empty keyword: write the words to look for", position=1)
    start = len(text) - len(text.lstrip())
    if max(len(text.strip()), start) > longest:
        advice = f"a query has at most {longest} characters, this has {len(text.rstrip())}"
        raise refused("too long", longest, advice)
    if text.isascii() and text.isprintable() and "%" not in text and "+" not in text:
        return text.rstrip()
    line = "".join(" " if char.isspace() else char for char in text.rstrip())
    for index, char in enumerate(line):
        if unicodedata.category(char) in {"Cc", "Cs"} or char in _BIDI:
            raise refused(f"invisible control character U+{ord(char):04X}", index, "remove it")
    if _URL_OPERATOR.search(line):  # copied from an address: every + is a blank there
        line = line.replace("+", " ")
    return _PERCENT_SIGN.sub(lambda found: _PERCENT[found.group().upper()], line)


def is_plain(line: str) -> bool:
    """Whether a line holds nothing but words and harmless signs. Most do, and need not be cut."""
    return _ANYTHING_ELSE.search(line) is None


def cut(line: str) -> list[Token]:
    """The tokens of a line. QueryError for an unclosed quote and for signs that mean nothing here."""
    quotes = [found.start() for found in _QUOTE.finditer(line)]
    if len(quotes) % 2:
        raise refused("unclosed quote", quotes[-1], 'add a closing " or remove this one')
    closing = dict(zip(quotes[::2], quotes[1::2], strict=True))
    tokens: list[Token] = []
    place = 0
    while place < len(line):
        if place in closing:
            tokens.append(Token(Kind.QUOTED, place, closing[place] + 1))
        elif (found := _TOKEN.match(line, place)) is None:
            raise RuntimeError(f"no token at {place} of {line!r}")
        elif found["blank"]:
            place = found.end()
            continue
        else:
            tokens.append(_token(found, tokens))
        place = tokens[-1].end
    return tokens


def _token(found: re.Match[str], before: list[Token]) -> Token:
    start, end = found.span()
    if found["open"] or found["close"]:
        return Token(Kind(found.group()), start, end)
    if found["upvotes"]:
        return Token(Kind.UPVOTES, start, end, _comparison(found))
    if found["votes"]:
        raise refused(repr(found.group()), start, "compare upvotes only, as in upvotes>=20; or quote the words")
    if found["field"] and not (found["apart"] and before and before[-1].kind is Kind.WORDS):
        return Token(Kind.FIELD, start, end, _field(found))
    if found["tag"]:
        return Token(Kind.TAG, start, end, _tag(found))
    if found["dash"]:
        return Token(Kind.DASH, start, end)
    return _words(found)


def _comparison(found: re.Match[str]) -> str:
    sign, count = _SIGNS.get(found["sign"]), found["count"]
    if sign is None or not count.isdecimal() or not count.isascii() or len(count) > _MOST_UPVOTES:
        raise refused(repr(found.group()), found.start(), "write a number, as in upvotes>20 or upvotes<=5")
    return f"{sign}{int(count)}"


def _field(found: re.Match[str]) -> str:
    name = found["name"]
    if name.lower() in FIELDS:
        return FIELDS[name.lower()]
    if name.lower() in _DATES:
        advice = "every letter brings what was listed since the last one, so dates cannot be asked for; remove this"
    else:
        advice = "there are title:, abstract:, author:, category:, source:, org: and has:code; or quote the words"
    raise refused(f"'{name}:'", found.start(), advice)


def _tag(found: re.Match[str]) -> str:
    field = _TAGS.get(found["tagged"].lower())
    if field is None:
        advice = "of PubMed's tags [ti], [tiab], [ab] and [au] are understood; remove this one or quote the words"
        raise refused(f"'{found.group().strip()}'", found.end() - len(found.group().strip()), advice)
    return field


def _words(found: re.Match[str]) -> Token:
    start, run = found.start(), found.group().rstrip()
    if inner := _INNER_FIELD.search(found.string, start + 1, found.end()):
        run = run[: inner.start() - start]
    if run in OPERATORS:
        return Token(OPERATORS[run], start, start + len(run))
    if "|" in run and not (run[0] == run[-1] == "|"):
        raise refused("'|'", start + run.index("|"), "write OR between the words, or quote them")
    if dashes := _LEADING.match(run):
        advice = "one plain dash excludes a word, a blank behind the dash makes it punctuation"
        raise refused(f"'{dashes.group()}'", start, advice)
    return Token(Kind.WORDS, start, start + len(run))
