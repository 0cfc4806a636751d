"""What the small links of a letter do: take a keyword out, keep an author away, write less often, wait two weeks.

Each has a token that can do nothing else. Looking changes nothing. What was changed can be undone for a day, by a
signed note of how things were: it goes into the page, because the store remembers only how things are.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from digest import papers, subscribers
from digest.db import reading, writing
from digest.desk.card import Card, card_of, who
from digest.documents import documents
from digest.editions import instant, next_slot
from digest.errors import TokenError
from digest.house import House
from digest.matching import Matcher, is_exclusion, recall
from digest.models import Delivery, DeliveryKind, DeliveryState, Frequency, Keyword, Subscriber, SubscriberStatus
from digest.subscribers import Purpose, Saved

PAUSE = timedelta(days=14)
LETTERS = 10  # the last ones, that a keyword's papers are counted in


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How things stand for whoever looks in. `undo` takes back a change; empty where there is none to take back."""

    card: Card
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Muting(Door):
    """`keyword` is None when it is not among the reader's any more; `only`: no other one would bring papers.

    `brought` of the `mailed` papers of the last letters were there because of it, or because of others as well.
    """

    keyword: Saved | None
    only: bool = False
    brought: int = 0
    mailed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly(Door):
    """`already`: it was once a week before. `first` is the day of the next weekly letter."""

    already: bool
    first: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Pausing(Door):
    """`already`: the pause that there is goes as far as two weeks. `until` is the day on which letters begin again."""

    already: bool
    until: date


def look_mute(house: House, token: str, keyword_id: int, now: datetime) -> Muting:
    """The keyword, and what it was good for. Raises TokenError."""
    with reading(house.engine) as session:
        subscriber = reader(house, session, Purpose.MUTE, token, now, lock=False)
        saved, place = _place(session, subscriber, keyword_id)
        if place is None:
            return Muting(card=card_of(session, subscriber), keyword=None)
        brought, mailed = _brought(session, subscriber, saved[place])
        return Muting(
            card=card_of(session, subscriber),
            undo=undo_of(house, subscriber, Purpose.MUTE, [saved[place].written, place], now),
            keyword=saved[place],
            only=_is_only(saved, place),
            brought=brought,
            mailed=mailed,
        )


def mute(house: House, token: str, keyword_id: int, now: datetime) -> Muting:
    """Take the keyword out, unless no other would be left to bring papers. Raises TokenError."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.MUTE, token, now)
        saved, place = _place(session, subscriber, keyword_id)
        if place is None:
            return Muting(card=card_of(session, subscriber), keyword=None)
        if _is_only(saved, place):
            return Muting(card=card_of(session, subscriber), keyword=saved[place], only=True)
        undo = undo_of(house, subscriber, Purpose.MUTE, [saved[place].written, place], now)
        rest = [*saved[:place], *saved[place + 1 :]]
        subscribers.set_keywords(session, subscriber, rest, most=len(rest))
        return Muting(card=card_of(session, subscriber), keyword=saved[place], undo=undo)


def unmute(house: House, token: str, undo: str, now: datetime) -> Saved:
    """Put the keyword back where it was. Raises TokenError, or SubscriberError when there is no room any more."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.MUTE, token, now)
        written, place = was(house, subscriber, Purpose.MUTE, undo, now)
        back = Saved(written, recall(written).canonical)
        saved = keywords(session, subscriber)
        if back.canonical not in {each.canonical for each in saved}:
            saved.insert(place, back)
            subscribers.set_keywords(session, subscriber, saved, most=house.settings.most_keywords)
        return back


def look_fewer(house: House, token: str, now: datetime) -> Weekly:
    """How often letters come now. Raises TokenError."""
    with reading(house.engine) as session:
        return _weekly(house, session, reader(house, session, Purpose.FEWER, token, now, lock=False), now)


def fewer(house: House, token: str, now: datetime) -> Weekly:
    """Letters come once a week from now on. Raises TokenError."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.FEWER, token, now)
        before = _weekly(house, session, subscriber, now)
        subscriber.frequency = Frequency.WEEKLY
        session.flush()
        return before


def as_often(house: House, token: str, undo: str, now: datetime) -> Card:
    """Letters come as often as before, unless the reader has chosen otherwise since. Raises TokenError."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.FEWER, token, now)
        (frequency,) = was(house, subscriber, Purpose.FEWER, undo, now)
        if subscriber.frequency == Frequency.WEEKLY:
            subscriber.frequency = Frequency(frequency)
        return card_of(session, subscriber)


def look_pause(house: House, token: str, now: datetime) -> Pausing:
    """How long a pause would be. Raises TokenError."""
    with reading(house.engine) as session:
        return _pausing(house, session, reader(house, session, Purpose.PAUSE, token, now, lock=False), now)


def pause(house: House, token: str, now: datetime) -> Pausing:
    """No letters for two weeks from today, by the reader's calendar; a longer pause stays. Raises TokenError."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.PAUSE, token, now)
        before = _pausing(house, session, subscriber, now)
        subscribers.pause(subscriber, before.until)
        session.flush()
        return before


def unpause(house: House, token: str, undo: str, now: datetime) -> Card:
    """As before the pause, unless the reader has chosen otherwise since. Raises TokenError."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.PAUSE, token, now)
        before, until = was(house, subscriber, Purpose.PAUSE, undo, now)
        if subscriber.paused_until == date.fromisoformat(until):
            earlier = date.fromisoformat(before) if before else None
            subscribers.pause(subscriber, earlier if earlier and earlier > _today(subscriber, now) else None)
            session.flush()
        return card_of(session, subscriber)


def reader(
    house: House, session: Session, purpose: Purpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    """Whom a link speaks of, whose subscription must be running. Raises TokenError."""
    subscriber = who(house, session, purpose, token, now, lock=lock)
    if subscriber.status not in subscribers.RUNNING:
        raise TokenError("This subscription is not running. Subscribe again to start anew.")
    return subscriber


def keywords(session: Session, subscriber: Subscriber) -> list[Saved]:
    """The reader's keywords, in their order."""
    number = int(subscriber.id or 0)
    return subscribers.keywords_of(session, [number]).get(number, [])


def undo_of(house: House, subscriber: Subscriber, purpose: Purpose, before: Sequence[Any], now: datetime) -> str:
    """A signed note of how things were, good for one kind of change of one reader."""
    said = json.dumps([purpose, *before], ensure_ascii=False).encode()
    return house.links.token(Purpose.UNDO, f"{subscriber.nonce}.{base64.urlsafe_b64encode(said).decode()}", now)


def was(house: House, subscriber: Subscriber, purpose: Purpose, undo: str, now: datetime) -> list[Any]:
    """What such a note says. Raises TokenError for one of another reader, or about something else."""
    nonce, _, packed = house.links.read(Purpose.UNDO, undo, now).partition(".")
    try:
        about, *before = json.loads(base64.urlsafe_b64decode(packed))
    except (binascii.Error, ValueError) as error:
        raise TokenError("This cannot be undone: its note is damaged.") from error
    if nonce != subscriber.nonce or about != purpose:
        raise TokenError("This cannot be undone: its note is about something else.")
    return list(before)


def _place(session: Session, subscriber: Subscriber, keyword_id: int) -> tuple[list[Saved], int | None]:
    saved = keywords(session, subscriber)
    canonical = session.exec(select(Keyword.canonical).where(Keyword.id == keyword_id)).one_or_none()
    return saved, next((place for place, each in enumerate(saved) if each.canonical == canonical), None)


def _is_only(saved: Sequence[Saved], place: int) -> bool:
    others = [each for number, each in enumerate(saved) if number != place]
    return not is_exclusion(saved[place].canonical) and all(is_exclusion(each.canonical) for each in others)


def _brought(session: Session, subscriber: Subscriber, keyword: Saved) -> tuple[int, int]:
    """How many papers of the last letters match the keyword, and how many papers these letters had."""
    mailed = select(col(Delivery.papers)).where(
        Delivery.subscriber_id == subscriber.id, Delivery.kind == DeliveryKind.DIGEST
    )
    last = mailed.where(Delivery.state == DeliveryState.SENT).order_by(col(Delivery.id).desc()).limit(LETTERS)
    found = papers.by_ids(session, {number for each in session.exec(last).all() for number in each})
    texts = documents(session, list(found.values()))
    return len(Matcher([recall(keyword.canonical)]).match(texts)[0]), len(found)


def _weekly(house: House, session: Session, subscriber: Subscriber, now: datetime) -> Weekly:
    zone, hour = subscriber.timezone, subscriber.send_hour
    begins = max(now, instant(subscriber.paused_until, zone, 0)) if subscriber.paused_until else now
    already = subscriber.frequency == Frequency.WEEKLY
    undo = undo_of(house, subscriber, Purpose.FEWER, [subscriber.frequency], now)
    return Weekly(
        card=card_of(session, subscriber),
        undo="" if already else undo,
        already=already,
        first=next_slot(begins, zone, hour, Frequency.WEEKLY),
    )


def _pausing(house: House, session: Session, subscriber: Subscriber, now: datetime) -> Pausing:
    until, before = _today(subscriber, now) + PAUSE, subscriber.paused_until
    already = subscriber.status == SubscriberStatus.PAUSED and before is not None and before >= until
    note = [before.isoformat() if before else "", until.isoformat()]
    return Pausing(
        card=card_of(session, subscriber),
        undo="" if already else undo_of(house, subscriber, Purpose.PAUSE, note, now),
        already=already,
        until=before if already and before else until,
    )


def _today(subscriber: Subscriber, now: datetime) -> date:
    return now.astimezone(ZoneInfo(subscriber.timezone)).date()
