"""Consequences of a bounce: a record of it, the delivery's state, and the subscriber's status.

    report | recorded once -> delivery: failed, or sent after all -> subscriber: suppressed, paused, gone, or unchanged

Every way in ends here: whoever knows the delivery and has a BounceReport calls `apply_bounce`.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, func, update
from sqlmodel import Session, col, select

from digest.bounces import messages
from digest.bounces.report import BounceReport, ReportKind
from digest.database import insert
from digest.database.models import BounceClass, BounceRecord, Delivery, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery import address_of, cancel, last_address_change, went_to_current_address
from digest.subscribers import (
    REASON_COMPLAINT,
    REASON_ONE_CLICK,
    REASON_UNCONFIRMED,
    has_complaint,
    normalize_address,
    suppress_address,
    suspend,
)

RECENT_DELIVERIES = 5
SOFT_BOUNCE_LIMIT = 3  # of the recent deliveries
TRANSMITTED_STATES = (DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN)
UNSETTLED_STATES = (DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)
ATTEMPTED_STATES = (*TRANSMITTED_STATES, DeliveryState.FAILED)
REACHABLE_STATUSES = {SubscriberStatus.PENDING, SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}


class BounceAction(StrEnum):
    """Outcome of a report."""

    RECORDED = "recorded"  # with the delivery; the subscriber is as before
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    DUPLICATE = "known"  # this very message was counted before
    DELIVERY_ERASED = "forgotten"  # the subscriber was erased, and the delivery with them
    IGNORED = "nothing"  # it says nothing about any delivery


def apply_bounce(
    session: Session, keys: Sequence[str], delivery_id: int, report: BounceReport, fingerprint: str, now: datetime
) -> BounceAction:
    """Record a report about a delivery, once for each `fingerprint`, and apply its consequences.

    `keys` are those of the suppression list.
    """
    if report.kind is ReportKind.NONE:
        return BounceAction.IGNORED
    subscriber_id = session.scalar(select(Delivery.subscriber_id).where(Delivery.id == delivery_id))
    if subscriber_id is None:
        return BounceAction.DELIVERY_ERASED
    # All transactions lock subscribers before deliveries, so that they cannot deadlock.
    subscriber = session.get_one(Subscriber, subscriber_id, with_for_update={"key_share": True}, populate_existing=True)
    record = {
        "delivery_id": delivery_id,
        "bounce_class": BounceClass(report.kind),
        "status_code": report.status,
        "reason": report.reason,
        "parser": report.parser,
        "fingerprint": fingerprint,
        "received_at": now,
    }
    statement = insert(session, BounceRecord).values(record).on_conflict_do_nothing(index_elements=["fingerprint"])
    if session.execute(statement.returning(col(BounceRecord.id))).first() is None:
        return BounceAction.DUPLICATE
    _update_delivery(session, delivery_id, report, now)
    delivery = session.get_one(Delivery, delivery_id)
    # Of the subscription an address that it has left, or was never given, can only say that it shall end.
    if report.kind is ReportKind.UNSUBSCRIBE or went_to_current_address(session, delivery):
        return _update_subscriber(session, subscriber, delivery, report, now)
    return _suppress_other_address(session, keys, delivery, report, now)


def _update_delivery(session: Session, delivery_id: int, report: BounceReport, now: datetime) -> None:
    """Mark the delivery as failed, or as sent where that was open.

    Whatever comes back proves that the relay took the e-mail. After a final refusal its papers go into the next
    edition. This is later news than a reply to the final dot, so a delivery that is still on the wire is settled, too.
    """
    delivery = session.get_one(Delivery, delivery_id)
    previous = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    reply = messages.bounced(report.summary) if report.is_returned else messages.delivered(report.summary)
    session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id)
        .where(col(Delivery.state).in_(TRANSMITTED_STATES if report.is_returned else UNSETTLED_STATES))
        .values(
            state=DeliveryState.FAILED if report.is_returned else DeliveryState.SENT,
            owner=None,
            lease_expires_at=None,
            reply_code=0,
            reply=(f"{reply}; before: {previous}" if previous else reply)[:300],
            settled_at=func.coalesce(col(Delivery.settled_at), now),
        )
        .execution_options(synchronize_session=False)
    )
    session.refresh(delivery)


def _update_subscriber(
    session: Session, subscriber: Subscriber, delivery: Delivery, report: BounceReport, now: datetime
) -> BounceAction:
    is_current = is_of_current_subscription(subscriber, delivery)
    is_reachable = subscriber.status in REACHABLE_STATUSES
    match report.kind:
        case ReportKind.COMPLAINT if not has_complaint(subscriber):
            return _end_subscription(
                session, subscriber, SubscriberStatus.SUPPRESSED, f"complaint: {report.reason}", now
            )
        case ReportKind.HARD if report.final and is_reachable and is_current:
            return _end_subscription(
                session, subscriber, SubscriberStatus.SUPPRESSED, messages.bounced(report.summary), now
            )
        case ReportKind.UNSUBSCRIBE if is_reachable:
            is_pending = subscriber.status == SubscriberStatus.PENDING
            reason = REASON_UNCONFIRMED if is_pending else REASON_ONE_CLICK
            return _end_subscription(session, subscriber, SubscriberStatus.UNSUBSCRIBED, reason, now)
        case ReportKind.SOFT if report.final and subscriber.status == SubscriberStatus.ACTIVE and is_current:
            if count_soft_bounces(session, subscriber) >= SOFT_BOUNCE_LIMIT:
                suspend(
                    subscriber,
                    messages.often_bounced(SOFT_BOUNCE_LIMIT, RECENT_DELIVERIES, report.summary),
                )
                return BounceAction.PAUSED
    return BounceAction.RECORDED


def _suppress_other_address(
    session: Session, keys: Sequence[str], delivery: Delivery, report: BounceReport, now: datetime
) -> BounceAction:
    """Send nothing more to an address that complains and is not the subscriber's, who keeps the subscription."""
    if report.kind is not ReportKind.COMPLAINT:
        return BounceAction.RECORDED
    suppress_address(session, keys, normalize_address(address_of(session, delivery))[1], REASON_COMPLAINT, now)
    return BounceAction.SUPPRESSED


def _end_subscription(
    session: Session, subscriber: Subscriber, status: SubscriberStatus, reason: str, now: datetime
) -> BounceAction:
    subscriber.end_subscription(status, reason, now)
    cancel(session, int(subscriber.id or 0), now)
    return BounceAction(status)


def is_of_current_subscription(subscriber: Subscriber, delivery: Delivery) -> bool:
    """Return whether the delivery is no older than the last confirmation, which proved the address anew."""
    is_pending = subscriber.status == SubscriberStatus.PENDING
    started_at = subscriber.ended_at if is_pending else subscriber.confirmed_at
    return started_at is None or delivery.created_at >= started_at


def count_soft_bounces(session: Session, subscriber: Subscriber) -> int:
    """Count the recent deliveries that failed for reasons that may pass, since the last change of address.

    Delayed ones that arrived do not count.
    """
    recent = session.exec(
        select(Delivery.id, Delivery.state)
        .where(Delivery.subscriber_id == subscriber.id, col(Delivery.state).in_(ATTEMPTED_STATES))
        .where(Delivery.recipient == "", col(Delivery.id) > last_address_change(session, int(subscriber.id or 0)))
        .order_by(col(Delivery.id).desc())
        .limit(RECENT_DELIVERIES)
    ).all()
    failed_ids = [delivery_id for delivery_id, state in recent if state == DeliveryState.FAILED]
    has_soft_bounce = exists().where(
        col(BounceRecord.delivery_id) == col(Delivery.id), col(BounceRecord.bounce_class) == BounceClass.SOFT
    )
    return len(session.exec(select(Delivery.id).where(col(Delivery.id).in_(failed_ids), has_soft_bounce)).all())


def count_sender_errors(session: Session, since: datetime) -> list[tuple[str, str, int]]:
    """Return (status, reason, count) of refusals because of us, the most frequent first."""
    count = func.count()
    statement = (
        select(BounceRecord.status_code, BounceRecord.reason, count)
        .where(BounceRecord.bounce_class == BounceClass.SENDER_FAULT, col(BounceRecord.received_at) >= since)
        .group_by(BounceRecord.status_code, BounceRecord.reason)
        .order_by(count.desc(), BounceRecord.status_code, BounceRecord.reason)
    )
    return [(status, reason, total) for status, reason, total in session.exec(statement).all()]
