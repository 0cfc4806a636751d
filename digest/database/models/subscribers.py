"""Subscribers and what they want."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, UtcDateTime, check_one_of


class SubscriberStatus(StrEnum):
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
        check_one_of("status", SubscriberStatus),
        check_one_of("frequency", Frequency),
        Index("ix_subscriber_due", "status", "timezone", "send_hour", "frequency"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    email: str
    email_key: str = Field(unique=True)
    status: str = SubscriberStatus.PENDING
    nonce: str = Field(unique=True)
    frequency: str = Frequency.DAILY
    send_hour: int = 8
    timezone: str = "UTC"
    cap: int = 20
    trending: bool = False
    summaries: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    paused_until: date | None = None
    covered_listing_id: int = Field(default=0, sa_type=BIG_INTEGER)
    last_due_day: date | None = None
    consent: str = ""
    reason: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    def end_subscription(self, status: SubscriberStatus, reason: str, now: datetime) -> None:
        """End the subscription: `UNSUBSCRIBED` where the subscriber said so, `SUPPRESSED` where a mail system did."""
        self.status = status
        self.reason = reason
        self.ended_at = now
        self.paused_until = None


class Keyword(SQLModel, table=True):
    """A query in its canonical form, once, however many readers wrote it in however many ways."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    canonical: str = Field(unique=True)


class SavedKeyword(SQLModel, table=True):
    """A keyword of one reader, as they wrote it; `position` orders them and gives each its colour."""

    __tablename__ = "saved_keyword"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "keyword_id"),
        Index("ix_saved_keyword_keyword_id", "keyword_id"),
    )

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True, sa_type=BIG_INTEGER)
    position: int = Field(primary_key=True)
    keyword_id: int = Field(foreign_key="keyword.id", sa_type=BIG_INTEGER)
    text: str


class RateLimitCounter(SQLModel, table=True):
    """How often something was asked for in a window of time, for limits that several processes share.

    `key` is a keyed hash: neither addresses nor networks of clients stand here.
    """

    __tablename__ = "rate_limit_counter"

    key: str = Field(primary_key=True)
    count: int
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
