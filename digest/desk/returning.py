"""The way back after leaving: for 30 days, with the old keywords, as if nothing had been."""

from datetime import datetime, timedelta

from digest import subscribers
from digest.db import reading, writing
from digest.desk.card import Card, card_of, who
from digest.errors import TokenError
from digest.house import House
from digest.models import Subscriber, SubscriberStatus
from digest.subscribers import Purpose

OWN_WILL = frozenset({"", subscribers.ONE_CLICK})
JUST_LEFT = timedelta(hours=1)


def look_return(house: House, token: str, now: datetime) -> Card:
    """Who would come back, to what. Raises TokenError when there is no way back."""
    with reading(house.engine) as session:
        subscriber = who(house, session, Purpose.RETURN, token, now, lock=False)
        _check(subscriber, now)
        return card_of(session, subscriber)


def come_back(house: House, token: str, now: datetime) -> Card:
    """Undo leaving; what was listed meanwhile waits, as in a pause. A second click changes nothing.

    Raises TokenError for who left too long ago, and for whom somebody else than themselves ended it.
    """
    with writing(house.engine) as session:
        subscriber = who(house, session, Purpose.RETURN, token, now)
        _check(subscriber, now)
        if subscriber.status == SubscriberStatus.UNSUBSCRIBED:
            subscribers.resume(subscriber)
        session.flush()
        return card_of(session, subscriber)


def way_back(house: House, token: str, now: datetime) -> str:
    """For the page after leaving: a token that undoes it, or nothing where it cannot be undone. Raises TokenError.

    An old letter may be in other hands, so it is not there for the asking: who left by our button has it for an hour,
    and for 30 days in the last letter. Who left by a mail program's button saw no page and got no letter.
    """
    with reading(house.engine) as session:
        subscriber = who(house, session, Purpose.UNSUBSCRIBE, token, now, lock=False)
        if not _may_return(subscriber, now):
            return ""
        just_left = subscriber.ended_at is not None and now - subscriber.ended_at <= JUST_LEFT
        given = just_left or subscriber.reason == subscribers.ONE_CLICK
        return house.links.token(Purpose.RETURN, subscriber.nonce, now) if given else ""


def _may_return(subscriber: Subscriber, now: datetime) -> bool:
    """For who had confirmed and has left by their own will. A refusal, a complaint or the operator is final here."""
    since = subscriber.ended_at
    if subscriber.status != SubscriberStatus.UNSUBSCRIBED or not subscriber.confirmed_at or not since:
        return False
    return subscriber.reason in OWN_WILL and now - since <= subscribers.RETURN_WITHIN


def _check(subscriber: Subscriber, now: datetime) -> None:
    if subscriber.status == SubscriberStatus.PENDING:
        # The old keywords are gone, and whoever wrote the new ones may be a stranger.
        raise TokenError("A new subscription was asked for since. The link in its confirmation mail starts it.")
    if subscriber.status not in subscribers.RUNNING and not _may_return(subscriber, now):
        raise TokenError("This cannot be undone any more. Subscribe again to start anew.")
