"""What is taken of an entry, within bounds: identifiers, title, abstract, first author and year."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from digest.identifiers import Identifier, author_key, normalize_identifier
from digest.sources import clean_text
from digest.subscribers.marks.references import messages

MAX_REFERENCES = 500  # of one text
MAX_ENTRY_LENGTH = 60_000  # characters: an abstract, a long list of authors, and notes
MAX_TITLE_LENGTH, MAX_ABSTRACT_LENGTH = 500, 4_000  # characters that are taken
MAX_IDENTIFIERS = 8
SHOWN_TEXT = 120  # characters of an entry that cannot be used
MIN_TITLE_WORDS, MIN_TITLE_CHARACTERS = 2, 10

_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")
_WORD = re.compile(r"[^\W\d_]{2,}")
# Names of identifiers as files of reference managers call them, and the scheme that each is of.
_SCHEMES = {"doi": "doi", "pmid": "pmid", "pmcid": "pmcid", "arxiv": "arxiv", "acl": "acl", "openreview": "openreview"}


class ReferenceFormat(StrEnum):
    """How a text names papers."""

    LINES = "lines"
    BIBTEX = "BibTeX"
    RIS = "RIS"
    CSL_JSON = "CSL-JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Paper as it is named. `place`: the line where it begins, or in CSL-JSON which item it is, from 1.

    `author`: key of its first author, empty where none is named.
    """

    place: int
    title: str = ""
    abstract: str = ""
    identifiers: tuple[Identifier, ...] = ()
    author: str = ""
    year: int | None = None


@dataclass(frozen=True, slots=True)
class InvalidReference:
    """Entry that cannot be used: its place, the beginning of its text, and why."""

    place: int
    text: str
    message: str


def make_reference(
    place: int,
    *,
    title: str = "",
    abstract: str = "",
    identifiers: Iterable[Identifier | None] = (),
    author: str = "",
    year: str = "",
) -> Reference | InvalidReference:
    """Return the reference that an entry is, in clean text; an invalid one if it names no paper."""
    names = tuple(dict.fromkeys(name for name in identifiers if name is not None))[:MAX_IDENTIFIERS]
    clean_title = clean_text(title, MAX_TITLE_LENGTH)
    if not names and not _WORD.search(clean_title):
        return InvalidReference(place, clean_title[:SHOWN_TEXT], messages.NO_TITLE)
    found = _YEAR.search(year[:40])
    return Reference(
        place=place,
        title=clean_title,
        abstract=clean_text(abstract, MAX_ABSTRACT_LENGTH),
        identifiers=names,
        author=author_key(clean_text(author, MAX_TITLE_LENGTH)),
        year=int(found[0]) if found else None,
    )


def is_title(text: str) -> bool:
    """Return whether a line that names no identifier may be the title of a paper."""
    words = _WORD.findall(text)
    return len(words) >= MIN_TITLE_WORDS and sum(map(len, words)) >= MIN_TITLE_CHARACTERS


def named_identifier(name: str, value: str) -> Identifier | None:
    """Return the identifier that a field such as `doi` or `PMID` holds; None for another field, or no identifier."""
    scheme = _SCHEMES.get(name.casefold())
    return normalize_identifier(value[:MAX_TITLE_LENGTH], scheme) if scheme else None


def linked_identifier(url: str) -> Identifier | None:
    """Return the identifier in the address of a page; the address itself where it holds none."""
    address = url.strip()
    return normalize_identifier(address) if address.lower().startswith(("http://", "https://")) else None


def arxiv_identifier(text: str) -> Identifier | None:
    """Return the arXiv id that stands among words, as in "arXiv preprint arXiv:1706.03762"."""
    words = (word.strip(".,;()[]") for word in text[:MAX_TITLE_LENGTH].split())
    return next(filter(None, (normalize_identifier(word, "arxiv") for word in words)), None)
