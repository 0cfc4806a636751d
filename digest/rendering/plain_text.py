"""Filling paragraphs of text/plain.

Width counts columns, not characters: Chinese, Japanese and Korean characters take two (Unicode TR 11).
"""

import re
from bisect import bisect_right
from itertools import accumulate
from unicodedata import east_asian_width

from digest.mail import SOFT_BREAK, QuotedPrintable, encode_part, has_unsafe_line

WIDTH = 72


_NARROW = re.compile("[\0-\u024f\u2010-\u2027]*")  # Latin, dashes, quotation marks, "…": each takes one column


def columns(text: str) -> int:
    return len(text) if text.isascii() else sum(map(_column, text))


def _column(character: str) -> int:
    return 2 if east_asian_width(character) in "WF" else 1


def fill(text: str, indent: int = 0, first: str = "", width: int = WIDTH) -> str:
    """`text` in lines of at most `width` columns. The first line begins with `first`, the others with `indent` spaces.

    A word too long for a line is broken where the line ends, as is right for scripts without spaces; an
    address is never broken.
    """
    margin = " " * indent
    if (text.isascii() or _NARROW.fullmatch(text)) and (quick := _filled(text, margin, first or margin, width)):
        return quick
    lines, line, used, bare = [], first or margin, columns(first or margin), True
    for word in text.split():
        wide, gap = columns(word), "" if bare else " "
        if used + len(gap) + wide <= width or (bare and _address(word)):
            line, used = line + gap + word, used + len(gap) + wide
        elif _address(word) or wide <= width - indent:
            lines.append(line)
            line, used = margin + word, indent + wide
        else:
            *whole, line = _broken(line + gap, word, margin, width)
            lines += whole
            used = columns(line)
        bare = False
    return "\n".join(each.rstrip() for each in (*lines, line))


def paragraph(text: str) -> QuotedPrintable:
    """`text` filled, in wire form."""
    if text.isascii() and text.isprintable() and not ("=" in text or "  " in text):  # as most: then bytes are columns
        rest, lines = text.strip().encode(), []
        while len(rest) > WIDTH and (end := rest.rfind(b" ", 0, WIDTH + 1)) > 0:
            lines.append(rest[:end])
            rest = rest[end + 1 :]
        made = b"\r\n".join([*lines, rest])
        if 0 < len(rest) <= WIDTH and not has_unsafe_line(made):
            return QuotedPrintable(made + SOFT_BREAK)
    return encode_part(fill(text))


def _filled(text: str, margin: str, first: str, width: int) -> str:
    """The same for words of which each fits into a line, and each character into a column; else nothing."""
    even = text.isprintable() and "  " not in text  # then one space stands between each two words, and nothing else
    rest, lines, line = text.strip() if even else " ".join(text.split()), [], first
    while len(line) + len(rest) > width:
        end = rest.rfind(" ", 0, width - len(line) + 1)
        if end < 1:
            return ""
        lines.append(line + rest[:end])
        line, rest = margin, rest[end + 1 :]
    lines.append((line + rest).rstrip())
    return "\n".join(lines)


def _address(word: str) -> bool:
    return word.startswith(("http://", "https://"))


def _broken(line: str, word: str, margin: str, width: int) -> list[str]:
    lines = []
    while word:
        fits = bisect_right(list(accumulate(map(_column, word[:width]))), width - columns(line))
        lines.append(line + word[:fits])
        line, word = margin, word[fits:]
    return lines
