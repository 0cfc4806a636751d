"""Lines of the field with keywords, and what the buttons beside them do to one."""

import re
from collections.abc import Iterable, Sequence

from digest.errors import QueryError
from digest.matching import convert, parse


def is_exclusion_line(line: str) -> bool:
    """Return whether a line keeps papers away instead of finding some."""
    try:
        return parse(line).exclude
    except QueryError:
        return False


def edit_keywords(text: str, add: str, replace: str, converted: str = "") -> str:
    """Apply a button to the keywords: append `add`, replace a line, convert a line.

    `replace` has the line and, below it, what takes its place. All other lines stay as they were typed; without a
    button, all of the text.
    """
    if not (add or replace or converted):
        return text
    lines = [keyword for line in re.split(r"\r\n|\r|\n", text) for keyword in edit_line(line, replace, converted)]
    return "\n".join(_append(lines, (split_replacement(replace)[1], add)))


def append_keywords(text: str, keywords: Iterable[str]) -> str:
    """Append keywords that no line has. One pass, because a stranger may paste thousands."""
    return "\n".join(_append(re.split(r"\r\n|\r|\n", text), keywords))


def _append(lines: Sequence[str], keywords: Iterable[str]) -> list[str]:
    """Append keywords that no line has, in place of blank lines at the end."""
    present = {line.strip() for line in lines}
    missing = [keyword for keyword in dict.fromkeys(keywords) if keyword and keyword not in present]
    end = len(lines)
    while missing and end and not lines[end - 1].strip():
        end -= 1
    return [*lines[:end], *missing]


def edit_line(line: str, replace: str, converted: str) -> Sequence[str]:
    """Return the keywords in place of one line: what a button replaces or converts it to, or itself."""
    old, new = split_replacement(replace)
    if new and line.strip() == old:
        return (new,)
    return (converted and line.strip() == converted.strip() and convert(line)) or (line,)


def split_replacement(replace: str) -> tuple[str, str]:
    """Return the line that a button replaces, and the new one; both are empty without a button."""
    old, _, new = replace.replace("\r", "").partition("\n")
    return old.strip(), new.strip()
