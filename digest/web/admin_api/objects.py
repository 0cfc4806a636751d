"""What answers of the operator's API are made of.

Stored values are shown as they are, also odd ones: a row that cannot be read is no error of the list that it stands in.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from digest.database.models import (
    BounceRecord,
    Delivery,
    OperatorAction,
    Subscriber,
)
from digest.delivery import DeliveryEvent
from digest.jobs import can_undo
from digest.matching import KeywordInput
from digest.papers import PaperPair
from digest.subscribers import WEEKDAY_NAMES


def as_text(value: object) -> str:
    """Return a stored value as text, whatever it is."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)


Text = Annotated[str, BeforeValidator(as_text)]
NextCursor = Annotated[int | None, Field(description="The `cursor` of the next page; null: there is none.")]


class StoredRow(BaseModel):
    """Base of what shows the columns of a row by their names: `model_validate` takes the row."""

    model_config = ConfigDict(from_attributes=True)


class NumberedRow(Protocol):
    """Row with an id."""

    id: int | None


def next_cursor(rows: Sequence[NumberedRow], limit: int) -> int | None:
    """Return the cursor of the page after these rows; None for the last page."""
    return rows[-1].id if len(rows) == limit else None


class SavedKeywordOut(BaseModel):
    """Keyword of a subscriber, as entered. A muted one brings no papers."""

    text: Text
    is_muted: bool


class SubscriberOut(BaseModel):
    """A subscriber. `reason`: why the subscription ended or is on hold."""

    id: int
    email: Text
    status: Text
    reason: Text
    frequency: Text
    weekday: Text
    send_hour: int
    timezone: Text
    cap: int
    trending: bool
    summaries: bool
    thumbnails: bool
    about_only: bool
    close_papers: bool | None = Field(description="Whether digests show close papers; null: as by default.")
    sources: list[str]
    keywords: list[SavedKeywordOut]
    paused_until: date | None
    last_due_day: date | None
    created_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def from_row(cls, row: Subscriber, keywords: Iterable[KeywordInput], close_papers: bool | None) -> "SubscriberOut":
        """Show a subscriber."""
        own = {"id", "keywords", "weekday", "close_papers"}
        is_weekday = 0 <= row.weekday < len(WEEKDAY_NAMES)
        return cls(
            id=int(row.id or 0),
            keywords=[SavedKeywordOut(text=keyword.text, is_muted=keyword.is_muted) for keyword in keywords],
            weekday=WEEKDAY_NAMES[row.weekday] if is_weekday else str(row.weekday),
            close_papers=close_papers,
            **{name: getattr(row, name) for name in cls.model_fields if name not in own},
        )


class SubscriberPage(BaseModel):
    """Page of subscribers."""

    subscribers: list[SubscriberOut]
    next: NextCursor


class DeliveryOut(BaseModel):
    """A delivery: one e-mail to one subscriber. `recipient`: its address, where that is not the subscriber's."""

    id: int
    subscriber_id: int
    kind: Text
    edition: Text
    state: Text
    papers: list[int]
    omitted_papers: list[int]
    recipient: Text
    message_id: Text
    attempts: int
    reply_code: int
    reply: Text
    next_attempt_at: datetime | None
    created_at: datetime
    settled_at: datetime | None

    @classmethod
    def from_row(cls, row: Delivery, **more: Any) -> Any:
        """Show a delivery."""
        names = [name for name in DeliveryOut.model_fields if name != "id"]
        return cls(id=int(row.id or 0), **{name: getattr(row, name) for name in names}, **more)


class EventOut(BaseModel):
    """Something that happened to a delivery; `at` is null where it is not recorded."""

    at: datetime | None
    text: str


class BounceOut(StoredRow):
    """Message that came back about a delivery."""

    id: int
    delivery_id: int
    bounce_class: Text
    status_code: Text
    reason: Text
    parser: Text
    received_at: datetime


class DeliveryDetail(DeliveryOut):
    """A delivery with its history and what came back."""

    history: list[EventOut]
    bounces: list[BounceOut]

    @classmethod
    def from_history(
        cls, row: Delivery, events: Sequence[DeliveryEvent], bounces: Sequence[BounceRecord]
    ) -> "DeliveryDetail":
        """Show a delivery with all that is recorded of it."""
        history = [EventOut(at=event.at, text=event.text) for event in events]
        detail = cls.from_row(row, history=history, bounces=[BounceOut.model_validate(bounce) for bounce in bounces])
        assert isinstance(detail, cls)  # noqa: S101  - for the type checker
        return detail


class DeliveryPage(BaseModel):
    """Page of deliveries, the newest first."""

    deliveries: list[DeliveryOut]
    next: NextCursor


class BouncePage(BaseModel):
    """Page of bounces, the newest first."""

    bounces: list[BounceOut]
    next: NextCursor


class RowOut(StoredRow):
    """Row of a table that cannot be read, and was set aside."""

    id: int
    table_name: Text
    row_id: Text
    reason: Text
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


class RowPage(BaseModel):
    """Page of rows that were set aside, those of longest standing first."""

    rows: list[RowOut]
    next: NextCursor


class SourceOut(StoredRow):
    """State of a source in use, or of one feed. `entries` came in `seconds` when its last whole day was fetched."""

    name: str
    source: str = Field(description="The source that fetches it: its own name, or `feeds`. Use it to fetch now.")
    title: str
    last_whole_day: date | None
    entries: int
    seconds: float
    next_fetch_at: datetime | None
    problems: list[str]
    is_usable: bool


class SourcesOut(BaseModel):
    """All sources in use."""

    sources: list[SourceOut]


class FetchOut(StoredRow):
    """One fetch of a source for a day, or of one part of it."""

    id: int
    source: Text
    part: Text
    list_day: date
    started_at: datetime
    seconds: float
    status: Text
    endpoint: Text
    is_backfill: bool
    promised: int | None
    received: int
    listed_count: int
    new_count: int
    error_code: Text
    message: Text


class FetchPage(BaseModel):
    """Page of fetches, the latest first."""

    fetches: list[FetchOut]
    next: NextCursor


class PairOut(BaseModel):
    """Two papers with one title and first author that may be one, or two."""

    one: int
    other: int
    one_key: Text
    other_key: Text
    title: Text

    @classmethod
    def from_pair(cls, pair: PaperPair) -> "PairOut":
        """Show a pair."""
        one, other = pair.one, pair.other
        return cls(
            one=int(one.id or 0), other=int(other.id or 0), one_key=one.key, other_key=other.key, title=one.title
        )


class PairsOut(BaseModel):
    """Pairs of papers that may be one, the latest first."""

    pairs: list[PairOut]


class LinkOut(StoredRow):
    """Link between two papers, or a separation of two."""

    id: int
    paper_id: int
    other_id: int | None
    relation: Text
    rule: Text
    created_at: datetime


class LinksOut(BaseModel):
    """Links that hold, and pairs that stay two, the latest first."""

    links: list[LinkOut]
    separations: list[LinkOut]


class ActionOut(BaseModel):
    """Something that an operator did. `detail`: what was before, and what is needed to undo it."""

    id: int
    at: datetime
    actor: Text
    action: Text
    object_kind: Text
    object_id: Text
    detail: dict[str, Any]
    can_undo: bool
    undone_at: datetime | None
    undone_by: Text

    @classmethod
    def from_row(cls, row: OperatorAction) -> "ActionOut":
        """Show an action."""
        own = {"id", "detail", "can_undo"}
        values: Mapping[str, Any] = {name: getattr(row, name) for name in cls.model_fields if name not in own}
        return cls(id=int(row.id or 0), detail=row.read_detail(), can_undo=can_undo(row), **values)


class ActionPage(BaseModel):
    """Page of actions, the latest first."""

    actions: list[ActionOut]
    next: NextCursor
