"""BibTeX and BibLaTeX. bibtexparser finds entries, fields and @string names, and goes on behind a broken entry."""

import logging
import re
from collections.abc import Iterator
from itertools import islice

from bibtexparser.entrypoint import parse_string
from bibtexparser.library import Library
from bibtexparser.middlewares import RemoveEnclosingMiddleware
from bibtexparser.model import DuplicateBlockKeyBlock, DuplicateFieldKeyBlock, Entry, ParsingFailedBlock

from digest.identifiers import Identifier, normalize_identifier
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

BIBTEX_START = re.compile(r"^[ \t]*@[A-Za-z]+[ \t]*[{(]", re.MULTILINE)
MAX_BLOCKS = 3000  # entries, comments and @string lines that are looked at: each costs time, also a broken one
_BLOCK_START = re.compile(r"@\w*[ \t]*[{(]")
_AUTHOR_SEPARATOR = re.compile(r"\s+and\s+", re.IGNORECASE)
_ARXIV_FIELDS = ("journal", "journaltitle", "note", "number", "howpublished", "publisher")  # arXiv:1706.03762
_EPRINT_SCHEMES = {"arxiv": "arxiv", "pubmed": "pmid", "": "arxiv"}
# It would write what a stranger's file says into our log.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)


def parse_bibtex(text: str) -> Iterator[Reference | InvalidReference]:
    """Yield the entries of a file in their order. Comments, preambles and @string lines are none."""
    beyond = next(islice(_BLOCK_START.finditer(text), MAX_BLOCKS, None), None)
    for block in parse_string(text[: beyond.start()] if beyond else text).blocks:
        place = (block.start_line or 0) + 1
        if isinstance(block, Entry):
            yield _parse_entry(place, block)
        elif isinstance(block, DuplicateBlockKeyBlock | DuplicateFieldKeyBlock):
            # Two entries of one key, or two fields of one name: the entry is whole, but was not looked at further.
            if isinstance(entry := block.ignore_error_block, Entry):
                yield _parse_entry(place, RemoveEnclosingMiddleware().transform_entry(entry, Library()))
        elif isinstance(block, ParsingFailedBlock):
            yield InvalidReference(place, _one_line(block.raw or ""), messages.UNFINISHED_ENTRY)


def _parse_entry(place: int, entry: Entry) -> Reference | InvalidReference:
    if len(entry.raw or "") > MAX_ENTRY_LENGTH:
        return InvalidReference(place, _one_line(entry.raw or ""), messages.ENTRY_TOO_LONG)
    fields: dict[str, str] = {}
    for field in entry.fields:
        fields.setdefault(field.key.casefold(), str(field.value))
    authors = fields.get("author") or fields.get("editor") or ""
    return make_reference(
        place,
        title=fields.get("title", ""),
        abstract=fields.get("abstract", ""),
        identifiers=[
            *(named_identifier(name, value) for name, value in fields.items()),
            _parse_eprint(fields),
            linked_identifier(fields.get("url", "").strip("{}").removeprefix("\\url{")),
            *(arxiv_identifier(fields.get(name, "")) for name in _ARXIV_FIELDS),
        ],
        author=_AUTHOR_SEPARATOR.split(authors.strip(), maxsplit=1)[0],
        year=fields.get("year") or fields.get("date") or "",
    )


def _parse_eprint(fields: dict[str, str]) -> Identifier | None:
    """Return the identifier in `eprint`: an arXiv id where `archivePrefix` or `eprinttype` says nothing else."""
    archive = fields.get("archiveprefix") or fields.get("eprinttype") or ""
    scheme = _EPRINT_SCHEMES.get(archive.strip().casefold())
    return normalize_identifier(fields.get("eprint", ""), scheme) if scheme else None


def _one_line(text: str) -> str:
    return " ".join(text[: 2 * SHOWN_TEXT].split())[:SHOWN_TEXT]
