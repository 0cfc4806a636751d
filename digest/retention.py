"""What is forgotten, and when. Never which papers a reader had: `Delivery.papers` stays as long as the reader does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, String, cast, delete, func, or_, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from digest import db, subscribers
from digest.desk.held import erase_subscriber
from digest.house import House
from digest.models import (
    BounceRecord,
    Delivery,
    DeliveryKind,
    DeliveryState,
    HttpCacheEntry,
    RateLimitCounter,
    SavedKeyword,
    SharedTokenBucket,
    SourceFetch,
    Subscriber,
    SubscriberStatus,
)

LEAST = 45  # days: the rules for bounces and for making up look back about a month
USUAL = 90
UNCONFIRMED = timedelta(days=30)  # that an address waits for its owner's word
AT_ONCE = 50_000  # rows that are looked at in one transaction
SETTLED = (DeliveryState.SENT, DeliveryState.EXPIRED, DeliveryState.CANCELLED, DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One kind of thing: rows deleted, or with `values` emptied."""

    name: str
    table: type[Any]
    where: Sequence[ColumnElement[bool]]
    values: dict[str, Any] | None = None

    def carry_out(self, engine: Engine) -> int:
        """How many rows it was. A piece of the table at a time, lest letters wait for years of letters."""
        change = delete(self.table) if self.values is None else update(self.table).values(**self.values)
        rows = 0
        for piece in self._pieces(engine):
            with db.writing(engine) as session:
                done: Any = session.execute(
                    change.where(*self.where, *piece).execution_options(synchronize_session=False)
                )
            rows += int(done.rowcount)
        return rows

    def _pieces(self, engine: Engine) -> Iterator[tuple[ColumnElement[bool], ...]]:
        number = getattr(self.table, "id", None)
        if number is None:
            yield ()
            return
        with db.reading(engine) as session:
            last = session.scalar(select(func.max(number))) or 0
        for start in range(0, last + 1, AT_ONCE):
            yield (number >= start, number < start + AT_ONCE)

    def count(self, session: Session) -> int:
        """How many rows it would be."""
        return int(session.scalar(select(func.count()).select_from(self.table).where(*self.where)) or 0)


def prune(house: House, now: datetime, *, days: int = USUAL, dry_run: bool = False) -> dict[str, int]:
    """Forget what nobody needs after `days`; rows by name. A dry run only counts."""
    copies = max(days, house.settings.web_copy_days)
    wanted = (*_of_who_left(now), _counts(now), *_old(now - timedelta(days=days), now - timedelta(days=copies)))
    if not dry_run:
        return {each.name: each.carry_out(house.engine) for each in wanted}
    with db.reading(house.engine) as session:
        return {each.name: each.count(session) for each in wanted}


def forget_who_left(house: House, now: datetime) -> int:
    """Erase the keywords of people who left when their way back has ended, and all of those who never came; how many
    keywords and people.
    """
    return sum(each.carry_out(house.engine) for each in _of_who_left(now)) + forget_unconfirmed(house, now)


def forget_unconfirmed(house: House, now: datetime) -> int:
    """Erase the addresses that nobody confirmed in time after the last letter to them; how many."""
    with db.reading(house.engine) as session:
        numbers = session.exec(_unconfirmed(now)).all()
    erased = 0
    for number in numbers:
        with db.writing(house.engine) as session:
            # Somebody may have asked again, or confirmed, meanwhile.
            asked = select(Subscriber).where(col(Subscriber.id).in_(_unconfirmed(now)), Subscriber.id == number)
            found = session.exec(asked.with_for_update()).one_or_none()
            if found:
                erase_subscriber(session, found)
                erased += 1
    return erased


def _unconfirmed(now: datetime) -> SelectOfScalar[int | None]:
    before = now - UNCONFIRMED
    lately = select(Delivery.id).where(Delivery.subscriber_id == Subscriber.id, col(Delivery.created_at) >= before)
    never = col(Subscriber.confirmed_at).is_(None)
    waiting = col(Subscriber.status).in_((SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED))
    return select(col(Subscriber.id)).where(never, waiting, col(Subscriber.created_at) < before, ~lately.exists())


def forget_counts(house: House, now: datetime) -> int:
    """Erase counts whose time is over: how often forms were sent from where; how many counts."""
    return _counts(now).carry_out(house.engine)


def _counts(now: datetime) -> Forgotten:
    return Forgotten("counts of forms", RateLimitCounter, (col(RateLimitCounter.expires_at) < now,))


def _of_who_left(now: datetime) -> list[Forgotten]:
    gone = select(col(Subscriber.id)).where(
        col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED,
        col(Subscriber.ended_at) < now - subscribers.RETURN_WITHIN,
    )
    theirs = (col(Delivery.subscriber_id).in_(gone), _filled(Delivery.keywords))
    return [
        Forgotten("keywords of who left", SavedKeyword, (col(SavedKeyword.subscriber_id).in_(gone),)),
        Forgotten("keywords in letters of who left", Delivery, theirs, {"keywords": []}),
    ]


def _old(before: datetime, copies_before: datetime) -> list[Forgotten]:
    # A letter whose papers are still owed keeps everything: the next edition asks it what it could not bring.
    over = or_(col(Delivery.state) == DeliveryState.SENT, col(Delivery.is_reclaimed).is_(True))
    copied = (
        col(Delivery.kind) == DeliveryKind.DIGEST,
        col(Delivery.created_at) < copies_before,
        over,
        or_(_filled(Delivery.omitted_papers), _filled(Delivery.keywords)),
    )
    said = (col(Delivery.settled_at) < before, col(Delivery.state).in_(SETTLED), col(Delivery.reply) != "")
    return [
        Forgotten("copies of letters", Delivery, copied, {"omitted_papers": [], "keywords": []}),
        Forgotten("replies of the relay", Delivery, said, {"reply": ""}),
        Forgotten("mails that came back", BounceRecord, (col(BounceRecord.received_at) < before,)),
        Forgotten("readings of sources", SourceFetch, (col(SourceFetch.started_at) < before,)),
        Forgotten("validators of answers", HttpCacheEntry, (col(HttpCacheEntry.stored_at) < before,)),
        Forgotten("rates that nobody used", SharedTokenBucket, (col(SharedTokenBucket.available_at) < before,)),
    ]


def _filled(numbers: Any) -> ColumnElement[bool]:
    return cast(col(numbers), String) != "[]"  # PostgreSQL cannot compare JSON
