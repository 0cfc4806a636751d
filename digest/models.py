"""The tables: what the record keeps, and the words it keeps it in.

    Paper -< Listing                      what was listed where, on which day
    Reading                               one look at one source for one list day
    Subscriber -< SavedKeyword >- Keyword what a reader wants; equal keywords are stored once
    Subscriber -< Delivery                one letter to one reader, and what became of it

Keys are 64 bits wide. Instants are aware and in UTC on both databases.

Two numbers carry the promise that no paper is lost and none comes twice. `Paper.entered` is the number of the
paper's first listing; listings are written under one lock, so these numbers grow in the order in which they
become visible. `Subscriber.covered_to` is the highest listing number that an edition for this reader has
considered. What is new for a reader is `entered > covered_to`: a comparison of numbers, never of clocks.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, CheckConstraint, DateTime, Dialect, Index, Integer, UniqueConstraint, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

# Names that a later migration can count on, the same on both databases.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only where the column is declared exactly INTEGER (64 bits there).
BIG = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant kept in UTC. SQLite knows no zones: there `DateTime(timezone=True)` would drop them."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive instant reached the store: {value!r}")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  - the library's
        if value is None:
            return None
        stored = cast("datetime", value)
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class Paper(SQLModel, table=True):
    """One paper, whatever lists it. `key` is its identity: arxiv:ID without version, else doi:…, else source:id."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    key: str = Field(unique=True)
    arxiv_id: str | None = None
    version: int = 1
    doi: str | None = None
    title: str
    abstract: str = ""
    authors: list[str] = Field(default_factory=list, sa_type=JSON)
    categories: list[str] = Field(default_factory=list, sa_type=JSON)
    organization: str | None = None
    published_on: date | None = None
    url: str
    pdf_url: str | None = None
    discussion_url: str | None = None
    code_url: str | None = None
    code_stars: int | None = None
    project_url: str | None = None
    thumbnail_url: str | None = None
    ai_summary: str | None = None
    ai_keywords: list[str] = Field(default_factory=list, sa_type=JSON)
    upvotes: int | None = None
    comments: int | None = None
    text_from: str
    entered: int = Field(default=0, sa_type=BIG, index=True)
    first_seen_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
    filled_in_at: datetime | None = Field(default=None, sa_type=Instant)


class Listing(SQLModel, table=True):
    """A paper on the list of one source for one day. `kind`: listed (Hugging Face), new or cross (arXiv)."""

    __table_args__ = (
        UniqueConstraint("source", "list_day", "paper_id"),
        Index("ix_listing_paper", "paper_id"),
        Index("ix_listing_day", "list_day"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    paper_id: int = Field(foreign_key="paper.id", sa_type=BIG)
    source: str
    list_day: date
    rank: int
    kind: str = "listed"
    upvotes: int | None = None
    comments: int | None = None
    first_seen_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)


class ReadingStatus(StrEnum):
    """How a look at a source ended. Only `failed` is a fault; `empty` on a weekday is a warning."""

    OK = "ok"
    UNCHANGED = "unchanged"
    EMPTY = "empty"
    NOT_LISTED = "not-listed"
    FAILED = "failed"


class Reading(SQLModel, table=True):
    """One look at one source for one list day. Quiet and broken never look alike here."""

    __table_args__ = (Index("ix_reading_source_day", "source", "list_day"), one_of("status", ReadingStatus))

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    source: str
    list_day: date
    started_at: datetime = Field(sa_type=Instant)
    seconds: float
    status: str
    via: str = ""
    listed: int = 0
    new: int = 0
    code: str = ""
    message: str = ""


class Fetched(SQLModel, table=True):
    """What a host said about an answer we have taken in, so that the next request can be conditional (RFC 9110)."""

    url: str = Field(primary_key=True)
    etag: str | None = None
    last_modified: str | None = None
    at: datetime = Field(sa_type=Instant)


class Status(StrEnum):
    """Where a subscriber stands. Only `active` ones are readers."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Frequency(StrEnum):
    """How often: every day, Monday to Friday, or on Mondays."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


class Subscriber(SQLModel, table=True):
    """A person who asked for letters. `nonce` goes into every link and is worthless without the secret key."""

    __table_args__ = (
        one_of("status", Status),
        one_of("frequency", Frequency),
        Index("ix_subscriber_due", "status", "timezone", "send_hour", "frequency"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    email: str
    email_key: str = Field(unique=True)
    status: str = Status.PENDING
    nonce: str = Field(unique=True)
    frequency: str = Frequency.DAILY
    send_hour: int = 8
    timezone: str = "UTC"
    cap: int = 20
    trending: bool = False
    paused_until: date | None = None
    covered_to: int = Field(default=0, sa_type=BIG)
    last_slot: date | None = None
    consent: str = ""
    reason: str = ""
    created_at: datetime = Field(sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class Keyword(SQLModel, table=True):
    """A query in its canonical form, once, however many readers wrote it in however many ways."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    canonical: str = Field(unique=True)


class SavedKeyword(SQLModel, table=True):
    """A keyword of one reader, as they wrote it; `position` orders them and gives each its colour."""

    __table_args__ = (UniqueConstraint("subscriber_id", "keyword_id"), Index("ix_saved_keyword", "keyword_id"))

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True, sa_type=BIG)
    position: int = Field(primary_key=True)
    keyword_id: int = Field(foreign_key="keyword.id", sa_type=BIG)
    written: str


class Kind(StrEnum):
    """Which letter a delivery carries."""

    DIGEST = "digest"
    CONFIRM = "confirm"
    WELCOME = "welcome"
    ALREADY = "already"
    GOODBYE = "goodbye"


class State(StrEnum):
    """Where a delivery stands; `deliveries.py` draws the machine."""

    QUEUED = "queued"
    SENDING = "sending"
    ON_WIRE = "on_wire"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Delivery(SQLModel, table=True):
    """One letter to one reader. UNIQUE(subscriber, edition) is what keeps a second one away.

    `next_attempt_at` is None for a letter that may go at once.
    """

    __table_args__ = (
        UniqueConstraint("subscriber_id", "edition"),
        one_of("kind", Kind),
        one_of("state", State),
        Index(
            "ix_delivery_queue",
            "priority",
            "next_attempt_at",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_delivery_owner",
            "owner",
            sqlite_where=text("owner IS NOT NULL"),
            postgresql_where=text("owner IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    subscriber_id: int = Field(foreign_key="subscriber.id", sa_type=BIG)
    kind: str
    edition: str
    state: str = State.QUEUED
    priority: int = 1
    papers: list[int] = Field(default_factory=list, sa_type=JSON)
    left_out: list[int] = Field(default_factory=list, sa_type=JSON)
    given_back: bool = False
    message_id: str = Field(unique=True)
    attempts: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=Instant)
    owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    reply_code: int = 0
    reply: str = ""
    created_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
