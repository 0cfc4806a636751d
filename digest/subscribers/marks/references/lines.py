"""One identifier, link or title a line, as people paste them."""

import re

from digest.identifiers import Identifier, normalize_identifier
from digest.subscribers.marks.references import messages
from digest.subscribers.marks.references.entries import (
    MAX_ENTRY_LENGTH,
    SHOWN_TEXT,
    InvalidReference,
    Reference,
    is_title,
    make_reference,
)

# "- ", "* ", "3. ", "[12] ": how lists are written.
_LIST_MARK = re.compile(r"^\s*(?:[-*•–]\s+|\[\d{1,4}\]\s*|\(?\d{1,4}[.)]\s+)")  # noqa: RUF001  - the dash is meant
_SEPARATOR = re.compile(r"[\s,;]+")
MAX_WORDS = 200  # of a line that are looked at


def parse_lines(lines: list[tuple[int, str]]) -> list[Reference | InvalidReference]:
    """Return the papers that numbered lines name: several where a line has nothing but identifiers."""
    return [reference for place, line in lines for reference in _parse_line(place, line)]


def _parse_line(place: int, line: str) -> list[Reference | InvalidReference]:
    if len(line) > MAX_ENTRY_LENGTH:
        return [InvalidReference(place, line[:SHOWN_TEXT], messages.ENTRY_TOO_LONG)]
    text = _LIST_MARK.sub("", line, count=1).strip()
    if whole := _certain_identifier(text):
        return [make_reference(place, identifiers=[whole])]
    words = [word for word in _SEPARATOR.split(text, maxsplit=MAX_WORDS) if word]
    found = [_certain_identifier(word.strip("()[]<>.\"'")) for word in words]
    if found and all(found):
        return [make_reference(place, identifiers=[name]) for name in found]
    # A reference as it stands in a list of literature: what is no identifier is text about the paper.
    title = " ".join(word for word, name in zip(words, found, strict=True) if name is None) if any(found) else text
    if not any(found) and not is_title(title):
        return [InvalidReference(place, title[:SHOWN_TEXT], messages.TITLE_TOO_SHORT)]
    return [make_reference(place, title=title, identifiers=found)]


def _certain_identifier(text: str) -> Identifier | None:
    """Return the identifier that a text is. Words such as "A12-1234" are none in the midst of a title."""
    found = normalize_identifier(text)
    return found if found and (found.scheme != "acl" or "." in found.value or text == text.upper()) else None
