"""What is forgotten, and when. Never which papers a reader had: `Delivery.papers` stays as long as the reader does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, String, cast, delete, func, or_, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
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
from digest.subscribers import delete_subscriber
from digest.tokens import RESUBSCRIBE_LIFETIME

MIN_RETENTION_DAYS = 45  # days: the rules for bounces and for making up look back about a month


DEFAULT_RETENTION_DAYS = 90


UNCONFIRMED_RETENTION = timedelta(days=30)  # that an address waits for its owner's word


ROWS_PER_TRANSACTION = 50_000  # rows that are looked at in one transaction


SETTLED_STATES = (DeliveryState.SENT, DeliveryState.EXPIRED, DeliveryState.CANCELLED, DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One kind of thing: rows deleted, or with `values` emptied."""

    name: str
    table: type[Any]
    conditions: Sequence[ColumnElement[bool]]
    values: dict[str, Any] | None = None

    def apply(self, engine: Engine) -> int:
        """How many rows it was. A piece of the table at a time, lest letters wait for years of letters."""
        change = delete(self.table) if self.values is None else update(self.table).values(**self.values)
        rows = 0
        for piece in self._id_ranges(engine):
            with write_session(engine) as session:
                done: Any = session.execute(
                    change.where(*self.conditions, *piece).execution_options(synchronize_session=False)
                )
            rows += int(done.rowcount)
        return rows

    def _id_ranges(self, engine: Engine) -> Iterator[tuple[ColumnElement[bool], ...]]:
        number = getattr(self.table, "id", None)
        if number is None:
            yield ()
            return
        with read_session(engine) as session:
            last = session.scalar(select(func.max(number))) or 0
        for start in range(0, last + 1, ROWS_PER_TRANSACTION):
            yield (number >= start, number < start + ROWS_PER_TRANSACTION)

    def count(self, session: Session) -> int:
        """How many rows it would be."""
        return int(session.scalar(select(func.count()).select_from(self.table).where(*self.conditions)) or 0)


def prune(
    ctx: AppContext, now: datetime, *, days: int = DEFAULT_RETENTION_DAYS, dry_run: bool = False
) -> dict[str, int]:
    """Forget what nobody needs after `days`; rows by name. A dry run only counts."""
    copies = max(days, ctx.settings.web_copy_days)
    wanted = (
        *_unsubscribed_rules(now),
        _rate_limit_rule(now),
        *_age_rules(now - timedelta(days=days), now - timedelta(days=copies)),
    )
    if not dry_run:
        return {each.name: each.apply(ctx.engine) for each in wanted}
    with read_session(ctx.engine) as session:
        return {each.name: each.count(session) for each in wanted}


def prune_unsubscribed(ctx: AppContext, now: datetime) -> int:
    """Erase the keywords of people who left when their way back has ended, and all of those who never came; how many
    keywords and people.
    """
    return sum(each.apply(ctx.engine) for each in _unsubscribed_rules(now)) + prune_unconfirmed(ctx, now)


def prune_unconfirmed(ctx: AppContext, now: datetime) -> int:
    """Erase the addresses that nobody confirmed in time after the last letter to them; how many."""
    with read_session(ctx.engine) as session:
        numbers = session.exec(_select_unconfirmed(now)).all()
    erased = 0
    for number in numbers:
        with write_session(ctx.engine) as session:
            # Somebody may have asked again, or confirmed, meanwhile.
            asked = select(Subscriber).where(col(Subscriber.id).in_(_select_unconfirmed(now)), Subscriber.id == number)
            found = session.exec(asked.with_for_update()).one_or_none()
            if found:
                delete_subscriber(session, found)
                erased += 1
    return erased


def _select_unconfirmed(now: datetime) -> SelectOfScalar[int | None]:
    before = now - UNCONFIRMED_RETENTION
    lately = select(Delivery.id).where(Delivery.subscriber_id == Subscriber.id, col(Delivery.created_at) >= before)
    never = col(Subscriber.confirmed_at).is_(None)
    waiting = col(Subscriber.status).in_((SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED))
    return select(col(Subscriber.id)).where(never, waiting, col(Subscriber.created_at) < before, ~lately.exists())


def prune_rate_limit_counters(ctx: AppContext, now: datetime) -> int:
    """Erase counts whose time is over: how often forms were sent from where; how many counts."""
    return _rate_limit_rule(now).apply(ctx.engine)


def _rate_limit_rule(now: datetime) -> RetentionRule:
    return RetentionRule("counts of forms", RateLimitCounter, (col(RateLimitCounter.expires_at) < now,))


def _unsubscribed_rules(now: datetime) -> list[RetentionRule]:
    gone = select(col(Subscriber.id)).where(
        col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED,
        col(Subscriber.ended_at) < now - RESUBSCRIBE_LIFETIME,
    )
    theirs = (col(Delivery.subscriber_id).in_(gone), _is_not_empty(Delivery.keywords))
    return [
        RetentionRule("keywords of who left", SavedKeyword, (col(SavedKeyword.subscriber_id).in_(gone),)),
        RetentionRule("keywords in letters of who left", Delivery, theirs, {"keywords": []}),
    ]


def _age_rules(before: datetime, copies_before: datetime) -> list[RetentionRule]:
    # A letter whose papers are still owed keeps everything: the next edition asks it what it could not bring.
    over = or_(col(Delivery.state) == DeliveryState.SENT, col(Delivery.is_reclaimed).is_(True))
    copied = (
        col(Delivery.kind) == DeliveryKind.DIGEST,
        col(Delivery.created_at) < copies_before,
        over,
        or_(_is_not_empty(Delivery.omitted_papers), _is_not_empty(Delivery.keywords)),
    )
    said = (col(Delivery.settled_at) < before, col(Delivery.state).in_(SETTLED_STATES), col(Delivery.reply) != "")
    return [
        RetentionRule("copies of letters", Delivery, copied, {"omitted_papers": [], "keywords": []}),
        RetentionRule("replies of the relay", Delivery, said, {"reply": ""}),
        RetentionRule("mails that came back", BounceRecord, (col(BounceRecord.received_at) < before,)),
        RetentionRule("readings of sources", SourceFetch, (col(SourceFetch.started_at) < before,)),
        RetentionRule("validators of answers", HttpCacheEntry, (col(HttpCacheEntry.stored_at) < before,)),
        RetentionRule("rates that nobody used", SharedTokenBucket, (col(SharedTokenBucket.available_at) < before,)),
    ]


def _is_not_empty(column: Any) -> ColumnElement[bool]:
    return cast(col(column), String) != "[]"  # PostgreSQL cannot compare JSON
