"""Undo an unsubscription: for 30 days, with the old preferences and keywords."""

from datetime import datetime, timedelta

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.errors import TokenError
from digest.subscribers import messages, records
from digest.subscribers.profile import ActionResult, SubscriberProfile, subscriber_from_token, to_profile
from digest.subscribers.records import REASON_ONE_CLICK, RUNNING_STATUSES
from digest.tokens import RESUBSCRIBE_LIFETIME, TokenPurpose

VOLUNTARY_REASONS = frozenset({"", REASON_ONE_CLICK})
IMMEDIATE_UNDO_PERIOD = timedelta(hours=1)


def get_resubscribe_profile(ctx: AppContext, token: str, now: datetime) -> SubscriberProfile:
    """Return what would be restored. Raises TokenError when the end cannot be undone."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.RESUBSCRIBE, token, now, lock=False)
        _require_resubscribable(subscriber, now)
        return to_profile(session, subscriber)


def resubscribe(ctx: AppContext, token: str, now: datetime) -> ActionResult:
    """Restore a subscription; what was listed meanwhile waits, as in a pause. A second click changes nothing.

    Raises TokenError when it ended too long ago, or was not ended by the subscriber.
    """
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.RESUBSCRIBE, token, now)
        _require_resubscribable(subscriber, now)
        was_ended = subscriber.status == SubscriberStatus.UNSUBSCRIBED
        if was_ended:
            records.resume(subscriber)
        session.flush()
        return ActionResult(profile=to_profile(session, subscriber), changed=was_ended)


def undo_unsubscription_token(ctx: AppContext, subscriber: Subscriber, now: datetime) -> str:
    """Return the token that undoes an unsubscription, for the page that confirms it; empty where it cannot be undone.

    The link to unsubscribe may be in other hands by now, so this is offered for an hour after our own button was
    pressed; the goodbye has it for 30 days. The button of a mail program shows no page and causes no e-mail: there it
    is offered for 30 days.
    """
    if not _can_resubscribe(subscriber, now):
        return ""
    is_recent = subscriber.ended_at is not None and now - subscriber.ended_at <= IMMEDIATE_UNDO_PERIOD
    if not is_recent and subscriber.reason != REASON_ONE_CLICK:
        return ""
    return ctx.token_signer.sign(TokenPurpose.RESUBSCRIBE, subscriber.nonce, now)


def _can_resubscribe(subscriber: Subscriber, now: datetime) -> bool:
    # Once confirmed, and ended by the subscriber. A refusal, a complaint and the operator are final here.
    ended_at = subscriber.ended_at
    if subscriber.status != SubscriberStatus.UNSUBSCRIBED or not subscriber.confirmed_at or not ended_at:
        return False
    return subscriber.reason in VOLUNTARY_REASONS and now - ended_at <= RESUBSCRIBE_LIFETIME


def _require_resubscribable(subscriber: Subscriber, now: datetime) -> None:
    if subscriber.status == SubscriberStatus.PENDING:
        # The old keywords are gone, and the new ones may be a stranger's.
        raise TokenError(messages.SIGNED_UP_AGAIN)
    if subscriber.status not in RUNNING_STATUSES and not _can_resubscribe(subscriber, now):
        raise TokenError(messages.UNSUBSCRIPTION_FINAL)
