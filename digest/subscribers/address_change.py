"""Change of address: the new one is confirmed by a link that is mailed to it, the old one can undo it for a week.

What the change belongs to is the delivery with the link: its `recipient` is the new, or the old, address. Each change
ends all requests made before it; who undoes one at the old address also ends what came after it.
"""

import hashlib
from datetime import datetime

from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from digest import delivery
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, Subscriber
from digest.delivery import NewDelivery, last_address_change
from digest.errors import SubscriberError, TokenError
from digest.subscribers import messages, records
from digest.subscribers.privacy import delete_subscriber
from digest.subscribers.profile import ActionResult, running_subscriber, to_profile
from digest.subscribers.records import RUNNING_STATUSES, normalize_address
from digest.subscribers.subscriptions import enqueue_email
from digest.subscribers.suppression_list import (
    REASON_DECLINED,
    is_listed,
    lift_declined_address,
    suppress_address,
    suppression_reason,
)
from digest.tokens import TokenPurpose, delivery_subject


def request_address_change(ctx: AppContext, token: str, email: str, now: datetime) -> None:
    """Send a link to the new address. The caller learns nothing of the state of that address; its mailbox does.

    An address with a subscription of its own gets an e-mail that says so, one that declined our e-mails gets none. Of
    one kind at most one a day. Raises TokenError, and SubscriberError for the address that they have already.
    """
    address, email_key = normalize_address(email)
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PREFERENCES, token, now)
        if subscriber.email_key == email_key:
            raise SubscriberError(messages.SAME_ADDRESS)
        other = session.exec(select(Subscriber).where(Subscriber.email_key == email_key)).one_or_none()
        if is_listed(session, ctx.token_signer.keys, email_key) or (other and suppression_reason(other)):
            return
        if other and other.status in RUNNING_STATUSES:
            enqueue_email(ctx, session, other, DeliveryKind.ALREADY_SUBSCRIBED, other.ended_at, now)
            return
        subscriber_id = int(subscriber.id or 0)
        changed_before = last_address_change(session, subscriber_id)
        parts = (now.date().isoformat(), hashlib.sha256(email_key.encode()).hexdigest()[:16], str(changed_before))
        edition = f"{DeliveryKind.ADDRESS_CHANGE}:{':'.join(parts)}"
        request = NewDelivery(subscriber_id, DeliveryKind.ADDRESS_CHANGE, edition, recipient=address)
        if not delivery.enqueue(session, [request], ctx.sender_domain, now):
            delivery.retry_edition(session, request)


def get_address_change(ctx: AppContext, token: str, now: datetime) -> tuple[str, bool]:
    """Return the new address, and whether it is in use already. Raises TokenError."""
    with read_session(ctx.engine) as session:
        request, subscriber = _load(ctx, session, TokenPurpose.ADDRESS_CHANGE, token, now)
        is_done = _is_used(request, subscriber)
        if not is_done:
            _require_open(session, request, subscriber)
        return request.recipient, is_done


def change_address(ctx: AppContext, token: str, now: datetime) -> ActionResult:
    """Use the new address from now on, and tell the old one. History and keywords stay with the subscriber.

    A subscription that had stopped because e-mails did not arrive goes on. Raises TokenError.
    """
    try:
        with write_session(ctx.engine) as session:
            request, subscriber = _load(ctx, session, TokenPurpose.ADDRESS_CHANGE, token, now, lock=True)
            if _is_used(request, subscriber):
                return ActionResult(profile=to_profile(session, subscriber))
            _require_open(session, request, subscriber)
            old_address, is_suspended = subscriber.email, to_profile(session, subscriber).suspend_reason
            _move(ctx, session, subscriber, request.recipient)
            if is_suspended:
                records.resume(subscriber)
            _enqueue_notice(ctx, session, subscriber, DeliveryKind.ADDRESS_CHANGED, old_address, now)
            session.flush()
            return ActionResult(profile=to_profile(session, subscriber), changed=True)
    except IntegrityError as error:  # another request took the address at the same moment
        raise TokenError(messages.ADDRESS_TAKEN) from error


def decline_address_change(ctx: AppContext, token: str, now: datetime) -> None:
    """Send nothing more to the new address, whose owner did not ask for it. Raises TokenError."""
    with write_session(ctx.engine) as session:
        request, subscriber = _load(ctx, session, TokenPurpose.ADDRESS_CHANGE, token, now, lock=True)
        if not _is_used(request, subscriber):
            _require_open(session, request, subscriber)
            email_key = normalize_address(request.recipient)[1]
            suppress_address(session, ctx.token_signer.keys, email_key, REASON_DECLINED, now)


def get_address_undo(ctx: AppContext, token: str, now: datetime) -> tuple[str, bool]:
    """Return the old address, and whether it is in use again. Raises TokenError."""
    with read_session(ctx.engine) as session:
        notice, subscriber = _load(ctx, session, TokenPurpose.ADDRESS_UNDO, token, now)
        is_done = _is_used(notice, subscriber)
        if not is_done:
            _require_undoable(session, notice)
        return notice.recipient, is_done


def undo_address_change(ctx: AppContext, token: str, now: datetime) -> ActionResult:
    """Use the old address again, also when the address was changed once more since. Raises TokenError."""
    try:
        with write_session(ctx.engine) as session:
            notice, subscriber = _load(ctx, session, TokenPurpose.ADDRESS_UNDO, token, now, lock=True)
            if _is_used(notice, subscriber):
                return ActionResult(profile=to_profile(session, subscriber))
            _require_undoable(session, notice)
            lost_address = subscriber.email
            _move(ctx, session, subscriber, notice.recipient)
            _enqueue_notice(ctx, session, subscriber, DeliveryKind.ADDRESS_RESTORED, lost_address, now)
            session.flush()
            return ActionResult(profile=to_profile(session, subscriber), changed=True)
    except IntegrityError as error:
        raise TokenError(messages.ADDRESS_TAKEN) from error


def _load(
    ctx: AppContext, session: Session, purpose: TokenPurpose, token: str, now: datetime, *, lock: bool = False
) -> tuple[Delivery, Subscriber]:
    """Return the delivery that a link was in, and its subscriber."""
    kinds = {
        TokenPurpose.ADDRESS_CHANGE: DeliveryKind.ADDRESS_CHANGE,
        TokenPurpose.ADDRESS_UNDO: DeliveryKind.ADDRESS_CHANGED,
    }
    subject = ctx.token_signer.unsign(purpose, token, now)
    number = subject.partition("-")[0]
    found = session.get(Delivery, int(number)) if number.isdecimal() else None
    is_about = found is not None and subject == delivery_subject(int(found.id or 0), found.message_id)
    if found is None or not is_about or found.kind != kinds[purpose] or not found.recipient:
        raise TokenError(messages.ADDRESS_CHANGE_GONE)
    address_key = normalize_address(found.recipient)[1]
    # Both subscribers whom a change may concern, in one order everywhere, so that no two transactions deadlock.
    involved = select(Subscriber).where(
        or_(col(Subscriber.id) == found.subscriber_id, col(Subscriber.email_key) == address_key)
    )
    if lock:
        involved = involved.with_for_update(key_share=True).execution_options(populate_existing=True)
    rows = session.exec(involved.order_by(col(Subscriber.id))).all()
    return found, next(row for row in rows if row.id == found.subscriber_id)


def _is_used(found: Delivery, subscriber: Subscriber) -> bool:
    return subscriber.email_key == normalize_address(found.recipient)[1]


def _require_open(session: Session, request: Delivery, subscriber: Subscriber) -> None:
    if subscriber.status not in RUNNING_STATUSES:
        raise TokenError(messages.ENDED_SINCE)
    if last_address_change(session, request.subscriber_id) > int(request.id or 0):
        raise TokenError(messages.LINK_OUTDATED)


def _require_undoable(session: Session, notice: Delivery) -> None:
    if last_address_change(session, notice.subscriber_id, DeliveryKind.ADDRESS_RESTORED) > int(notice.id or 0):
        raise TokenError(messages.LINK_OUTDATED)


def _move(ctx: AppContext, session: Session, subscriber: Subscriber, address: str) -> None:
    """Give the subscriber another address. One that asked for a subscription of its own, or had one, gives way."""
    keys, (address, email_key) = ctx.token_signer.keys, normalize_address(address)
    lift_declined_address(session, keys, email_key)
    other = session.exec(select(Subscriber).where(Subscriber.email_key == email_key)).one_or_none()
    if other and other.status in RUNNING_STATUSES:
        raise TokenError(messages.ADDRESS_TAKEN)
    if is_listed(session, keys, email_key) or (other and suppression_reason(other)):
        raise TokenError(messages.ADDRESS_DECLINED)
    if other:
        delete_subscriber(session, ctx, other)
        session.flush()  # before the update: the address is unique
    subscriber.email, subscriber.email_key = address, email_key
    session.flush()


def _enqueue_notice(
    ctx: AppContext, session: Session, subscriber: Subscriber, kind: DeliveryKind, recipient: str, now: datetime
) -> None:
    subscriber_id = int(subscriber.id or 0)
    edition = f"{kind}:{now.isoformat()}:{last_address_change(session, subscriber_id)}"
    delivery.enqueue(session, [NewDelivery(subscriber_id, kind, edition, recipient=recipient)], ctx.sender_domain, now)
