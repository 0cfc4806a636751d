"""What an operator may do to a subscription: each one transaction, with its record and, where it can be, its undo.

Nothing here needs a token, and nothing is mailed but a confirmation. What was before stands in the record.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from digest import delivery
from digest.context import AppContext
from digest.database import mark_undone, record_action, write_session
from digest.database.models import (
    Delivery,
    DeliveryKind,
    ObjectKind,
    OperatorAction,
    Subscriber,
    SubscriberStatus,
    SuppressionEntry,
)
from digest.delivery import NewDelivery
from digest.errors import SubscriberError, SubscriberNotFoundError
from digest.matching import KeywordInput
from digest.schedule import load_zone
from digest.subscribers import messages, records
from digest.subscribers.marks import refit_profile
from digest.subscribers.operators import restore
from digest.subscribers.operators.state_changes import record_state_change, set_state, state_of
from digest.subscribers.privacy import delete_subscriber
from digest.subscribers.profile import to_profile
from digest.subscribers.records import (
    ENDED_STATUSES,
    MAX_PAUSE,
    REASON_REMOVED,
    REASON_UNCONFIRMED,
    RUNNING_STATUSES,
    Preferences,
)
from digest.subscribers.subscriptions import KeywordLimits, parse_keywords_or_raise
from digest.subscribers.suppression_list import find_entry, has_complaint, hash_address, lift_suppression
from digest.tokens import RESUBSCRIBE_LIFETIME

MAX_CONFIRMATIONS_PER_DAY = 3  # that an operator may have sent again to one address


@contextmanager
def lock_subscriber(ctx: AppContext, subscriber_id: int) -> Iterator[tuple[Session, Subscriber]]:
    """Open a transaction with the row of a subscriber locked. Raises SubscriberNotFoundError."""
    with write_session(ctx.engine) as session:
        yield session, subscriber_by_id(session, subscriber_id)


def subscriber_by_id(session: Session, subscriber_id: int) -> Subscriber:
    """Return a subscriber with the row locked. Raises SubscriberNotFoundError."""
    statement = select(Subscriber).where(Subscriber.id == subscriber_id).with_for_update(key_share=True)
    subscriber = session.exec(statement.execution_options(populate_existing=True)).one_or_none()
    if subscriber is None:
        raise SubscriberNotFoundError(messages.unknown_id(subscriber_id))
    return subscriber


def pause_subscription(
    ctx: AppContext, actor: str, subscriber_id: int, now: datetime, *, until: date
) -> OperatorAction:
    """Send nothing until the morning of `until`, by the subscriber's calendar. Papers wait."""
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        _require_status(subscriber, RUNNING_STATUSES, messages.pause_not_allowed(subscriber.status))
        today = now.astimezone(load_zone(subscriber.timezone)).date()
        if not today < until <= today + MAX_PAUSE:
            raise SubscriberError(messages.invalid_pause(until, today + MAX_PAUSE))
        before = state_of(subscriber)
        records.pause(subscriber, until)
        return record_state_change(session, actor, "pause", subscriber, before, now)


def resume_subscription(ctx: AppContext, actor: str, subscriber_id: int, now: datetime) -> OperatorAction:
    """End a pause. What was listed meanwhile comes with the next digest."""
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        _require_status(subscriber, {SubscriberStatus.PAUSED}, messages.resume_not_allowed(subscriber.status))
        before = state_of(subscriber)
        records.pause(subscriber, None)
        return record_state_change(session, actor, "resume", subscriber, before, now)


def remove_subscription(ctx: AppContext, actor: str, subscriber_id: int, now: datetime) -> OperatorAction:
    """End a subscription; nothing is mailed, and queued e-mails are cancelled."""
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        removable = {*RUNNING_STATUSES, SubscriberStatus.PENDING}
        _require_status(subscriber, removable, messages.removal_not_allowed(subscriber.status))
        before = state_of(subscriber)
        reason = REASON_UNCONFIRMED if subscriber.status == SubscriberStatus.PENDING else REASON_REMOVED
        subscriber.end_subscription(SubscriberStatus.UNSUBSCRIBED, reason, now)
        delivery.cancel(session, subscriber_id, now)
        return record_state_change(session, actor, "remove", subscriber, before, now)


def erase_subscriber(ctx: AppContext, actor: str, subscriber_id: int, now: datetime) -> OperatorAction:
    """Delete everything about a subscriber. The record says that it was done, and nothing of what was there."""
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        delete_subscriber(session, ctx, subscriber)
        session.flush()
        return record_action(session, actor, "erase", ObjectKind.SUBSCRIBER, subscriber_id, now)


def restore_subscription(ctx: AppContext, actor: str, subscriber_id: int, now: datetime) -> OperatorAction:
    """Restore a subscription that a relay's refusal or the operator has ended. Who complained stays suppressed.

    A subscription that its owner has ended is theirs to begin again.
    """
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        _require_status(subscriber, ENDED_STATUSES, messages.restore_not_allowed(subscriber.status))
        if has_complaint(subscriber):
            raise SubscriberError(messages.STAYS_SUPPRESSED)
        before, was_removed = state_of(subscriber), subscriber.status == SubscriberStatus.UNSUBSCRIBED
        if was_removed and subscriber.reason != REASON_REMOVED:
            raise SubscriberError(messages.LEFT_THEMSELVES)
        if was_removed and subscriber.ended_at and now - subscriber.ended_at > RESUBSCRIBE_LIFETIME:
            raise SubscriberError(messages.KEYWORDS_DELETED)
        if was_removed:
            records.resume(subscriber)
        else:
            restore.restore(session, subscriber)
        return record_state_change(session, actor, "restore", subscriber, before, now)


def resend_confirmation(ctx: AppContext, actor: str, subscriber_id: int, now: datetime) -> OperatorAction:
    """Mail the link that confirms a subscription once more."""
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        if subscriber.status != SubscriberStatus.PENDING:
            raise SubscriberError(messages.not_pending(subscriber.status))
        prefix = f"resent-{DeliveryKind.CONFIRM}:{now.date().isoformat()}:"
        resent = select(Delivery.id).where(
            Delivery.subscriber_id == subscriber_id, col(Delivery.edition).startswith(prefix)
        )
        count = len(session.exec(resent).all())
        if count >= MAX_CONFIRMATIONS_PER_DAY:
            raise SubscriberError(messages.too_many_confirmations(MAX_CONFIRMATIONS_PER_DAY))
        new = NewDelivery(subscriber_id, DeliveryKind.CONFIRM, f"{prefix}{count + 1}")
        delivery.enqueue(session, [new], ctx.sender_domain, now)
        return record_action(session, actor, "resend-confirmation", ObjectKind.SUBSCRIBER, subscriber_id, now)


def change_subscription(
    ctx: AppContext,
    actor: str,
    subscriber_id: int,
    now: datetime,
    *,
    preferences: Preferences | None = None,
    keywords: Sequence[KeywordInput] | None = None,
) -> OperatorAction:
    """Set preferences, keywords or both, from the next edition on. What is not given stays.

    A keyword that stays and is muted stays muted.
    """
    with lock_subscriber(ctx, subscriber_id) as (session, subscriber):
        changeable = {*RUNNING_STATUSES, SubscriberStatus.PENDING}
        _require_status(subscriber, changeable, messages.change_not_allowed(subscriber.status))
        before = _choices_of(session, subscriber)
        if preferences is not None:
            records.set_preferences(session, subscriber, preferences)
        if keywords is not None:
            muted = {keyword.canonical for keyword in records.keywords_of(session, subscriber) if keyword.is_muted}
            keywords = [replace(keyword, is_muted=keyword.canonical in muted) for keyword in keywords]
            records.set_keywords(session, subscriber, keywords, max_keywords=ctx.settings.most_keywords)
        session.flush()
        after = _choices_of(session, subscriber)
        _refit(session, subscriber_id, before, after, now)
        changes = {"before": before, "after": after}
        return record_action(session, actor, "change", ObjectKind.SUBSCRIBER, subscriber_id, now, **changes)


def allow_address(ctx: AppContext, actor: str, email: str, now: datetime) -> OperatorAction | None:
    """Let an address get confirmations again, because its owner asks for it; None where it could before.

    Raises AddressError.
    """
    keys, email_key = ctx.token_signer.keys, records.normalize_address(email)[1]
    with write_session(ctx.engine) as session:
        entry = find_entry(session, keys, email_key)
        listed = entry.model_dump(mode="json") if entry else None
        subscriber = session.exec(select(Subscriber).where(Subscriber.email_key == email_key)).first()
        before = state_of(subscriber) if subscriber else {}
        if not lift_suppression(session, keys, email_key):
            return None
        if subscriber:
            return record_state_change(session, actor, "allow", subscriber, before, now, entry=listed)
        object_id = hash_address(keys[0], email_key)
        return record_action(session, actor, "allow", ObjectKind.SUPPRESSION, object_id, now, entry=listed)


UNDOABLE_SUBSCRIBER_ACTIONS = frozenset({"pause", "resume", "remove", "restore", "change", "allow"})


def undo_subscriber_action(
    session: Session, record: OperatorAction, actor: str, now: datetime, limits: KeywordLimits
) -> None:
    """Put back what an action on a subscriber or address has changed. Raises SubscriberError where it cannot be.

    `limits`: those of `KeywordLimits.from_context`, made before the transaction.
    """
    detail = record.read_detail()
    mark_undone(session, record, actor, now)
    if record.object_kind == ObjectKind.SUBSCRIBER:
        subscriber = subscriber_by_id(session, int(record.object_id))
        if record.action == "change":
            _put_choices_back(session, subscriber, detail, limits)
            _refit(session, int(subscriber.id or 0), detail["after"], detail["before"], now)
            return
        if record.action == "remove" and now - record.at > RESUBSCRIBE_LIFETIME:
            raise SubscriberError(messages.KEYWORDS_DELETED)
        after, before = detail.get("after"), detail.get("before")
        if not before or state_of(subscriber) != after:
            raise SubscriberError(messages.SUBSCRIPTION_CHANGED)
        set_state(subscriber, before)
        if subscriber.status in ENDED_STATUSES:
            delivery.cancel(session, int(subscriber.id or 0), now)
    if entry := detail.get("entry"):
        session.merge(SuppressionEntry(**entry | {"created_at": datetime.fromisoformat(entry["created_at"])}))


def _put_choices_back(session: Session, subscriber: Subscriber, detail: dict[str, Any], limits: KeywordLimits) -> None:
    before, after = detail.get("before"), detail.get("after")
    if not before or _choices_of(session, subscriber) != after:
        raise SubscriberError(messages.CHOICES_CHANGED)
    preferences = before["preferences"] | {"sources": tuple(before["preferences"]["sources"])}
    records.set_preferences(session, subscriber, Preferences(**preferences))
    muted = {text for text, is_muted in before["keywords"] if is_muted}
    parsed = parse_keywords_or_raise([text for text, _ in before["keywords"]], limits)
    keywords = [replace(keyword, is_muted=keyword.text in muted) for keyword in parsed]
    records.set_keywords(session, subscriber, keywords, max_keywords=limits.max_keywords)


def _refit(session: Session, subscriber_id: int, before: dict[str, Any], after: dict[str, Any], now: datetime) -> None:
    """Learn the words of a subscriber again, where it depends on them whether close papers are shown."""
    was_shown, is_shown = (choices["preferences"].get("close_papers") for choices in (before, after))
    if is_shown or is_shown != was_shown:
        refit_profile(session, subscriber_id, now)


def _require_status(subscriber: Subscriber, statuses: Collection[SubscriberStatus], message: str) -> None:
    if subscriber.status not in statuses:
        raise SubscriberError(message)


def _choices_of(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    keywords = records.keywords_of(session, subscriber)
    return {
        "preferences": asdict(to_profile(session, subscriber).preferences) | {"sources": list(subscriber.sources)},
        "keywords": [[keyword.text, keyword.is_muted] for keyword in keywords],
    }
