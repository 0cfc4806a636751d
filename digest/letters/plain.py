"""Filling paragraphs of text/plain.

Width counts columns, not characters: Chinese, Japanese and Korean characters take two (Unicode TR 11).
"""

from bisect import bisect_right
from itertools import accumulate
from unicodedata import east_asian_width

WIDTH = 72


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
    lines = [first or margin]
    empty = True
    for word in text.split():
        gap = "" if empty else " "
        if columns(lines[-1] + gap + word) <= width:
            lines[-1] += gap + word
        elif word.startswith(("http://", "https://")) or columns(word) <= width - indent:
            lines[-1:] = [margin + word] if empty and not first else [lines[-1], margin + word]
        else:
            lines[-1:] = _broken(lines[-1] + gap, word, margin, width)
        empty = False
    return "\n".join(line.rstrip() for line in lines)


def _broken(line: str, word: str, margin: str, width: int) -> list[str]:
    lines = []
    while word:
        fits = bisect_right(list(accumulate(map(_column, word))), width - columns(line))
        lines.append(line + word[:fits])
        line, word = margin, word[fits:]
    return lines
