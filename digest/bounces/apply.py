"""What a report does: a row of evidence, the letter's fate, the reader's. Inside the caller's transaction.

    report | verdict, once -> letter: failed, or sent after all -> reader: suppressed, paused, gone, or as before

Here hangs every way by which news of a letter comes in: whoever knows the delivery and has a Report calls `record`.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, func, update
from sqlmodel import Session, col, select

from digest.bounces.report import BounceReport
from digest.database import insert
from digest.database.models import BounceClass, BounceRecord, Delivery, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery import cancel
from digest.mail.replies import ReportKind
from digest.subscribers import REASON_ONE_CLICK, REASON_UNCONFIRMED, has_complained, suspend

RECENT_DELIVERIES, SOFT_BOUNCE_LIMIT = 5, 3  # so many letters are looked at; so many of them may not come back


TRANSMITTED_STATES = (DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN)


ATTEMPTED_STATES = (DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.FAILED)


REACHABLE_STATUSES = {SubscriberStatus.PENDING, SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}


class BounceAction(StrEnum):
    """What came of a report."""

    RECORDED = "recorded"  # noted with the letter; the reader's account is as it was
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    DUPLICATE = "known"  # this very mail was counted before
    DELIVERY_ERASED = "forgotten"  # there is no such letter any more: its reader was erased
    IGNORED = "nothing"  # it says nothing about any letter


def apply_bounce(
    session: Session, delivery_id: int, report: BounceReport, fingerprint: str, now: datetime
) -> BounceAction:
    """Note a report about a letter, once by its `fingerprint`, and do what follows from it."""
    if report.kind is ReportKind.NONE:
        return BounceAction.IGNORED
    subscriber_id = session.scalar(select(Delivery.subscriber_id).where(Delivery.id == delivery_id))
    if subscriber_id is None:
        return BounceAction.DELIVERY_ERASED
    # Readers before letters, in the order in which everybody locks them.
    subscriber = session.get_one(Subscriber, subscriber_id, with_for_update={"key_share": True}, populate_existing=True)
    if not _insert_record(session, delivery_id, report, fingerprint, now):
        return BounceAction.DUPLICATE
    _update_delivery(session, delivery_id, report, now)
    return _update_subscriber(session, subscriber, session.get_one(Delivery, delivery_id), report, now)


def _insert_record(session: Session, delivery_id: int, report: BounceReport, fingerprint: str, now: datetime) -> bool:
    row = {
        "delivery_id": delivery_id,
        "bounce_class": BounceClass(report.kind),
        "status_code": report.status,
        "reason": report.reason,
        "parser": report.parser,
        "fingerprint": fingerprint,
        "received_at": now,
    }
    statement = insert(session, BounceRecord).values(row).on_conflict_do_nothing(index_elements=["fingerprint"])
    return session.execute(statement.returning(col(BounceRecord.id))).first() is not None


def _update_delivery(session: Session, delivery_id: int, report: BounceReport, now: datetime) -> None:
    """Whatever comes back proves that the relay took the letter. A final refusal makes it failed, and its papers go
    into the next edition; after anything else it counts as sent.

    This is later news than an answer at the final dot, so a letter that is still on the wire is settled too.
    """
    returned = report.final and report.kind in {ReportKind.HARD, ReportKind.SOFT, ReportKind.SENDER_FAULT}
    letter = session.get_one(Delivery, delivery_id)
    before = f"{letter.reply_code or ''} {letter.reply}".strip()
    said = f"{'came back' if returned else 'arrived'}: {_describe(report)}" + (f"; before: {before}" if before else "")
    session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id)
        .where(
            col(Delivery.state).in_(
                TRANSMITTED_STATES if returned else (DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)
            )
        )
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


def _update_subscriber(
    session: Session, subscriber: Subscriber, delivery: Delivery, report: BounceReport, now: datetime
) -> BounceAction:
    match report.kind:
        case ReportKind.COMPLAINT if not has_complained(subscriber):
            return _end_subscription(
                session, subscriber, SubscriberStatus.SUPPRESSED, f"complaint: {report.reason}", now
            )
        case ReportKind.HARD if (
            report.final and subscriber.status in REACHABLE_STATUSES and _is_current(subscriber, delivery)
        ):
            return _end_subscription(
                session, subscriber, SubscriberStatus.SUPPRESSED, f"bounced: {_describe(report)}", now
            )
        case ReportKind.UNSUBSCRIBE if subscriber.status in REACHABLE_STATUSES:
            pending = subscriber.status == SubscriberStatus.PENDING
            reason = REASON_UNCONFIRMED if pending else REASON_ONE_CLICK
            return _end_subscription(session, subscriber, SubscriberStatus.UNSUBSCRIBED, reason, now)
        case ReportKind.SOFT if (
            report.final and subscriber.status == SubscriberStatus.ACTIVE and _is_current(subscriber, delivery)
        ):
            if _count_soft_bounces(session, subscriber) >= SOFT_BOUNCE_LIMIT:
                suspend(
                    subscriber,
                    f"{SOFT_BOUNCE_LIMIT} of the last {RECENT_DELIVERIES} letters came back, "
                    f"the last one: {_describe(report)}",
                )
                return BounceAction.PAUSED
    return BounceAction.RECORDED


def _end_subscription(
    session: Session, subscriber: Subscriber, status: SubscriberStatus, reason: str, now: datetime
) -> BounceAction:
    subscriber.end_subscription(status, reason, now)
    cancel(session, int(subscriber.id or 0), now)
    return BounceAction(status)


def _is_current(subscriber: Subscriber, delivery: Delivery) -> bool:
    """Whether the letter belongs to the subscription as it runs today; who has confirmed anew proved the address."""
    began = subscriber.ended_at if subscriber.status == SubscriberStatus.PENDING else subscriber.confirmed_at
    return began is None or delivery.created_at >= began


def _count_soft_bounces(session: Session, subscriber: Subscriber) -> int:
    """How many of the last letters did not arrive for reasons that may pass. One that was only late is none of them."""
    last = session.exec(
        select(Delivery.id, Delivery.state)
        .where(Delivery.subscriber_id == subscriber.id, col(Delivery.state).in_(ATTEMPTED_STATES))
        .order_by(col(Delivery.id).desc())
        .limit(RECENT_DELIVERIES)
    ).all()
    failed = [number for number, state in last if state == DeliveryState.FAILED]
    soft = exists().where(
        col(BounceRecord.delivery_id) == col(Delivery.id), col(BounceRecord.bounce_class) == BounceClass.SOFT
    )
    return len(session.exec(select(Delivery.id).where(col(Delivery.id).in_(failed), soft)).all())


def _describe(report: BounceReport) -> str:
    return f"{report.status} {report.reason}".strip() or report.kind


def count_sender_faults(session: Session, since: datetime) -> list[tuple[str, str, int]]:
    """(status, reason, how many mails said so) of what was our fault, the most frequent first."""
    count = func.count()
    asked = (
        select(BounceRecord.status_code, BounceRecord.reason, count)
        .where(BounceRecord.bounce_class == BounceClass.SENDER_FAULT, col(BounceRecord.received_at) >= since)
        .group_by(BounceRecord.status_code, BounceRecord.reason)
        .order_by(count.desc(), BounceRecord.status_code, BounceRecord.reason)
    )
    return [(status, reason, number) for status, reason, number in session.exec(asked).all()]
