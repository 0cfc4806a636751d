"""Tokens of a keyword: the signs of the grammar and the words between them, each with its position in the line.

Quoted text is one token. An operator counts only in capitals and alone, a field only right before its colon, a dash
only before a word and after a blank. All else is words.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from digest.matching import messages
from digest.matching.phrases import syntax_error

FIELDS = {
    "title": "title", "ti": "title", "abstract": "abstract", "abs": "abstract", "all": "any",
    "author": "author", "au": "author", "category": "category", "cat": "category",
    "source": "source", "org": "org", "has": "has", "journal": "journal", "subject": "subject", "doi": "doi",
    "kind": "kind", "like": "like",
}  # fmt: skip
_TAGS = {
    "ti": "title", "title": "title", "tiab": "any", "title/abstract": "any", "tw": "any", "all fields": "any",
    "ab": "abstract", "abstract": "abstract", "au": "author", "author": "author", "ad": "org", "ta": "journal",
    "journal": "journal", "mh": "subject", "mesh": "subject", "mesh terms": "subject", "pt": "kind",
}  # fmt: skip
_UNKNOWN_TAGS = "majr|dp|pdat|la|sb|pmid"
_DATE_FIELDS = {"submitteddate", "lastupdateddate", "date", "year", "published"}
_FOREIGN_FIELDS = "co|jr|rn|id|submittedDate|lastUpdatedDate|date|year|published|venue|keyword|tag|affiliation"
_OWN_FIELDS = "title|abstract|author|category|source|org|has|journal|subject|doi|kind|like"
_FIELD_NAMES = rf"(?i:{_OWN_FIELDS})|ti|abs|au|cat|all|{_FOREIGN_FIELDS}"
_DASHES = "-\u2010-\u2013\u2212"
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_QUOTE = re.compile('["\u201c\u201d\u201e\u00ab\u00bb]')  # phones write “ and ” for "
_URL_OPERATOR = re.compile(r"\+(?:AND|OR|ANDNOT|NOT)\+")
_PERCENT_CODE = re.compile(r"%2[0289]|%3A", re.IGNORECASE)
_PERCENT_DECODED = {"%20": "   ", "%22": '"  ', "%28": "(  ", "%29": ")  ", "%3A": ":  "}


class TokenKind(Enum):
    """Kinds of tokens. WORDS are plain words; all others end them."""

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
    "AND": TokenKind.AND, "&&": TokenKind.AND, "OR": TokenKind.OR, "|": TokenKind.OR, "||": TokenKind.OR,
    "NOT": TokenKind.NOT, "ANDNOT": TokenKind.ANDNOT,
}  # fmt: skip
_FIELD = rf"(?<!\w)(?P<name>{_FIELD_NAMES})"
_INNER_FIELD = re.compile(rf"(?<!-){_FIELD}:(?=\S)")
_TAG_NAMES = "|".join([*_TAGS, _UNKNOWN_TAGS])
_TOKEN = re.compile(
    rf"""
      (?P<blank>\s+)
    | (?P<open>\() | (?P<close>\))
    | (?P<upvotes>(?<!\w)(?i:upvotes)\s*:?\s*(?P<sign>[<>=\u2264\u2265]=?)\s*(?P<count>[^\s()"]*))
    | (?P<votes>(?<!\w)(?:(?i:upvotes)\s*:(?=\s*\d)|(?i:citations|comments|stars|likes|votes)\s*[<>=\u2264\u2265]))
    | (?P<field>{_FIELD}(?::(?=\S)|(?P<apart>\s*:)))
    | (?P<tag>(?<=[\w"\u201c\u201d\u00bb*)])\ ?\[(?P<tagged>(?i:{_TAG_NAMES.replace(" ", chr(92) + " ")}))\])
    | (?P<dash>(?<![^\s(])[{_DASHES}](?=[\w"\u201c\u201d\u201e\u00ab(]))
    | (?P<run>[^\s()"\u201c\u201d\u201e\u00ab\u00bb\[]+|\[)
    """,
    re.VERBOSE,
)
_DOI_VALUE = re.compile(r'[^\s"\u201c\u201d\u201e\u00ab\u00bb(][^\s"\u201c\u201d\u201e\u00ab\u00bb]*')
_SYNTAX = re.compile(r"[^\w\s.,/'-]|(?<!\S)-|\b(?:AND|OR|NOT|ANDNOT)\b")
_LEADING_DASHES = re.compile(r"[-\u2010-\u2015\u2212]+(?=\w)")
_COMPARISONS = {">": ">", "<": "<", "=": "=", "==": "=", ">=": ">=", "<=": "<=", "\u2265": ">=", "\u2264": "<="}
_MAX_UPVOTE_DIGITS = 9  # digits


@dataclass(frozen=True, slots=True)
class Token:
    """Characters of a line from `start` up to `end`. `value` is the field of a name or tag, or a comparison."""

    kind: TokenKind
    start: int
    end: int
    value: str = ""


def normalize_line(text: str, max_length: int) -> str:
    """Turn tabs and line ends into blanks and %28 into (, without changing the position of anything."""
    if not text.strip():
        raise syntax_error(messages.EMPTY, 0)
    start = len(text) - len(text.lstrip())
    if max(len(text.strip()), start) > max_length:
        raise syntax_error(messages.line_too_long(max_length, len(text.rstrip())), max_length)
    if text.isascii() and text.isprintable() and "%" not in text and "+" not in text:
        return text.rstrip()
    line = "".join(" " if char.isspace() else char for char in text.rstrip())
    for index, char in enumerate(line):
        if unicodedata.category(char) in {"Cc", "Cs"} or char in _BIDI:
            raise syntax_error(messages.control_character(ord(char)), index)
    if _URL_OPERATOR.search(line):  # copied from a URL: every + is a blank there
        line = line.replace("+", " ")
    return _PERCENT_CODE.sub(lambda match: _PERCENT_DECODED[match.group().upper()], line)


def is_plain_text(line: str) -> bool:
    """Return whether a line holds nothing but words and punctuation, as most do, and needs no tokens."""
    return _SYNTAX.search(line) is None


def tokenize(line: str) -> list[Token]:
    """Split a line into tokens. QueryError for an unclosed quote and for signs without a meaning here."""
    quotes = [match.start() for match in _QUOTE.finditer(line)]
    if len(quotes) % 2:
        raise syntax_error(messages.UNCLOSED_QUOTE, quotes[-1])
    closing = dict(zip(quotes[::2], quotes[1::2], strict=True))
    tokens: list[Token] = []
    position = 0
    while position < len(line):
        if position in closing:
            tokens.append(Token(TokenKind.QUOTED, position, closing[position] + 1))
        elif tokens and tokens[-1].value in {"doi", "like"} and (match := _DOI_VALUE.match(line, position)):
            tokens.append(Token(TokenKind.WORDS, position, position + _doi_length(match.group())))
        elif (match := _TOKEN.match(line, position)) is None:
            raise RuntimeError(f"no token at {position} of {line!r}")
        elif match["blank"]:
            position = match.end()
            continue
        else:
            tokens.append(_to_token(match, tokens))
        position = tokens[-1].end
    return tokens


def _doi_length(text: str) -> int:
    """Return how much of a text is a DOI, which has parentheses in pairs: doi:10.1016/S0140-6736(20)30183-5."""
    length, opened = 0, 0
    for char in text:
        opened += (char == "(") - (char == ")")
        if opened < 0:
            break
        length += 1
    return length


def match_parentheses(tokens: Sequence[Token], max_depth: int) -> dict[int, int]:
    """Return the pairs of parentheses with nothing but words in them, as positions of tokens.

    QueryError for single ones and for more than `max_depth` within each other.
    """
    opened: list[tuple[int, int]] = []
    signs = 0
    plain: dict[int, int] = {}
    for number, token in enumerate(tokens):
        if token.kind is TokenKind.OPEN:
            opened.append((number, signs))
            if len(opened) > max_depth:
                raise syntax_error(messages.too_deeply_nested(max_depth), token.start)
        elif token.kind is TokenKind.CLOSE:
            if not opened:
                raise syntax_error(messages.UNOPENED_PARENTHESIS, token.start)
            first, signs_before = opened.pop()
            if signs_before == signs:
                plain[first] = number
        elif token.kind is not TokenKind.WORDS:
            signs += 1
    if opened:
        raise syntax_error(messages.UNCLOSED_PARENTHESIS, tokens[opened[-1][0]].start)
    return plain


def _to_token(match: re.Match[str], previous: Sequence[Token]) -> Token:
    start, end = match.span()
    if match["open"] or match["close"]:
        return Token(TokenKind(match.group()), start, end)
    if match["upvotes"]:
        sign, count = _COMPARISONS.get(match["sign"]), match["count"]
        if sign is None or not count.isdecimal() or not count.isascii() or len(count) > _MAX_UPVOTE_DIGITS:
            raise syntax_error(messages.INVALID_UPVOTES, start)
        return Token(TokenKind.UPVOTES, start, end, f"{sign}{int(count)}")
    if match["votes"]:
        raise syntax_error(messages.OTHER_COUNTS, start)
    if match["field"] and not (match["apart"] and previous and previous[-1].kind is TokenKind.WORDS):
        return Token(TokenKind.FIELD, start, end, _parse_field(match))
    if match["tag"]:
        field = _TAGS.get(match["tagged"].lower())
        if field is None:
            raise syntax_error(messages.UNKNOWN_TAG, end - len(match.group().strip()))
        return Token(TokenKind.TAG, start, end, field)
    if match["dash"]:
        return Token(TokenKind.DASH, start, end)
    return _parse_words(match)


def _parse_field(match: re.Match[str]) -> str:
    name = match["name"]
    if name.lower() in FIELDS:
        return FIELDS[name.lower()]
    is_date = name.lower() in _DATE_FIELDS
    raise syntax_error(messages.NO_DATES if is_date else messages.UNKNOWN_FIELD, match.start())


def _parse_words(match: re.Match[str]) -> Token:
    """Return an operator, or the words up to a field that begins within them."""
    start, run = match.start(), match.group().rstrip()
    if inner := _INNER_FIELD.search(match.string, start + 1, match.end()):
        run = run[: inner.start() - start]
    if run in OPERATORS:
        return Token(OPERATORS[run], start, start + len(run))
    if "|" in run and not (run[0] == run[-1] == "|"):
        raise syntax_error(messages.PIPE_IN_WORD, start + run.index("|"))
    if _LEADING_DASHES.match(run):
        raise syntax_error(messages.WRONG_DASHES, start)
    return Token(TokenKind.WORDS, start, start + len(run))
