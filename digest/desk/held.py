"""What we hold of a person, all of it: to look at, to take along, to have erased. By a link that was mailed to them.

It works as long as anything is held, also after leaving.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from digest import papers
from digest.db import reading, writing
from digest.desk.card import Card, card_of, who
from digest.house import House
from digest.models import BounceRecord, Delivery, DeliveryKind, DeliveryState, Keyword, Paper, SavedKeyword, Subscriber
from digest.subscribers import Purpose

A_PAGE = 50  # letters
ABOUT = (
    "Everything that is held of you, as the tables have it; /privacy says what each of it is for. Papers and keywords "
    "are kept once for everybody; those of yours are named here. How often a form was sent is counted for up to a day "
    "by check sums that name nobody, and is not in here."
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One that was written to the reader. `view`: a token for its copy on the web, empty where there is none."""

    delivery: Delivery
    view: str


@dataclass(frozen=True, slots=True)
class History:
    """A page of letters, the latest first. `feed`: a token for what was mailed, the same on every day."""

    card: Card
    letters: tuple[Letter, ...]
    total: int
    feed: str


def look_history(house: House, token: str, page: int, now: datetime) -> History:
    """The letters of page `page`, from 1. Raises TokenError."""
    with reading(house.engine) as session:
        subscriber = who(house, session, Purpose.PREFERENCES, token, now, lock=False)
        own = select(Delivery).where(Delivery.subscriber_id == subscriber.id)
        found = session.exec(own.order_by(col(Delivery.id).desc()).offset((page - 1) * A_PAGE).limit(A_PAGE)).all()
        total = session.exec(select(func.count()).select_from(Delivery).where(Delivery.subscriber_id == subscriber.id))
        return History(
            card=card_of(session, subscriber),
            letters=tuple(Letter(each, _view(house, each, now)) for each in found),
            total=total.one(),
            feed=feed_of(house, subscriber.nonce, subscriber.created_at),
        )


def _view(house: House, delivery: Delivery, now: datetime) -> str:
    shown = timedelta(days=house.settings.web_copy_days)
    if delivery.kind != DeliveryKind.DIGEST or now - delivery.created_at > shown:
        return ""
    return house.links.token(Purpose.VIEW, str(delivery.id), delivery.created_at)


def feed_of(house: House, nonce: str, since: datetime) -> str:
    """The token of a reader's own feed: whoever holds it can read what was mailed, and do nothing at all."""
    return house.links.token(Purpose.FEED, nonce, since)


def mailed(house: House, token: str, now: datetime, most: int) -> list[tuple[Paper, datetime]]:
    """The papers that were mailed to this reader, and when: the latest letter first, at most `most`. Raises TokenError.

    A letter that failed, or whose fate nobody knows, was not mailed.
    """
    with reading(house.engine) as session:
        subscriber = who(house, session, Purpose.FEED, token, now, lock=False)
        sent = select(Delivery).where(Delivery.subscriber_id == subscriber.id, Delivery.kind == DeliveryKind.DIGEST)
        sent = sent.where(Delivery.state == DeliveryState.SENT).order_by(col(Delivery.id).desc()).limit(most)
        at: dict[int, datetime] = {}
        for each in session.exec(sent).all():
            for number in each.papers:
                at.setdefault(number, each.settled_at or each.created_at)
        known = papers.by_ids(session, list(at)[:most])
        return [(known[number], when) for number, when in at.items() if number in known]


def export(house: House, token: str, now: datetime) -> dict[str, Any]:
    """Everything that is held, as JSON has it. Raises TokenError."""
    with reading(house.engine) as session:
        subscriber = who(house, session, Purpose.PREFERENCES, token, now, lock=False)
        saved = select(SavedKeyword, Keyword).join(Keyword).where(SavedKeyword.subscriber_id == subscriber.id)
        letters = session.exec(
            select(Delivery).where(Delivery.subscriber_id == subscriber.id).order_by(col(Delivery.id))
        ).all()
        came_back: dict[int, list[dict[str, Any]]] = {}
        for each in session.exec(select(BounceRecord).join(Delivery).where(Delivery.subscriber_id == subscriber.id)):
            came_back.setdefault(each.delivery_id, []).append(each.model_dump(mode="json"))
        known = papers.by_ids(session, {number for each in letters for number in [*each.papers, *each.omitted_papers]})
        return {
            "about": ABOUT,
            "made_at": now.isoformat(),
            "subscriber": subscriber.model_dump(mode="json"),
            "keywords": [
                {**each.model_dump(mode="json"), "keyword": keyword.model_dump(mode="json")}
                for each, keyword in session.exec(saved.order_by(col(SavedKeyword.position)))
            ],
            "letters": [_letter(each, known) | {"came_back": came_back.get(int(each.id or 0), [])} for each in letters],
        }


def _letter(delivery: Delivery, known: Mapping[int, Paper]) -> dict[str, Any]:
    named = {str(number): known[number].title for number in delivery.papers if number in known}
    return {**delivery.model_dump(mode="json"), "titles": named}


def erase(house: House, token: str, now: datetime) -> None:
    """Forget the person whom the link speaks of, at once. Raises TokenError."""
    with writing(house.engine) as session:
        erase_subscriber(session, who(house, session, Purpose.PREFERENCES, token, now))


def erase_subscriber(session: Session, subscriber: Subscriber) -> None:
    """Delete all rows about one subscriber."""
    session.execute(delete(SavedKeyword).where(col(SavedKeyword.subscriber_id) == subscriber.id))
    letters = select(Delivery.id).where(Delivery.subscriber_id == subscriber.id)
    session.execute(delete(BounceRecord).where(col(BounceRecord.delivery_id).in_(letters)))
    session.execute(delete(Delivery).where(col(Delivery.subscriber_id) == subscriber.id))
    session.delete(subscriber)
