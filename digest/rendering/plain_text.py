"""Paragraphs of text/plain, wrapped.

Width counts columns, not characters: Chinese, Japanese and Korean characters take two (Unicode TR 11).
"""

from bisect import bisect_right
from itertools import accumulate
from unicodedata import east_asian_width

WIDTH = 72


def display_width(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    return 2 if east_asian_width(character) in "WF" else 1


def wrap_text(text: str, indent: int = 0, first_indent: str = "", width: int = WIDTH) -> str:
    """Wrap `text` at `width` columns, its first line after `first_indent`, the others after `indent` spaces.

    A word too long for a line is broken where the line ends, as is right for scripts without spaces; a URL is never
    broken.
    """
    margin = " " * indent
    first_indent = first_indent or margin
    lines, line, used, is_empty = [], first_indent, display_width(first_indent), True
    for word in text.split():
        word_width, gap = display_width(word), "" if is_empty else " "
        is_url = word.startswith(("http://", "https://"))
        if used + len(gap) + word_width <= width or (is_empty and is_url):
            line, used = line + gap + word, used + len(gap) + word_width
        elif is_url or word_width <= width - indent:
            lines.append(line)
            line, used = margin + word, indent + word_width
        else:
            *full_lines, line = _break_word(line + gap, word, margin, width)
            lines += full_lines
            used = display_width(line)
        is_empty = False
    return "\n".join(wrapped_line.rstrip() for wrapped_line in (*lines, line))


def _break_word(line: str, word: str, margin: str, width: int) -> list[str]:
    lines = []
    while word:
        fitting = bisect_right(list(accumulate(map(_character_width, word[:width]))), width - display_width(line))
        lines.append(line + word[:fitting])
        line, word = margin, word[fitting:]
    return lines
