"""Deliveries, the bounces that come back, and the state of relays."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, KEEP_IDS, check_one_of
from digest.database.models.column_types import IdList, TextList, UtcDateTime


class DeliveryKind(StrEnum):
    """What a delivery is about."""

    DIGEST = "digest"
    CONFIRM = "confirm"
    WELCOME = "welcome"
    ALREADY_SUBSCRIBED = "already"
    GOODBYE = "goodbye"
    ADDRESS_CHANGE = "address-change"  # to a new address, which is used once its owner has confirmed it
    ADDRESS_CHANGED = "address-changed"  # to the old address, with a link to undo
    ADDRESS_RESTORED = "address-restored"  # to the address that a change which was undone had led to


class DeliveryState(StrEnum):
    """States of the delivery record; the docstring of `digest.delivery` draws the transitions."""

    QUEUED = "queued"
    SENDING = "sending"
    ON_WIRE = "on_wire"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN_STATES = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)  # without a final result yet
# The condition of a partial index, so that planning reads few rows a subscriber, however long their history.
UNDELIVERED = "state IN ('queued', 'failed', 'expired', 'cancelled') AND NOT is_reclaimed"
# Conditions of partial indexes for operators: what did not simply arrive, and e-mails about a subscription.
EXCEPTIONAL = "state IN ('failed', 'uncertain', 'cancelled', 'expired')"
NOTICES = "kind <> 'digest'"
# An edition of this kind, `copy:subject of the token:day:today`, is an e-mail with the link to a digest's web copy.
COPY_LINK = "copy"
CLOSE_WORD_SEPARATOR = ", "  # a key has no comma


def complete_state_counts(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return counts of deliveries by state, with 0 for the states that are missing."""
    return {state.value: 0 for state in DeliveryState} | dict(counts)


class BounceClass(StrEnum):
    """What an inbound message says about a delivery. SENDER_FAULT: refused because of us, not of the recipient."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    SENDER_FAULT = "ours"
    UNSUBSCRIBE = "unsubscribe"


class Delivery(SQLModel, table=True):
    """One e-mail to one subscriber. UNIQUE(subscriber, edition) prevents a second digest for the same day.

    - `papers`, `omitted_papers`: ids of the papers in it, and of those beyond the subscriber's limit
    - `keywords`: ids of the keywords that chose the papers, in the subscriber's order; e-mail and web copy stay the
      same when the subscriber changes their keywords
    - `news`: ids of the events that it tells of papers which its subscriber had
    - `close_papers`: ids of papers that no keyword found, but that are close to the subscriber's profile
    - `close_words`: for each of these the keys of the words that brought it, joined by CLOSE_WORD_SEPARATOR
    - `is_reclaimed`: a later edition has taken the papers over
    - `next_attempt_at`: None when it may be sent at once
    - `recipient`: the address it goes to, where that is not the subscriber's; else empty
    - `owner`, `lease_expires_at`: the sender that has claimed it, and until when
    - `reply_code`, `reply`: the last reply of the relay
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
        Index(
            "ix_delivery_exceptional",
            "state",
            "id",
            sqlite_where=text(EXCEPTIONAL),
            postgresql_where=text(EXCEPTIONAL),
        ),
        Index("ix_delivery_notice", "kind", "id", sqlite_where=text(NOTICES), postgresql_where=text(NOTICES)),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    subscriber_id: int = Field(foreign_key="subscriber.id", sa_type=BIG_INTEGER)
    kind: str
    edition: str
    state: str = DeliveryState.QUEUED
    priority: int = 1
    papers: list[int] = Field(default_factory=list, sa_type=IdList)
    omitted_papers: list[int] = Field(default_factory=list, sa_type=IdList)
    keywords: list[int] = Field(default_factory=list, sa_type=IdList, sa_column_kwargs={"server_default": text("'[]'")})
    news: list[int] = Field(default_factory=list, sa_type=IdList, sa_column_kwargs={"server_default": text("'[]'")})
    close_papers: list[int] = Field(
        default_factory=list, sa_type=IdList, sa_column_kwargs={"server_default": text("'[]'")}
    )
    close_words: list[str] = Field(
        default_factory=list, sa_type=TextList, sa_column_kwargs={"server_default": text("'[]'")}
    )
    is_reclaimed: bool = False
    message_id: str = Field(unique=True)
    recipient: str = Field(default="", sa_column_kwargs={"server_default": ""})
    attempts: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    owner: str | None = None
    lease_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reply_code: int = 0
    reply: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BounceRecord(SQLModel, table=True):
    """An inbound message about a delivery: a bounce, a complaint, an automatic reply, or a request to unsubscribe.

    `fingerprint` is a hash of the message, so that one that is fetched twice counts once. `status_code` is the
    enhanced status code (RFC 3463) or empty; `parser` names the parser that understood it.
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
    """Open circuit to a relay (host:port) that refuses us; no row means closed. `failure_count`: refusals in a row."""

    __tablename__ = "relay_circuit"

    relay: str = Field(primary_key=True)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    last_failure_at: datetime = Field(sa_type=UtcDateTime)
    retry_at: datetime = Field(sa_type=UtcDateTime)
    failure_count: int = 0
    reply_code: int = 0
    reply: str = ""


class SharedTokenBucket(SQLModel, table=True):
    """Token bucket that several senders share: all tokens up to `available_at` are taken.

    `name` is the relay (host:port), or the relay and a domain. `available_at` is a time of the database server. `pace`:
    messages a second that the relay has taken lately; None while it has not said that we are too fast.
    """

    __tablename__ = "shared_token_bucket"

    name: str = Field(primary_key=True)
    available_at: datetime = Field(sa_type=UtcDateTime)
    pace: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """Delivery that this process may send now."""

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
    recipient: str = ""
    news: list[int] = field(default_factory=list)
    close_papers: list[int] = field(default_factory=list)
    close_words: list[str] = field(default_factory=list)

    @classmethod
    def from_delivery(cls, delivery: Delivery) -> Self:
        """Take over the columns of a row."""
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
            recipient=delivery.recipient,
            news=list(delivery.news),
            close_papers=list(delivery.close_papers),
            close_words=list(delivery.close_words),
        )

    @property
    def all_papers(self) -> list[int]:
        """Papers of every section, and those that found no room."""
        return [*self.papers, *self.omitted_papers, *self.close_papers]

    def replace_close_papers(self, standing: Mapping[int, int], dropped: Collection[int]) -> None:
        """Put the rows that stand for close papers in their place, and drop some with their words."""
        pairs = zip(self.close_papers, self.close_words, strict=False)
        remaining = {standing.get(number, number): words for number, words in pairs}
        remaining = {number: words for number, words in remaining.items() if number not in dropped}
        self.close_papers[:], self.close_words[:] = remaining.keys(), remaining.values()
