"""What a report does: a row of evidence, the letter's fate, the reader's. Inside the caller's transaction.

    report | verdict, once -> letter: failed, or sent after all -> reader: suppressed, paused, gone, or as before

Here hangs every way by which news of a letter comes in: whoever knows the delivery and has a Report calls `record`.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, func, update
from sqlmodel import Session, col, select

from digest import db, deliveries, subscribers
from digest.bounces.report import Class, Report
from digest.models import BounceClass, BounceRecord, Delivery, DeliveryState, Subscriber, SubscriberStatus

LAST, SOFT = 5, 3  # so many letters are looked at; so many of them may not come back
LEFT_US = (DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN)
FOR_GOOD = (DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.FAILED)
REACHABLE = {SubscriberStatus.PENDING, SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}


class Deed(StrEnum):
    """What came of a report."""

    RECORDED = "recorded"  # noted with the letter; the reader's account is as it was
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    LEFT = "unsubscribed"
    KNOWN = "known"  # this very mail was counted before
    FORGOTTEN = "forgotten"  # there is no such letter any more: its reader was erased
    NOTHING = "nothing"  # it says nothing about any letter


def record(session: Session, delivery_id: int, report: Report, fingerprint: str, now: datetime) -> Deed:
    """Note a report about a letter, once by its `fingerprint`, and do what follows from it."""
    if report.kind is Class.NONE:
        return Deed.NOTHING
    subscriber_id = session.scalar(select(Delivery.subscriber_id).where(Delivery.id == delivery_id))
    if subscriber_id is None:
        return Deed.FORGOTTEN
    # Readers before letters, in the order in which everybody locks them.
    reader = session.get_one(Subscriber, subscriber_id, with_for_update={"key_share": True}, populate_existing=True)
    if not _noted(session, delivery_id, report, fingerprint, now):
        return Deed.KNOWN
    _settle(session, delivery_id, report, now)
    return _act(session, reader, session.get_one(Delivery, delivery_id), report, now)


def _noted(session: Session, delivery_id: int, report: Report, fingerprint: str, now: datetime) -> bool:
    row = {
        "delivery_id": delivery_id,
        "bounce_class": BounceClass(report.kind),
        "status_code": report.status,
        "reason": report.reason,
        "parser": report.parser,
        "fingerprint": fingerprint,
        "received_at": now,
    }
    statement = db.insert(session, BounceRecord).values(row).on_conflict_do_nothing(index_elements=["fingerprint"])
    return session.execute(statement.returning(col(BounceRecord.id))).first() is not None


def _settle(session: Session, delivery_id: int, report: Report, now: datetime) -> None:
    """Whatever comes back proves that the relay took the letter. A final refusal makes it failed, and its papers go
    into the next edition; after anything else it counts as sent.

    This is later news than an answer at the final dot, so a letter that is still on the wire is settled too.
    """
    returned = report.final and report.kind in {Class.HARD, Class.SOFT, Class.OURS}
    letter = session.get_one(Delivery, delivery_id)
    before = f"{letter.reply_code or ''} {letter.reply}".strip()
    said = f"{'came back' if returned else 'arrived'}: {_words(report)}" + (f"; before: {before}" if before else "")
    session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id)
        .where(col(Delivery.state).in_(LEFT_US if returned else (DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)))
        .values(
            state=DeliveryState.FAILED if returned else DeliveryState.SENT,
            owner=None,
            lease_expires_at=None,
            reply_code=0,
            reply=said[:300],
            settled_at=func.coalesce(col(Delivery.settled_at), now),
        )
        .execution_options(synchronize_session=False)
    )
    session.refresh(letter)


def _act(session: Session, reader: Subscriber, letter: Delivery, report: Report, now: datetime) -> Deed:
    match report.kind:
        case Class.COMPLAINT if not subscribers.complained(reader):
            return _end(session, reader, SubscriberStatus.SUPPRESSED, f"complaint: {report.reason}", now)
        case Class.HARD if report.final and reader.status in REACHABLE and _of_now(reader, letter):
            return _end(session, reader, SubscriberStatus.SUPPRESSED, f"bounced: {_words(report)}", now)
        case Class.LEAVE if reader.status in REACHABLE:
            pending = reader.status == SubscriberStatus.PENDING
            reason = subscribers.UNCONFIRMED if pending else subscribers.ONE_CLICK
            return _end(session, reader, SubscriberStatus.UNSUBSCRIBED, reason, now)
        case Class.SOFT if report.final and reader.status == SubscriberStatus.ACTIVE and _of_now(reader, letter):
            if _came_back(session, reader) >= SOFT:
                subscribers.hold(reader, f"{SOFT} of the last {LAST} letters came back, the last one: {_words(report)}")
                return Deed.PAUSED
    return Deed.RECORDED


def _end(session: Session, reader: Subscriber, status: SubscriberStatus, reason: str, now: datetime) -> Deed:
    subscribers.end(reader, status, reason, now)
    deliveries.cancel(session, int(reader.id or 0), now)
    return Deed(status)


def _of_now(reader: Subscriber, letter: Delivery) -> bool:
    """Whether the letter belongs to the subscription as it runs today; who has confirmed anew proved the address."""
    began = reader.ended_at if reader.status == SubscriberStatus.PENDING else reader.confirmed_at
    return began is None or letter.created_at >= began


def _came_back(session: Session, reader: Subscriber) -> int:
    """How many of the last letters did not arrive for reasons that may pass. One that was only late is none of them."""
    last = session.exec(
        select(Delivery.id, Delivery.state)
        .where(Delivery.subscriber_id == reader.id, col(Delivery.state).in_(FOR_GOOD))
        .order_by(col(Delivery.id).desc())
        .limit(LAST)
    ).all()
    failed = [number for number, state in last if state == DeliveryState.FAILED]
    soft = exists().where(
        col(BounceRecord.delivery_id) == col(Delivery.id), col(BounceRecord.bounce_class) == BounceClass.SOFT
    )
    return len(session.exec(select(Delivery.id).where(col(Delivery.id).in_(failed), soft)).all())


def _words(report: Report) -> str:
    return f"{report.status} {report.reason}".strip() or report.kind


def refused_because_of_us(session: Session, since: datetime) -> list[tuple[str, str, int]]:
    """(status, reason, how many mails said so) of what was our fault, the most frequent first."""
    count = func.count()
    asked = (
        select(BounceRecord.status_code, BounceRecord.reason, count)
        .where(BounceRecord.bounce_class == BounceClass.SENDER_FAULT, col(BounceRecord.received_at) >= since)
        .group_by(BounceRecord.status_code, BounceRecord.reason)
        .order_by(count.desc(), BounceRecord.status_code, BounceRecord.reason)
    )
    return [(status, reason, number) for status, reason, number in session.exec(asked).all()]
