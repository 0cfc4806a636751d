"""What goes into a letter, and what comes out: plain frozen values, so that a letter can be written without a store.

What is made for every letter is a NamedTuple: made in a third of the time of a frozen dataclass.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from digest.matching import Span


class SendTime(NamedTuple):
    """When a reader wants the digest: local hour 0 to 23 in an IANA zone."""

    hour: int
    timezone: str


class PersonalLinks(NamedTuple):
    """The reader's own pages. `unsubscribe` can do nothing but that; `preferences` can change everything.

    To `mute` a keyword's number is added, to `never` a paper's. Without an address there is no such link.
    """

    view: str
    preferences: str
    unsubscribe: str
    mute: str = ""
    never: str = ""
    fewer: str = ""
    pause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """A paper in the digest, with the spans of its matched words (characters of `title` and `abstract` as given).

    `where` names each matched keyword by its number, with "title", "abstract" or "title and abstract".
    `late` says that its list day is long past: it is made up for. `trending` says that its upvotes brought it here.
    `summary` is for readers who want a machine's summary instead of the abstract's sentences.
    """

    id: int = 0
    title: str
    title_spans: tuple[Span, ...] = ()
    abstract: str = ""
    abstract_spans: tuple[Span, ...] = ()
    summary: str = ""
    authors: tuple[str, ...] = ()
    organization: str | None = None
    published_on: date | None = None
    listed_on: date
    late: bool = False
    upvotes: int | None = None
    comments: int | None = None
    url: str
    pdf_url: str | None = None
    discussion_url: str | None = None
    code_url: str | None = None
    code_stars: int | None = None
    project_url: str | None = None
    where: tuple[tuple[int, str], ...] = ()
    trending: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once and for all: what is rendered of a paper is kept by the paper, and every letter asks for ten of them.
        made = hash((self.id, self.title, self.where, self.late, self.title_spans, self.abstract_spans))
        object.__setattr__(self, "_hash", made)

    def __hash__(self) -> int:
        return self._hash

    @property
    def marked(self) -> bool:
        """Whether anything in it depends on who reads it."""
        return bool(self.where or self.title_spans or self.abstract_spans)


class DigestContext(NamedTuple):
    """All that one digest says. A keyword's position decides its colour; without keywords the papers are trending ones.

    `keyword_ids` are the numbers that links to mute a keyword end in. `papers` stand in the order of the edition.
    A paper's own numbers for its queries are positions among the keywords, unless `positions` has for each paper
    which position each of its numbers means: then many readers can share a paper. `left_out` are papers that the
    edition had no room for, and `left_out_counts` says how many of them each keyword brought.
    `notices` are whole sentences about sources that did not answer or days that are made up for.
    """

    day: date
    frequency: str  # daily | weekdays | weekly
    send_time: SendTime
    address: str
    subscribed_on: date
    papers: tuple[PaperView, ...]
    links: PersonalLinks
    keywords: tuple[str, ...] = ()
    keyword_ids: tuple[int, ...] = ()
    positions: tuple[tuple[int, ...], ...] = ()
    left_out: int = 0
    left_out_counts: tuple[int, ...] = ()
    notices: tuple[str, ...] = ()
    product: str = "Paper Digest"
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmContext:
    """The first letter to an address that somebody typed. It holds nothing that this somebody could have written."""

    product: str = "Paper Digest"
    confirm_url: str
    hours: int = 72
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPapers:
    """What the latest list has for somebody who has just come. `matched` counts all, `papers` are the best of them.

    `follows`: the first digest, with these papers, is sent right after the welcome.
    """

    day: date
    papers: tuple[PaperView, ...] = ()
    matched: int = 0
    follows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeContext:
    """The letter after the confirmation. `first_on` is the next local day on which a digest may come.

    `keywords` bring papers, `exclusions` keep some away. `first` is None while no list has been read.
    """

    product: str = "Paper Digest"
    address: str
    frequency: str
    clock: SendTime
    keywords: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    first_on: date | None = None
    first: FirstPapers | None = None
    preferences_url: str
    unsubscribe_url: str
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySubscribedContext:
    """The answer to a second subscription. Whoever asked may be a stranger, so it tells nothing about the first."""

    product: str = "Paper Digest"
    preferences_url: str
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLinkContext:
    """The link to the copy of a letter that a reader cannot find any more; `day` is that letter's."""

    product: str = "Paper Digest"
    day: date
    view_url: str
    preferences_url: str
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodbyeContext:
    """The last letter. `return_url` brings everything back, for so many `days`."""

    product: str = "Paper Digest"
    return_url: str
    days: int = 30
    subscribe_url: str
    postal_address: str = ""
