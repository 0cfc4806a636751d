"""Who stands before the desk: the person a link speaks of, and what we hold of them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from digest import subscribers
from digest.house import House
from digest.models import Subscriber, SubscriberStatus
from digest.subscribers import Purpose, Wish


@dataclass(frozen=True, slots=True)
class Card:
    """What we hold of a subscriber, for the pages that they reach by a signed link. `held`: why nothing is mailed until
    they resume, or empty.
    """

    id: int
    email: str
    status: str
    wish: Wish
    keywords: tuple[str, ...]
    paused_until: date | None
    held: str
    since: datetime | None


def who(
    house: House, session: Session, purpose: Purpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    return subscribers.by_nonce(session, house.links.read(purpose, token, now), lock=lock)


def card_of(session: Session, subscriber: Subscriber) -> Card:
    number = int(subscriber.id or 0)
    return Card(
        id=number,
        email=subscriber.email,
        status=subscriber.status,
        wish=Wish(
            frequency=subscriber.frequency,
            send_hour=subscriber.send_hour,
            timezone=subscriber.timezone,
            cap=subscriber.cap,
            trending=subscriber.trending,
            summaries=subscriber.summaries,
        ),
        keywords=tuple(each.written for each in subscribers.keywords_of(session, [number]).get(number, [])),
        paused_until=subscriber.paused_until,
        held=subscriber.reason if subscriber.status == SubscriberStatus.PAUSED and not subscriber.paused_until else "",
        since=subscriber.confirmed_at,
    )
