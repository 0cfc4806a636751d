"""Papers as people name them: identifiers, links and titles, and the files of reference managers. Pure.

- `bibtex`: BibTeX and BibLaTeX
- `csl_json`: CSL-JSON, which Zotero and others export
- `entries`: what is taken of an entry, within bounds
- `lines`: one identifier, link or title a line
- `messages`: what is wrong with an entry, or with all of it
- `read`: which of these a text is, and what stands in it
- `ris`: RIS
"""

from digest.subscribers.marks.references.entries import MAX_REFERENCES, InvalidReference, Reference, ReferenceFormat
from digest.subscribers.marks.references.read import (
    MAX_UPLOAD_BYTES,
    ParsedReferences,
    ReferenceFileError,
    decode_upload,
    parse_references,
)

__all__ = [
    "MAX_REFERENCES",
    "MAX_UPLOAD_BYTES",
    "InvalidReference",
    "ParsedReferences",
    "Reference",
    "ReferenceFileError",
    "ReferenceFormat",
    "decode_upload",
    "parse_references",
]
