"""Letters, and what became of them."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from digest.models.base import BIG, Instant, one_of


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


OPEN = (State.QUEUED, State.SENDING, State.ON_WIRE)  # letters that have no answer yet


def by_state(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Letters counted by state, with a nought for each state that has none."""
    return {state.value: 0 for state in State} | dict(found)


# What a plan asks about each reader: few rows, however long the history.
OWED = "state IN ('queued', 'failed', 'expired', 'cancelled') AND NOT given_back"


class Verdict(StrEnum):
    """What a mail that came back says of a letter."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    REPLY = "auto-reply"
    OURS = "ours"
    LEAVE = "unsubscribe"


class Delivery(SQLModel, table=True):
    """One letter to one reader. UNIQUE(subscriber, edition) is what keeps a second one away.

    `next_attempt_at` is None for a letter that may go at once. `keywords` are the numbers of the keywords that the
    edition was chosen by, in the reader's order: letter and web copy stay the same when the reader changes them.
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
            "ix_delivery_owed",
            "subscriber_id",
            sqlite_where=text(OWED),
            postgresql_where=text(OWED),
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
    keywords: list[int] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs={"server_default": text("'[]'")})
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


class Evidence(SQLModel, table=True):
    """A mail that came back about a letter: a bounce, a complaint, an automatic reply, a wish to leave.

    `fingerprint` is of the mail itself, so that one that is read twice counts once. `status` is the enhanced status
    code (RFC 3463) or empty; `parser` names the code that read it.
    """

    __table_args__ = (one_of("verdict", Verdict),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)
    delivery_id: int = Field(foreign_key="delivery.id", index=True, sa_type=BIG)
    verdict: str
    status: str = ""
    reason: str = ""
    parser: str
    fingerprint: str = Field(unique=True)
    received_at: datetime = Field(sa_type=Instant)


class Lane(SQLModel, table=True):
    """The way to a relay (host:port) that refuses us. No row: it is open. `tries`: refusals in a row."""

    relay: str = Field(primary_key=True)
    closed_at: datetime = Field(sa_type=Instant)
    tried_at: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
    tries: int = 0
    code: int = 0
    reply: str = ""


class Bucket(SQLModel, table=True):
    """A token bucket that several senders share: until `free_at` every letter of this rate has been handed out.

    `name`: the relay (host:port), or the relay and a domain. Instants are the database's own.
    """

    name: str = Field(primary_key=True)
    free_at: datetime = Field(sa_type=Instant)
