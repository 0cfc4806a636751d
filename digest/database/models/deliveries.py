"""Letters, and what became of them.

The queue: who takes letters from it, gives them back, or finds that another has died with them.

From rows to a letter on the wire: load what deliveries carry, explain the matches again, ask `letters` for words.

    claimed ──desk──> rows of a batch ──words──> values ──letters──> pieces joined ──mail.message──> bytes

A delivery keeps only the numbers of its papers. Which words matched is derived here, from the same code that chose,
and kept for other letters with the same papers (letters.known).

What needs the store is done for a batch beforehand (`prepare`). The bytes are made when a letter's turn has come
(`written`), and nobody has to keep a hundred letters of 50 KB.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import (
    JSON,
    Index,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, UtcDateTime, check_one_of


class DeliveryKind(StrEnum):
    """Which letter a delivery carries."""

    DIGEST = "digest"
    CONFIRM = "confirm"
    WELCOME = "welcome"
    ALREADY_SUBSCRIBED = "already"
    GOODBYE = "goodbye"


class DeliveryState(StrEnum):
    """Where a delivery stands; `deliveries.py` draws the machine."""

    QUEUED = "queued"
    SENDING = "sending"
    ON_WIRE = "on_wire"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN_STATES = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)  # letters that have no answer yet


def complete_state_counts(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Letters counted by state, with a nought for each state that has none."""
    return {state.value: 0 for state in DeliveryState} | dict(counts)


# What a plan asks about each reader: few rows, however long the history.
UNDELIVERED = "state IN ('queued', 'failed', 'expired', 'cancelled') AND NOT is_reclaimed"


class BounceClass(StrEnum):
    """What a mail that came back says of a letter."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    SENDER_FAULT = "ours"
    UNSUBSCRIBE = "unsubscribe"


class Delivery(SQLModel, table=True):
    """One letter to one reader. UNIQUE(subscriber, edition) is what keeps a second one away.

    `next_attempt_at` is None for a letter that may go at once. `keywords` are the numbers of the keywords that the
    edition was chosen by, in the reader's order: letter and web copy stay the same when the reader changes them.
    """

    __table_args__ = (
        UniqueConstraint("subscriber_id", "edition"),
        check_one_of("kind", DeliveryKind),
        check_one_of("state", DeliveryState),
        Index(
            "ix_delivery_queue",
            "priority",
            "next_attempt_at",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_delivery_undelivered",
            "subscriber_id",
            sqlite_where=text(UNDELIVERED),
            postgresql_where=text(UNDELIVERED),
        ),
        Index(
            "ix_delivery_owner",
            "owner",
            sqlite_where=text("owner IS NOT NULL"),
            postgresql_where=text("owner IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    subscriber_id: int = Field(foreign_key="subscriber.id", sa_type=BIG_INTEGER)
    kind: str
    edition: str
    state: str = DeliveryState.QUEUED
    priority: int = 1
    papers: list[int] = Field(default_factory=list, sa_type=JSON)
    omitted_papers: list[int] = Field(default_factory=list, sa_type=JSON)
    keywords: list[int] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs={"server_default": text("'[]'")})
    is_reclaimed: bool = False
    message_id: str = Field(unique=True)
    attempts: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    owner: str | None = None
    lease_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reply_code: int = 0
    reply: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BounceRecord(SQLModel, table=True):
    """A mail that came back about a letter: a bounce, a complaint, an automatic reply, a wish to leave.

    `fingerprint` is of the mail itself, so that one that is read twice counts once. `status_code` is the enhanced
    status code (RFC 3463) or empty; `parser` names the code that read it.
    """

    __tablename__ = "bounce_record"
    __table_args__ = (check_one_of("bounce_class", BounceClass),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    delivery_id: int = Field(foreign_key="delivery.id", index=True, sa_type=BIG_INTEGER)
    bounce_class: str
    status_code: str = ""
    reason: str = ""
    parser: str
    fingerprint: str = Field(unique=True)
    received_at: datetime = Field(sa_type=UtcDateTime)


class RelayCircuit(SQLModel, table=True):
    """The way to a relay (host:port) that refuses us. No row: it is open. `failure_count`: refusals in a row."""

    __tablename__ = "relay_circuit"

    relay: str = Field(primary_key=True)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    last_failure_at: datetime = Field(sa_type=UtcDateTime)
    retry_at: datetime = Field(sa_type=UtcDateTime)
    failure_count: int = 0
    reply_code: int = 0
    reply: str = ""


class SharedTokenBucket(SQLModel, table=True):
    """A token bucket that several senders share: until `available_at` every letter of this rate has been handed out.

    `name`: the relay (host:port), or the relay and a domain. Instants are the database's own.
    """

    __tablename__ = "shared_token_bucket"

    name: str = Field(primary_key=True)
    available_at: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A letter that this process may send now."""

    id: int
    subscriber_id: int
    kind: str
    edition: str
    message_id: str
    attempts: int
    created_at: datetime
    papers: list[int] = field(default_factory=list)
    omitted_papers: list[int] = field(default_factory=list)
    keywords: list[int] = field(default_factory=list)

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> Self:
        """What a row says of its letter."""
        return cls(
            id=int(delivery.id or 0),
            subscriber_id=delivery.subscriber_id,
            kind=delivery.kind,
            edition=delivery.edition,
            message_id=delivery.message_id,
            attempts=delivery.attempts,
            created_at=delivery.created_at,
            papers=list(delivery.papers),
            omitted_papers=list(delivery.omitted_papers),
            keywords=list(delivery.keywords),
        )


COPY_LINK = "copy"  # copy:number:day:today is the edition of the link to a letter's copy
