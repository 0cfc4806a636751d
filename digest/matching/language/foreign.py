"""Query syntax of other systems (Ovid, PubMed, Scopus, Web of Science) and lists in one line: found, and converted.

A line that is written so would be read as a phrase that no paper has. So it is refused at its place, and `convert`
offers the keywords that it means.
"""

import re
from dataclasses import dataclass

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.metadata import is_arxiv_category

_QUOTES = '"\u201c\u201d\u201e\u00ab\u00bb'
_QUOTED = re.compile(f"[{_QUOTES}][^{_QUOTES}]*[{_QUOTES}]")
_TEX = re.compile(r"\$[^$]{1,40}\$")
_NAMED = re.compile(r"(?i)\b(?:author|au|journal|doi|org)\s*:\s*\S.*")  # values with commas and periods of their own
_OVID_NAMES = "ti|ab|tw|kw|kf|mp|hw|sh|au|jn|pt|nm|ot"
_OVID_FIELD = re.compile(rf"(?<=[\w)*\"$?])\.(?:{_OVID_NAMES})(?:,(?:{_OVID_NAMES}))*\.?(?=$|[\s)])")
_PROXIMITY = re.compile(r"(?<=[\s)])(?:adj\d*|ADJ\d*|NEAR(?:/\d+)?|N\d|(?i:near|w|pre|next)/\d+)(?=[\s(])")
_FUNCTION_NAMES = "TITLE-ABS-KEY(?:-AUTH)?|TITLE-ABS|TITLE|ABS|KEY|AUTHKEY|AUTH|SRCTITLE|AFFIL|ALL|DOCTYPE|LIMIT-TO"
_FUNCTION = re.compile(rf"\b(?:{_FUNCTION_NAMES})\s*(?=\()")
_EQUATION = re.compile(r"\b(?:TS|TI|AB|AU|AK|SO|KP)\s*=\s*(?=[\w(\"])")
_TAG = re.compile(r"(?<=[\w\")*])\s?\[(?:mesh[^\]]*|tiab|ti|ab|tw|all fields|title/abstract|title)\]", re.IGNORECASE)
_TRUNCATION = re.compile(r"(?<=[A-Za-z]{2})(?:\$\d*(?=$|[\s).,A-Za-z])|[?#](?=[A-Za-z]))")
_OR = re.compile(r"(?<=[^\s(])\s+(or|Or)(?=\s)")  # behind any sign: C++ or C, U.S. or U.K.
_AND = re.compile(r"(?<=[^\s(])\s+(and|And|not|Not)(?=\s)")
_SEPARATOR = re.compile(r";|,(?=\s)|(?<!\d),(?!\d)")
_BARE_CATEGORY = re.compile(r"(?<![\w:.\-])[a-z-]{2,8}\.[A-Za-z][A-Za-z-]+(?![\w.\-])")


@dataclass(frozen=True, slots=True)
class ForeignSyntax:
    """Syntax of another system: where it stands in the line, and what is to be said about it."""

    index: int
    message: str


def find_foreign(line: str) -> ForeignSyntax | None:
    """Return the first syntax of another system in a line, if there is one outside quotation marks."""
    plain = _blank_out(line)
    rules = (
        (_FUNCTION, messages.FOREIGN_FUNCTION),
        (_EQUATION, messages.FOREIGN_FUNCTION),
        (_OVID_FIELD, messages.FOREIGN_FIELD),
        (_PROXIMITY, messages.FOREIGN_PROXIMITY),
        (_TRUNCATION, messages.FOREIGN_TRUNCATION),
        (_OR, messages.SMALL_OPERATOR),
        (_SEPARATOR, messages.LIST_IN_LINE),
    )
    found = [(match.start(), message) for pattern, message in rules if (match := pattern.search(plain))]
    if re.search(r'[()"\u201c\u201d]|\b(?:AND|OR|NOT)\b', line) and (small := _AND.search(plain)):
        found.append((small.start(1), messages.SMALL_OPERATOR))
    bare = (match for match in _BARE_CATEGORY.finditer(plain) if is_arxiv_category(match.group()))
    found += [(match.start(), messages.BARE_CATEGORY) for match in bare if not _inside_category(plain, match.start())]
    if not found:
        return None
    index, message = min(found)
    return ForeignSyntax(index + (len(line[index:]) - len(line[index:].lstrip())), message)


def convert(line: str) -> tuple[str, ...]:
    """Return the keywords that a line in foreign syntax means, one a line; nothing where that is not clear."""
    from digest.matching.language.query import parse  # which asks this module first

    text = line.strip()
    if find_foreign(text) is None:
        return ()
    parts: list[str] = []

    def keep(match: re.Match[str]) -> str:
        parts.append(match.group())
        return f"\x00{len(parts) - 1}\x00"

    text = _QUOTED.sub(keep, text)
    text = _FUNCTION.sub("", text)
    text = _EQUATION.sub("", text)
    text = _OVID_FIELD.sub("", text)
    text = _TAG.sub("", text)
    text = re.sub(r"(?<=\s)(?:adj1?|ADJ1?)(?=\s)", "", text)
    text = _PROXIMITY.sub("AND", text)
    text = re.sub(r"(?<=[A-Za-z]{3})\$\d*(?=$|[\s).,;])", "*", text)
    text = re.sub(r"([A-Za-z]{3,})(?:\$\d*|[?#])[A-Za-z]*", r"\1*", text)
    text = re.sub(r"\s(?:or|Or)(?=\s)", " OR", text)
    if "(" in text or parts or re.search(r"\b(?:AND|OR)\b", text):
        text = re.sub(r"\s(?:and|And)(?=\s)", " AND", text)
        text = re.sub(r"\s(?:not|Not)(?=\s)", " ANDNOT", text)
    text = _BARE_CATEGORY.sub(
        lambda match: (
            f"cat:{match.group()}"
            if is_arxiv_category(match.group()) and not _inside_category(text, match.start())
            else match.group()
        ),
        text,
    )
    pieces = [text] if "(" in text else _SEPARATOR.split(text)
    lines = []
    for piece in pieces:
        restored = re.sub("\x00(\\d+)\x00", lambda match: parts[int(match[1])], " ".join(piece.split()))
        while restored[:1] == "(" and restored[-1:] == ")" and "(" not in restored[1:]:
            restored = restored[1:-1].strip()
        if restored:
            lines.append(restored)
    try:
        for keyword in lines:
            if find_foreign(keyword):
                return ()
            parse(keyword)
    except QueryError:
        return ()
    return tuple(dict.fromkeys(lines))


def _blank_out(line: str) -> str:
    """Return a line with blanks in place of what is quoted, of TeX, and of values that hold commas of their own."""
    for pattern in (_QUOTED, _TEX, _NAMED):
        line = pattern.sub(lambda match: match.group()[0] + "_" * (len(match.group()) - 2) + match.group()[-1:], line)
    return line


def _inside_category(line: str, index: int) -> bool:
    """Return whether a position belongs to the value of category: or to its parentheses."""
    return re.search(r"(?i)\b(?:cat|category)\s*:\s*(?:\([^()]*|[^\s()]*)$", line[:index]) is not None
