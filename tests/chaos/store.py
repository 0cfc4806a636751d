"""A store with a planned run, and what its record says."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, String, cast, func, select
from sqlmodel import col

from digest import delivery
from digest.context import AppContext
from digest.database import migrate, read_session, write_session
from digest.database.models import (
    Delivery,
    DeliveryState,
    QuarantinedRow,
    RelayCircuit,
    Subscriber,
    SubscriberStatus,
)
from digest.delivery import count_queued
from digest.planning import plan
from tests.chaos.count import RecordRow
from tests.support.contexts import TUESDAY, add_many_subscribers, make_context, store_papers

PAPER = "A robot folds a protein along a graph"  # each subscriber has one of these words for a keyword
NEXT = timedelta(days=1)


def create_planned_store(engine: Engine, emails: int, **given: object) -> tuple[AppContext, set[int]]:
    """Create a store with so many subscribers and their digests of one paper, queued; return the papers, too."""
    at = create_store(engine, emails, **given)
    papers = set(store_papers(at, TUESDAY, PAPER))
    plan(at.engine, at.sender_domain, TUESDAY)
    with read_session(engine) as session:
        queued = count_queued(session)
    if queued != emails:
        raise RuntimeError(f"{queued} e-mails were planned for {emails} subscribers")
    return at, papers


def create_store(engine: Engine, emails: int, **given: object) -> AppContext:
    """Create a store with so many subscribers who are due."""
    migrate(engine)
    at = make_context(engine, **given)
    add_many_subscribers(at, emails)
    return at


def load_rows(engine: Engine) -> list[RecordRow]:
    """The whole record."""
    query = select(
        col(Delivery.message_id),
        func.coalesce(func.nullif(col(Delivery.recipient), ""), col(Subscriber.email)),
        col(Delivery.kind),
        col(Delivery.edition),
        col(Delivery.state),
        col(Delivery.reply_code),
        col(Delivery.papers),
        col(Delivery.is_reclaimed),
        col(Subscriber.status),
        col(Delivery.attempts),
        is_quarantined(),
    ).join(Subscriber, col(Subscriber.id) == col(Delivery.subscriber_id))
    with read_session(engine) as session:
        found = session.execute(query).all()
    return [
        RecordRow(
            *(name, to, edition, state, code, tuple(papers), is_reclaimed),
            *(status == SubscriberStatus.ACTIVE, attempts, is_in_quarantine, kind),
        )
        for name, to, kind, edition, state, code, papers, is_reclaimed, status, attempts, is_in_quarantine in found
    ]


def is_quarantined() -> ColumnElement[bool]:
    """The condition that a delivery is set aside: it waits until somebody mends it."""
    return (
        select(1)
        .where(
            col(QuarantinedRow.table_name) == Delivery.__tablename__,
            col(QuarantinedRow.row_id) == cast(col(Delivery.id), String),
            col(QuarantinedRow.released_at).is_(None),
        )
        .exists()
    )


def load_addresses(engine: Engine, *, active: bool = False, but: Collection[int] = ()) -> list[str]:
    """The addresses of subscribers, but of those with these numbers."""
    query = select(col(Subscriber.email)).where(col(Subscriber.id).not_in(but))
    with read_session(engine) as session:
        return list(
            session.scalars(query.where(col(Subscriber.status) == SubscriberStatus.ACTIVE) if active else query)
        )


def count_open(engine: Engine) -> dict[str, int]:
    """Count emails that have no outcome yet and may have one, by state."""
    query = select(col(Delivery.state), func.count()).where(
        col(Delivery.state).in_((DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)), ~is_quarantined()
    )
    with read_session(engine) as session:
        return dict(session.execute(query.group_by(col(Delivery.state))).tuples().all())


def time_until_due(engine: Engine, now: datetime) -> timedelta:
    """How long until something may be tried: the circuit is open, or every email was deferred."""
    with read_session(engine) as session:
        circuit_retry_at = session.scalar(select(func.max(col(RelayCircuit.retry_at))))
        ready = session.scalar(
            select(func.count())
            .select_from(Delivery)
            .where(col(Delivery.state) == DeliveryState.QUEUED, ~is_quarantined())
            .where(col(Delivery.next_attempt_at).is_(None) | (col(Delivery.next_attempt_at) <= now))
        )
        latest = session.scalar(
            select(func.max(col(Delivery.next_attempt_at))).where(
                col(Delivery.state) == DeliveryState.QUEUED, ~is_quarantined()
            )
        )
    until = [value for value in (circuit_retry_at, None if ready else latest) if value is not None]
    return max((_aware(instant) - now for instant in until), default=timedelta(0))


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def resolve_uncertain(engine: Engine, accepted: set[str], now: datetime) -> int:
    """What an operator does with a relay's log: what is in it was sent, the rest is lost. How many there were."""
    with write_session(engine) as session:
        doubtful = session.execute(
            select(col(Delivery.id), col(Delivery.message_id)).where(col(Delivery.state) == DeliveryState.UNCERTAIN)
        ).all()
        for number, name in doubtful:
            delivery.resolve(session, int(number or 0), sent=name in accepted, now=now)
    return len(doubtful)
