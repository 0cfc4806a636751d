"""What every source gives: papers as listed, an answer a day, and the Protocol that readings are made through."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from digest.sources.text import count_latex_errors

# New ids are YYMM.NNNNN (4 digits until 2014), old ones archive/YYMMNNN, some with a class: math.GT/0309136.
_ARXIV_ID = re.compile(
    r"(?:https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/|oai:arxiv\.org:|arxiv:)?"
    r"(?:(?P<new>\d{4}\.\d{4,5})|(?P<archive>[a-z][a-z-]*)(?:\.[a-z]{2})?/(?P<number>\d{7}))(?:v(?P<version>\d{1,4}))?",
    re.IGNORECASE,
)


def parse_arxiv_id(text: str) -> tuple[str, int] | None:
    """The canonical id without version, and the version (1 when none is written); None when it is no arXiv id."""
    found = _ARXIV_ID.fullmatch(text.strip())
    if not found:
        return None
    name = found["new"] or f"{found['archive'].lower()}/{found['number']}"
    return name, int(found["version"] or 1)


def http_url(value: object) -> str | None:
    """An http or https address fit for a link, else None: javascript:, data: and relative ones do not pass."""
    if not isinstance(value, str):
        return None
    address = value.strip()
    if not address.isprintable() or any(c in address for c in " <>\"'\\") or len(address) > 2000:  # noqa: PLR2004
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return address if parts.scheme in {"http", "https"} and parts.hostname else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPaper:
    """One paper as one source lists it on one day. Text is readable Unicode already.

    `kind` is listed (Hugging Face), new or cross (arXiv), or replace: news about a paper we may know, no listing.
    Identity is `key`: the canonical arXiv id, else the DOI, else source and source's id.
    """

    source: str
    list_day: date
    rank: int
    kind: str = "listed"
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    arxiv_id: str | None = None
    version: int = 1
    doi: str | None = None
    source_id: str = ""
    url: str
    pdf_url: str | None = None
    discussion_url: str | None = None
    code_url: str | None = None
    project_url: str | None = None
    thumbnail_url: str | None = None
    code_stars: int | None = None
    upvotes: int | None = None
    comments: int | None = None
    organization: str | None = None
    published_on: date | None = None
    ai_summary: str | None = None
    ai_keywords: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        if self.arxiv_id:
            return f"arxiv:{self.arxiv_id}"
        return f"doi:{self.doi.lower()}" if self.doi else f"{self.source}:{self.source_id}"

    def sounder_than(self, title: str, abstract: str) -> int:
        """1 when this text is whole and the other is damaged or lacks its abstract, -1 the other way round, else 0."""
        ours, theirs = _text_defects(self.title, self.abstract), _text_defects(title, abstract)
        return (ours < theirs) - (ours > theirs)


def _text_defects(title: str, abstract: str) -> int:
    return 2 if not abstract else int(count_latex_errors(title) + count_latex_errors(abstract) > 0)


@dataclass(frozen=True, slots=True)
class HttpValidators:
    """What a host said about an answer (RFC 9110): to be kept in the same transaction as the papers in it."""

    url: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAnswer:
    """What one reading of one list day gave. `via` is api, page, rss or query; `notes` are warnings in words.

    `shown` is the list day of the answer where that is not the day asked for: its papers count for `shown`.
    """

    papers: tuple[ListedPaper, ...] = ()
    endpoint: str
    shown_day: date | None = None
    not_modified: bool = False
    skipped_entries: int = 0
    warnings: tuple[str, ...] = ()
    validators: tuple[HttpValidators, ...] = ()


class Source(Protocol):
    """A place that lists papers by day. Reading raises SourceError: Unreachable, Throttled, NotListed or Malformed."""

    name: str
    growth_period: timedelta  # how long after the beginning of a list day (UTC) its list may still grow

    def current_days(self, now: datetime) -> tuple[date, ...]:
        """The list days that every run reads, oldest first."""
        ...

    async def fetch_day(self, day: date, now: datetime) -> SourceAnswer: ...

    async def backfill_day(self, day: date, now: datetime) -> SourceAnswer:
        """Read a day that was missed while it was current."""
        ...


class CachedValidators(Protocol):
    """What a conditional request needs; the table http_cache_entry gives it."""

    @property
    def etag(self) -> str | None: ...

    @property
    def last_modified(self) -> str | None: ...


ValidatorsByKey = Mapping[str, CachedValidators]
