"""Who stands before the desk: the person a link speaks of, and what we hold of them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from digest.context import AppContext
from digest.database.models import Subscriber, SubscriberStatus
from digest.subscribers.records import Preferences, keywords_by_subscriber, subscriber_by_nonce
from digest.tokens import TokenPurpose


@dataclass(frozen=True, slots=True)
class SubscriberProfile:
    """What we hold of a subscriber, for the pages that they reach by a signed link. `held`: why nothing is mailed until
    they resume, or empty.
    """

    id: int
    email: str
    status: str
    wish: Preferences
    keywords: tuple[str, ...]
    paused_until: date | None
    held: str
    since: datetime | None


def subscriber_from_token(
    ctx: AppContext, session: Session, purpose: TokenPurpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    return subscriber_by_nonce(session, ctx.token_signer.unsign(purpose, token, now), lock=lock)


def to_profile(session: Session, subscriber: Subscriber) -> SubscriberProfile:
    subscriber_id = int(subscriber.id or 0)
    return SubscriberProfile(
        id=subscriber_id,
        email=subscriber.email,
        status=subscriber.status,
        wish=Preferences(
            frequency=subscriber.frequency,
            send_hour=subscriber.send_hour,
            timezone=subscriber.timezone,
            cap=subscriber.cap,
            trending=subscriber.trending,
            summaries=subscriber.summaries,
        ),
        keywords=tuple(
            each.written for each in keywords_by_subscriber(session, [subscriber_id]).get(subscriber_id, [])
        ),
        paused_until=subscriber.paused_until,
        held=subscriber.reason if subscriber.status == SubscriberStatus.PAUSED and not subscriber.paused_until else "",
        since=subscriber.confirmed_at,
    )
