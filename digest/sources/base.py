"""Listed papers, answers of sources, and the protocols that sources fulfill."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol, Self, runtime_checkable

from digest.identifiers import Identifier, LinkRelation, StatedLink, normalize_identifier
from digest.sources.http import HttpValidators, SourceClient
from digest.sources.text import count_latex_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPaper:
    """Paper as one source lists it on one day, its text already readable Unicode.

    - `kind`: listed (Hugging Face), new or cross (arXiv), or replace: news of a known paper, which is no listing;
      backlog: a paper of before the first reading of a feed, which is stored and not listed
    - `paper_kind`: what the source says that it is (see `PaperKind`); empty where it does not
    - `journal`: name of the journal, book or proceedings that it appeared in; None for preprints
    - `subjects`: what it is about in the source's own terms (MeSH headings, a feed's categories); those of arXiv are
      `categories`
    - `identifiers`: its own names. `arxiv_id` and `doi` may be given in place of them, and are always among them, but
      for the `doi` of an arXiv paper: that names its published version, and becomes one of `links`
    """

    source: str
    list_day: date
    rank: int
    kind: str = "listed"
    paper_kind: str = ""
    identifiers: tuple[Identifier, ...] = ()
    links: tuple[StatedLink, ...] = ()
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    journal: str | None = None
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

    def __post_init__(self) -> None:
        arxiv = Identifier("arxiv", self.arxiv_id) if self.arxiv_id else None
        doi = normalize_identifier(self.doi, "doi") if self.doi else None
        names = [arxiv, *self.identifiers, None if arxiv and doi and doi.scheme == "doi" else doi]
        if not any(names):
            names.append(normalize_identifier(self.source_id, self.source))
        identifiers = tuple(dict.fromkeys(name for name in names if name))
        object.__setattr__(self, "identifiers", identifiers)
        if arxiv and doi and doi.scheme == "doi" and doi not in identifiers:
            links = dict.fromkeys((*self.links, StatedLink(LinkRelation.PUBLISHED, doi)))
            object.__setattr__(self, "links", tuple(links))
        for name, scheme in (("arxiv_id", "arxiv"), ("doi", "doi")):
            values = [identifier.value for identifier in identifiers if identifier.scheme == scheme]
            if values and getattr(self, name) is None:
                object.__setattr__(self, name, values[0])

    @property
    def key(self) -> str:
        """Its first name, by which entries of one answer are compared: arXiv id, PMID, DOI, or another one."""
        names = {identifier.scheme: identifier for identifier in reversed(self.identifiers)}
        name = names.get("arxiv") or names.get("pmid") or names.get("doi") or next(iter(self.identifiers), None)
        return str(name) if name else f"{self.source}:{self.source_id}"

    def compare_text(self, title: str, abstract: str) -> int:
        """Return 1 when this text is sounder than the other, -1 when the other one is, else 0.

        Text is sound when it has an abstract and no remains of lost LaTeX.
        """
        own, other = (
            2 if not body else int(count_latex_errors(head) + count_latex_errors(body) > 0)
            for head, body in ((self.title, self.abstract), (title, abstract))
        )
        return (own < other) - (own > other)


def window_names(identifiers: Sequence[Identifier]) -> Iterator[str]:
    """Yield the names by which an entry of a window is known: identifiers with version."""
    for identifier in identifiers:
        yield f"{identifier} v{identifier.version}" if identifier.version else str(identifier)


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """Part of an answer that is complete or not on its own: a category of arXiv, or all of it (name empty).

    - `promised`: the largest number of entries that the host named, else what it sent
    - `received`: different entries that came, the unreadable ones included
    - `keys`: keys of its papers
    """

    promised: int
    received: int
    unreadable: int = 0
    name: str = ""
    keys: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFacts:
    """What a feed says of itself.

    - `issns`: of its journal
    - `refresh_interval`: how long it stays as it is, by its own word or its host's
    - `moved_to`: the address to which it redirects for good
    - `previous_url`: the document with the entries before these (RFC 5005, 4)
    """

    title: str = ""
    issns: tuple[str, ...] = ()
    refresh_interval: timedelta | None = None
    moved_to: str = ""
    previous_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAnswer:
    """Result of fetching one list day or one window.

    `endpoint` is api, page, rss or query. `shown_day` is set when the host showed another day than the one asked for;
    the papers belong to that day. `warnings` are sentences for the operator. An answer that was not modified has no
    parts.
    """

    papers: tuple[ListedPaper, ...] = field(default=(), repr=False)
    endpoint: str
    shown_day: date | None = None
    not_modified: bool = False
    parts: tuple[AnswerPart, ...] = ()
    warnings: tuple[str, ...] = ()
    validators: tuple[HttpValidators, ...] = ()
    facts: WindowFacts | None = None  # of a window


@runtime_checkable
class DayListSource(Protocol):
    """Host that lists papers by day: a day's list can be complete, and be read again. Fetching raises a SourceError.

    `from_settings` gets what `Settings` of the class has read from `DIGEST_<NAME>_*`, and a client for all requests.
    A class also states `api = 1`, the release of this protocol, and `lists_weekends = True` if Saturdays and Sundays
    have lists, too.
    """

    name: str  # in DIGEST_SOURCES, in keywords (source:) and in the store: [a-z][a-z0-9-]{1,30}
    title: str  # for people
    settles_after: timedelta  # from the beginning of a list day (UTC), as long as its list may still grow

    @property
    def hosts(self) -> Mapping[str, float]:
        """Hosts that it asks, with the seconds between two requests."""
        ...

    @classmethod
    def from_settings(cls, settings: Any, client: SourceClient) -> Self:
        """Create the source that its settings describe."""
        ...

    def days(self, now: datetime) -> Sequence[date]:
        """Return the list days that every run fetches, oldest first."""
        ...

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch a current list day."""
        ...

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch a list day that was missed while it was current."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """List of the latest entries of a host, without days: a feed.

    - `name`: what it is called in settings and in the store, once in its source
    - `title`: what people call it; empty where only the list itself tells
    """

    name: str
    url: str
    title: str = ""


@runtime_checkable
class WindowSource(Protocol):
    """Host that shows its latest entries, as feeds do: what is new is what was never seen.

    The `list_day` of its papers is the day of `now` (UTC). For the rest see `DayListSource`.
    """

    name: str
    title: str

    @property
    def hosts(self) -> Mapping[str, float]:
        """Hosts that it asks, with the seconds between two requests."""
        ...

    @classmethod
    def from_settings(cls, settings: Any, client: SourceClient) -> Self:
        """Create the source that its settings describe."""
        ...

    def windows(self) -> Sequence[Window]:
        """Return the windows that the settings name."""
        ...

    async def fetch(self, window: Window, now: datetime) -> SourceAnswer:
        """Fetch the entries that a window shows now."""
        ...


@runtime_checkable
class ArchivedWindowSource(Protocol):
    """Source of windows that name the document before them (`WindowFacts.previous_url`)."""

    async def fetch_previous(self, window: Window, url: str, now: datetime) -> SourceAnswer:
        """Fetch an earlier document of a window, which is at `url`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGap:
    """Days on which a feed turned over between two readings, and what tells the journal that it is of.

    `dois` are some of its papers, on both sides of the gap.
    """

    source: str
    first_day: date
    last_day: date
    issns: tuple[str, ...] = ()
    dois: tuple[str, ...] = ()


@runtime_checkable
class GapSource(Protocol):
    """Source that knows what journals published on which day: it fills the gaps of their feeds."""

    async def fetch_gap(self, gap: FeedGap, now: datetime) -> SourceAnswer:
        """Fetch what the journal published in a gap, as papers whose source is `gap.source`.

        Raises NotListedError where it does not know the journal.
        """
        ...


Source = DayListSource | WindowSource


@runtime_checkable
class TextSource(Protocol):
    """Source that also gives the texts of papers which only other sources list.

    `text_scheme` is the scheme of the identifiers that it knows: `arxiv` or `doi`.
    """

    name: str
    title: str
    text_scheme: str

    async def fetch_texts(self, ids: Sequence[str]) -> tuple[ListedPaper, ...]:
        """Fetch papers (kind replace) by identifiers of the scheme; those that the host does not know are left out."""
        ...


@runtime_checkable
class ProbedSource(Protocol):
    """Source that names an address of each of its hosts, which `digest doctor` asks once."""

    def probe_urls(self) -> Mapping[str, str]:
        """Return the addresses, by what people call the host."""
        ...


@dataclass(frozen=True, slots=True)
class SourceAdvice:
    """What a host asks of its users and the settings lack, as a sentence; `is_required` where it refuses without."""

    sentence: str
    is_required: bool = False


@runtime_checkable
class AdvisingSource(Protocol):
    """Source whose host wants a key or a contact."""

    def advice(self) -> Sequence[SourceAdvice]:
        """Return what the settings lack."""
        ...
