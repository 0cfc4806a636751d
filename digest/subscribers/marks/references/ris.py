"""RIS, as reference managers and publishers write it. The tags are read by rispy, each record on its own."""

import re
from collections.abc import Iterator
from typing import Any

import rispy

from digest.subscribers.marks.references import messages
from digest.subscribers.marks.references.entries import (
    MAX_ENTRY_LENGTH,
    SHOWN_TEXT,
    InvalidReference,
    Reference,
    arxiv_identifier,
    linked_identifier,
    make_reference,
    named_identifier,
)

RIS_START = re.compile(r"^TY {1,2}-", re.MULTILINE)
MAX_LINES = 2000  # of a record that are read
_TITLES = ("title", "primary_title", "translated_title")
_ABSTRACTS = ("abstract", "notes_abstract")
_AUTHORS = ("authors", "first_authors")
_YEARS = ("year", "publication_year", "date")
_ARXIV_FIELDS = ("number", "journal_name", "secondary_title", "publisher", "note")  # arXiv:1706.03762
_TAG = re.compile(r"^([A-Z][A-Z0-9]) {1,2}-[ \t]?")


def parse_ris(text: str) -> Iterator[Reference | InvalidReference]:
    """Yield the records of a file. A record that does not end is ended by the next one, or by the file."""
    starts = [match.start() for match in RIS_START.finditer(text)]
    place, position = 1, 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        place += text.count("\n", position, start)
        position = start
        record = text[start:end]
        if len(record) > MAX_ENTRY_LENGTH:
            yield InvalidReference(place, record[:SHOWN_TEXT].replace("\n", " "), messages.ENTRY_TOO_LONG)
        else:
            yield _parse_record(place, record)


def _parse_record(place: int, record: str) -> Reference | InvalidReference:
    # Some programs write one space before the hyphen; rispy wants two.
    lines = [_TAG.sub(r"\1  - ", line) for line in record.splitlines()[:MAX_LINES]]
    fields: dict[str, Any] = rispy.loads("\n".join([*lines, "ER  - "]), skip_unknown_tags=True)[0]
    links = fields.get("urls") or []
    identifiers = [
        named_identifier("doi", _text(fields, "doi")),
        *(linked_identifier(link) for link in links if isinstance(link, str)),
        *(arxiv_identifier(_text(fields, name)) for name in _ARXIV_FIELDS),
    ]
    return make_reference(
        place,
        title=_text(fields, *_TITLES),
        abstract=_text(fields, *_ABSTRACTS),
        identifiers=identifiers,
        author=_text(fields, *_AUTHORS),
        year=_text(fields, *_YEARS),
    )


def _text(fields: dict[str, Any], *names: str) -> str:
    """Return the first of these fields that has text; of a list its first item."""
    for name in names:
        value = fields.get(name)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value.strip():
            return value
    return ""
