"""Which format a text has, and what stands in it. Whatever is broken is set aside, and the rest goes on."""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from digest.errors import SubscriberError
from digest.subscribers.marks.references import messages
from digest.subscribers.marks.references.bibtex import BIBTEX_START, parse_bibtex
from digest.subscribers.marks.references.csl_json import ReferenceJsonError, parse_csl_json
from digest.subscribers.marks.references.entries import MAX_REFERENCES, InvalidReference, Reference, ReferenceFormat
from digest.subscribers.marks.references.lines import parse_lines
from digest.subscribers.marks.references.ris import RIS_START, parse_ris

MAX_UPLOAD_BYTES = 2**20
_JSON_START = re.compile(r"\s*(?:\[\s*(?:\{|\])|\{\s*[\"}])")
_COMPRESSED = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"Rar!")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ReferenceFileError(SubscriberError):
    """Text or file of which nothing can be used."""


@dataclass(frozen=True, slots=True)
class ParsedReferences:
    """Papers that a text names, and what in it names none. `notice`: what was left out, as a sentence, or empty."""

    format: ReferenceFormat
    references: tuple[Reference, ...]
    invalid: tuple[InvalidReference, ...]
    notice: str = ""


def decode_upload(content: bytes) -> str:
    """Return the text of a file, in Unicode or else in Windows-1252. Raises ReferenceFileError for what is none."""
    if len(content) > MAX_UPLOAD_BYTES:
        raise ReferenceFileError(messages.too_large(MAX_UPLOAD_BYTES))
    if content.startswith(_COMPRESSED):
        raise ReferenceFileError(messages.COMPRESSED)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise ReferenceFileError(messages.BINARY)
    return text


def parse_references(text: str) -> ParsedReferences:
    """Parse identifiers, links and titles, one a line; BibTeX, RIS or CSL-JSON. Raises ReferenceFileError."""
    if len(text) > MAX_UPLOAD_BYTES:
        raise ReferenceFileError(messages.too_large(MAX_UPLOAD_BYTES))
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if not text.strip():
        raise ReferenceFileError(messages.EMPTY)
    if re.match(r"\s*<[?!A-Za-z]", text):
        raise ReferenceFileError(messages.XML)
    if _JSON_START.match(text):
        try:
            return _collect(ReferenceFormat.CSL_JSON, parse_csl_json(text))
        except ReferenceJsonError as error:
            raise ReferenceFileError(str(error)) from error
    if RIS_START.search(text):
        return _collect(ReferenceFormat.RIS, parse_ris(text))
    if BIBTEX_START.search(text):
        return _collect(ReferenceFormat.BIBTEX, parse_bibtex(text))
    lines = [(place, line) for place, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return _collect(ReferenceFormat.LINES, parse_lines(lines[: MAX_REFERENCES + 1]))


def _collect(kind: ReferenceFormat, entries: Iterable[Reference | InvalidReference]) -> ParsedReferences:
    found = list(islice(entries, MAX_REFERENCES + 1))
    if not found:
        raise ReferenceFileError(messages.NO_BIBTEX if kind == ReferenceFormat.BIBTEX else messages.EMPTY)
    notice = messages.too_many(MAX_REFERENCES) if len(found) > MAX_REFERENCES else ""
    entries_read = found[:MAX_REFERENCES]
    return ParsedReferences(
        kind,
        tuple(entry for entry in entries_read if isinstance(entry, Reference)),
        tuple(entry for entry in entries_read if isinstance(entry, InvalidReference)),
        notice,
    )
