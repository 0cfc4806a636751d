"""What each kind of e-mail is rendered from: plain frozen values, so that rendering needs no store."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import ClassVar

from digest.config import NO_TEMPLATES, TemplateFolder
from digest.matching import Span
from digest.papers import snapshots
from digest.rendering.messages import PERIODS, Period


@dataclass(frozen=True, slots=True)
class SendTime:
    """Local hour, 0 to 23, in an IANA time zone."""

    hour: int
    timezone: str


@dataclass(frozen=True, slots=True)
class PersonalLinks:
    """Pages of one subscriber; each link can do one thing, `preferences` everything. An empty one is not shown.

    A keyword's id is added to `mute`, and to `mark` what `mark_links` adds. `marks`: where all papers can be marked.
    """

    view: str
    preferences: str
    unsubscribe: str
    mute: str = ""
    mark: str = ""
    marks: str = ""
    weekly: str = ""
    pause: str = ""


LINK_NAMES = tuple(field.name for field in fields(PersonalLinks))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """Paper as one digest shows it: its snapshot and the words to highlight.

    Queries are numbers of the view's own; see DigestContext. `matched_in` has, for each that matched, where:
    "title", "title and abstract". `is_late`: an earlier digest should have had it. `is_trending`: its upvotes
    brought it here. `has_summary`: the AI summary stands in place of the abstract's sentences.
    """

    paper: snapshots.PaperSnapshot
    title_spans: tuple[Span, ...] = ()
    abstract_spans: tuple[Span, ...] = ()
    matched_in: tuple[tuple[int, str], ...] = ()
    is_late: bool = False
    is_trending: bool = False
    has_summary: bool = False

    def __hash__(self) -> int:  # of what tells views apart, as every digest looks up ten of them
        return hash((self.paper.id, self.paper.fingerprint, self.matched_in))


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What a first digest says to a new subscriber."""

    exclusions: tuple[str, ...] = ()
    next_digest_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """What a digest tells of a paper that its subscriber had: whole sentences."""

    title: str
    sentences: tuple[str, ...]
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePaper:
    """Paper that no keyword found, with the words that brought it as its text has them."""

    paper: snapshots.PaperSnapshot
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestContext:
    """One digest. Without keywords its papers are the trending ones.

    A keyword's position decides its color, and its id stands in the link that mutes it. `papers` stand in the order
    of the edition. Their query numbers are positions of keywords, unless `keyword_positions` has for each paper the
    position that each of its numbers stands for: then subscribers can share a view. `left_out` papers found no room
    in the edition; `left_out_counts` has how many of them each keyword matched. `notices` are whole sentences.
    `close_papers` are a section of their own, and in no count. `welcome` is set in a subscriber's first digest;
    `thumbnails`: show those of papers. `mark_tags`: by paper, the tags of the tokens that mark it, one behind the
    other. `site_url` is the address of the service, where papers have pages.
    """

    day: date
    frequency: str  # daily | weekdays | weekly | monthly
    weekday: int = 0  # of weekly digests, 0 for Monday
    send_time: SendTime
    address: str
    subscribed_on: date
    papers: tuple[PaperView, ...]
    links: PersonalLinks
    keywords: tuple[str, ...] = ()
    keyword_ids: tuple[int, ...] = ()
    keyword_positions: tuple[tuple[int, ...], ...] = ()
    left_out: int = 0
    left_out_counts: tuple[int, ...] = ()
    notices: tuple[str, ...] = ()
    news: tuple[NewsItem, ...] = ()
    close_papers: tuple[ClosePaper, ...] = ()
    welcome: Welcome | None = None
    thumbnails: bool = False
    mark_tags: Mapping[int, str] = field(default_factory=dict)
    product: str = "Paper Digest"
    accent: str = ""
    templates: TemplateFolder = NO_TEMPLATES
    site_url: str = ""
    postal_address: str = ""

    @property
    def period(self) -> Period:
        """What the digest is about: a day, a week or a month."""
        return PERIODS.get(self.frequency, "day")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeContext:
    """Short e-mail about a subscription. Its templates are called `template`, and show each field by its name."""

    template: ClassVar[str]
    product: str = "Paper Digest"
    accent: str = ""
    templates: TemplateFolder = NO_TEMPLATES
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmContext(NoticeContext):
    """First e-mail to an address that a stranger may have typed, so it holds nothing that a stranger wrote."""

    template = "confirm"
    confirm_url: str
    hours: int = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeContext:
    """E-mail after the confirmation, where there is nothing for a first digest yet."""

    product: str = "Paper Digest"
    accent: str = ""
    templates: TemplateFolder = NO_TEMPLATES
    address: str
    frequency: str
    weekday: int = 0
    send_time: SendTime
    keywords: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    next_digest_on: date | None = None
    preferences_url: str
    unsubscribe_url: str
    postal_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadySubscribedContext(NoticeContext):
    """Answer to a second subscription. A stranger may have asked, so it tells nothing about the first one."""

    template = "already-subscribed"
    preferences_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLinkContext(NoticeContext):
    """Link to the web copy of the digest of `day`."""

    template = "copy-link"
    day: date
    view_url: str
    preferences_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChangeContext(NoticeContext):
    """Link to confirm a new address. A stranger may have typed it, so it tells nothing about the subscription."""

    template = "address-change"
    change_url: str
    hours: int = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChangedContext(NoticeContext):
    """Notice to the old address. `undo_url` goes back to it for so many `days`."""

    template = "address-changed"
    undo_url: str
    days: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRestoredContext(NoticeContext):
    """Notice to the address that a change which was undone had led to."""

    template = "address-restored"
    subscribe_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTestContext(NoticeContext):
    """Test of the relay, to the operator."""

    template = "relay-test"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodbyeContext(NoticeContext):
    """Last e-mail. `resubscribe_url` undoes the unsubscribing for so many `resubscribe_days`."""

    template = "goodbye"
    resubscribe_url: str
    resubscribe_days: int = 30
    subscribe_url: str
