"""The way back after leaving: for 30 days, with the old keywords, as if nothing had been."""

from datetime import datetime, timedelta

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.errors import TokenError
from digest.subscribers.profile import SubscriberProfile, subscriber_from_token, to_profile
from digest.subscribers.records import REASON_ONE_CLICK, RUNNING_STATUSES, resume
from digest.tokens import RESUBSCRIBE_LIFETIME, TokenPurpose

VOLUNTARY_REASONS = frozenset({"", REASON_ONE_CLICK})


IMMEDIATE_UNDO_PERIOD = timedelta(hours=1)


def get_resubscribe_profile(ctx: AppContext, token: str, now: datetime) -> SubscriberProfile:
    """Who would come back, to what. Raises TokenError when there is no way back."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.RESUBSCRIBE, token, now, lock=False)
        _require_resubscribable(subscriber, now)
        return to_profile(session, subscriber)


def resubscribe(ctx: AppContext, token: str, now: datetime) -> SubscriberProfile:
    """Undo leaving; what was listed meanwhile waits, as in a pause. A second click changes nothing.

    Raises TokenError for who left too long ago, and for whom somebody else than themselves ended it.
    """
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.RESUBSCRIBE, token, now)
        _require_resubscribable(subscriber, now)
        if subscriber.status == SubscriberStatus.UNSUBSCRIBED:
            resume(subscriber)
        session.flush()
        return to_profile(session, subscriber)


def resubscribe_token(ctx: AppContext, token: str, now: datetime) -> str:
    """For the page after leaving: a token that undoes it, or nothing where it cannot be undone. Raises TokenError.

    An old letter may be in other hands, so it is not there for the asking: who left by our button has it for an hour,
    and for 30 days in the last letter. Who left by a mail program's button saw no page and got no letter.
    """
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.UNSUBSCRIBE, token, now, lock=False)
        if not _can_resubscribe(subscriber, now):
            return ""
        just_left = subscriber.ended_at is not None and now - subscriber.ended_at <= IMMEDIATE_UNDO_PERIOD
        given = just_left or subscriber.reason == REASON_ONE_CLICK
        return ctx.token_signer.sign(TokenPurpose.RESUBSCRIBE, subscriber.nonce, now) if given else ""


def _can_resubscribe(subscriber: Subscriber, now: datetime) -> bool:
    """For who had confirmed and has left by their own will. A refusal, a complaint or the operator is final here."""
    since = subscriber.ended_at
    if subscriber.status != SubscriberStatus.UNSUBSCRIBED or not subscriber.confirmed_at or not since:
        return False
    return subscriber.reason in VOLUNTARY_REASONS and now - since <= RESUBSCRIBE_LIFETIME


def _require_resubscribable(subscriber: Subscriber, now: datetime) -> None:
    if subscriber.status == SubscriberStatus.PENDING:
        # The old keywords are gone, and whoever wrote the new ones may be a stranger.
        raise TokenError("A new subscription was asked for since. The link in its confirmation mail starts it.")
    if subscriber.status not in RUNNING_STATUSES and not _can_resubscribe(subscriber, now):
        raise TokenError("This cannot be undone any more. Subscribe again to start anew.")
