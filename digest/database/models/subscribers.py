"""Subscribers, their keywords, the suppression list, and the limits of public forms."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, KEEP_IDS, check_one_of
from digest.database.models.column_types import TextList, TolerantDate, UtcDateTime

FORMS_VERSION = 1  # that of digest.matching, which stored keywords have; a test holds them equal

READ_AGAIN = -1  # in place of a version


class SubscriberStatus(StrEnum):
    """States of a subscription. Only `active` ones get digests."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Frequency(StrEnum):
    """How often digests come: every day, Monday to Friday, on one day of the week, or on the first of the month."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Subscriber(SQLModel, table=True):
    """A person with a subscription.

    - `email_key`: the address in the form that is compared
    - `nonce`: part of every signed link; worthless without the secret key
    - `weekday`: the day of weekly digests, 0 for Monday to 6 for Sunday
    - `cap`: papers per digest at most
    - `thumbnails`: pictures of papers in the digest
    - `sources`: names of the sources whose papers are wanted; empty for all
    - `covered_listing_id`: highest id of a listing that an edition for this subscriber has considered
    - `covered_from`: the same when the subscription was confirmed: up to it nothing was ever sent
    - `last_due_day`: the day of the last edition, sent or not
    - `consent`: version and text of what the subscriber agreed to
    - `reason`: why the subscription ended or is suppressed
    """

    __table_args__ = (
        check_one_of("status", SubscriberStatus),
        check_one_of("frequency", Frequency),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_known"),
        Index("ix_subscriber_due", "status", "timezone", "send_hour", "frequency"),
        Index("ix_subscriber_list", "status", "frequency", "id"),
        Index("ix_subscriber_address", "status", "frequency", "email_key"),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    email: str
    email_key: str = Field(unique=True)
    status: str = SubscriberStatus.PENDING
    nonce: str = Field(unique=True)
    frequency: str = Frequency.DAILY
    weekday: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    send_hour: int = 8
    timezone: str = "UTC"
    cap: int = 20
    trending: bool = False
    summaries: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    thumbnails: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    about_only: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    sources: list[str] = Field(default_factory=list, sa_type=TextList, sa_column_kwargs={"server_default": "[]"})
    paused_until: date | None = Field(default=None, sa_type=TolerantDate)
    covered_listing_id: int = Field(default=0, sa_type=BIG_INTEGER)
    covered_from: int = Field(default=0, sa_type=BIG_INTEGER, sa_column_kwargs={"server_default": "0"})
    last_due_day: date | None = Field(default=None, sa_type=TolerantDate)
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
    """Query in its canonical form, stored once for all subscribers.

    - `forms_version`: the version of the forms of words that the canonical form was made with; see
      `matching.forms`. READ_AGAIN: an acronym in it has changed its meaning since
    """

    __table_args__ = (KEEP_IDS,)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    canonical: str = Field(unique=True)
    forms_version: int = Field(default=FORMS_VERSION, sa_column_kwargs={"server_default": "0"})


class SavedKeyword(SQLModel, table=True):
    """Keyword of a subscriber as entered. `position` is its place in their list, and gives it its color.

    A muted keyword keeps its place and brings no papers.

    - `announced_in`: the digest that said what the keyword newly matches: its id, 0 for the next one, None for no news
    """

    __tablename__ = "saved_keyword"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "keyword_id"),
        Index("ix_saved_keyword_keyword_id", "keyword_id"),
    )

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True, sa_type=BIG_INTEGER)
    position: int = Field(primary_key=True)
    keyword_id: int = Field(foreign_key="keyword.id", sa_type=BIG_INTEGER)
    text: str
    is_muted: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    announced_in: int | None = Field(default=None, sa_type=BIG_INTEGER)


class RateLimitCounter(SQLModel, table=True):
    """Number of requests in a time window, for limits that processes share.

    `key` is a keyed hash, so that neither addresses nor networks of clients are stored.
    """

    __tablename__ = "rate_limit_counter"

    key: str = Field(primary_key=True)
    count: int
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class SuppressionEntry(SQLModel, table=True):
    """Address that gets no confirmation, because its owner declined one or reported our mail as spam.

    Kept when everything else about them is erased: `address_hash` is a keyed hash, so that the address is not stored.
    """

    __tablename__ = "suppression_entry"

    address_hash: str = Field(primary_key=True)
    reason: str
    created_at: datetime = Field(sa_type=UtcDateTime)
