"""What is deleted, and when. Never which papers a subscriber had: `Delivery.papers` stays as long as the subscriber."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, String, cast, delete, func, or_, update
from sqlmodel import Session, col, select

from digest import papers
from digest.config import DEFAULT_RETENTION_DAYS, UNCONFIRMED_RETENTION
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    BounceRecord,
    Delivery,
    DeliveryKind,
    DeliveryState,
    HttpCacheEntry,
    ObjectKind,
    OperatorAction,
    PaperMark,
    Profile,
    RateLimitCounter,
    SavedKeyword,
    SeedText,
    SharedTokenBucket,
    SourceFetch,
    Subscriber,
    SubscriberStatus,
)
from digest.subscribers import delete_subscriber
from digest.tokens import RESUBSCRIBE_LIFETIME

ROWS_PER_TRANSACTION = 50_000
SETTLED_STATES = (DeliveryState.SENT, DeliveryState.EXPIRED, DeliveryState.CANCELLED, DeliveryState.FAILED)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Rows of a table that are deleted, or, with `values`, emptied."""

    name: str
    table: type[Any]
    conditions: Sequence[ColumnElement[bool]]
    values: dict[str, Any] | None = None

    def apply(self, engine: Engine) -> int:
        """Delete or empty the rows and return their number.

        A range of ids at a time: a transaction over years of deliveries would block those who send.
        """
        change = delete(self.table) if self.values is None else update(self.table).values(**self.values)
        rows = 0
        for id_range in self._id_ranges(engine):
            statement = change.where(*self.conditions, *id_range).execution_options(synchronize_session=False)
            with write_session(engine) as session:
                result: Any = session.execute(statement)
            rows += int(result.rowcount)
        return rows

    def _id_ranges(self, engine: Engine) -> Iterator[tuple[ColumnElement[bool], ...]]:
        id_column = getattr(self.table, "id", None)
        if id_column is None:
            yield ()
            return
        with read_session(engine) as session:
            last = session.scalar(select(func.max(id_column))) or 0
        for start in range(0, last + 1, ROWS_PER_TRANSACTION):
            yield (id_column >= start, id_column < start + ROWS_PER_TRANSACTION)

    def count(self, session: Session) -> int:
        """Return how many rows `apply` would delete or empty."""
        return int(session.scalar(select(func.count()).select_from(self.table).where(*self.conditions)) or 0)


def prune(
    ctx: AppContext, now: datetime, *, days: int = DEFAULT_RETENTION_DAYS, dry_run: bool = False
) -> dict[str, int]:
    """Delete what is older than `days`. Returns the number of rows by rule; a dry run only counts."""
    before = now - timedelta(days=days)
    copies_before = now - timedelta(days=max(days, ctx.settings.web_copy_days))
    rules = (*unsubscribed_rules(now), rate_limit_rule(now), *age_rules(before, copies_before))
    if dry_run:
        with read_session(ctx.engine) as session:
            counts = {rule.name: rule.count(session) for rule in rules}
    else:
        counts = {rule.name: rule.apply(ctx.engine) for rule in rules}
    return counts | {"papers in no e-mail": prune_papers(ctx, now, dry_run=dry_run)}


def prune_papers(ctx: AppContext, now: datetime, *, dry_run: bool = False) -> int:
    """Delete papers older than DIGEST_KEEP_PAPERS_DAYS that stand in no e-mail. Returns how many."""
    days = ctx.settings.keep_papers_days
    return papers.prune_papers(ctx.engine, (now - timedelta(days=days)).date(), dry_run=dry_run) if days else 0


def prune_unsubscribed(ctx: AppContext, now: datetime) -> int:
    """Delete keywords and marks of former subscribers who can no longer resubscribe, and unconfirmed addresses.

    Returns how many rows and subscribers it was.
    """
    return sum(rule.apply(ctx.engine) for rule in unsubscribed_rules(now)) + prune_unconfirmed(ctx, now)


def prune_unconfirmed(ctx: AppContext, now: datetime) -> int:
    """Delete addresses that were not confirmed in time after the last e-mail to them. Returns how many."""
    before = now - UNCONFIRMED_RETENTION
    recent = select(Delivery.id).where(Delivery.subscriber_id == Subscriber.id, col(Delivery.created_at) >= before)
    unconfirmed = select(col(Subscriber.id)).where(
        col(Subscriber.confirmed_at).is_(None),
        col(Subscriber.status).in_((SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED)),
        col(Subscriber.created_at) < before,
        ~recent.exists(),
    )
    with read_session(ctx.engine) as session:
        ids = session.exec(unconfirmed).all()
    count = 0
    for subscriber_id in ids:
        with write_session(ctx.engine) as session:
            # They may have subscribed again, or confirmed, meanwhile.
            query = select(Subscriber).where(col(Subscriber.id).in_(unconfirmed), Subscriber.id == subscriber_id)
            subscriber = session.exec(query.with_for_update()).one_or_none()
            if subscriber:
                delete_subscriber(session, ctx, subscriber)
                count += 1
    return count


def prune_rate_limit_counters(ctx: AppContext, now: datetime) -> int:
    """Delete expired rate-limit counters of forms. Returns how many."""
    return rate_limit_rule(now).apply(ctx.engine)


def rate_limit_rule(now: datetime) -> RetentionRule:
    """Return the rule for rate-limit counters of forms."""
    return RetentionRule("rate-limit counters", RateLimitCounter, (col(RateLimitCounter.expires_at) < now,))


def unsubscribed_rules(now: datetime) -> list[RetentionRule]:
    """Return the rules for keywords, marks and learned words of former subscribers."""
    former = select(col(Subscriber.id)).where(
        col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED,
        col(Subscriber.ended_at) < now - RESUBSCRIBE_LIFETIME,
    )
    former_ids = select(cast(col(Subscriber.id), String)).where(col(Subscriber.id).in_(former))
    changed = (
        col(OperatorAction.object_kind) == ObjectKind.SUBSCRIBER,
        col(OperatorAction.object_id).in_(former_ids),
        col(OperatorAction.detail) != "{}",  # it may have their former keywords
    )
    has_words = or_(_is_not_empty(Delivery.keywords), _is_not_empty(Delivery.close_words))
    mailed = (col(Delivery.subscriber_id).in_(former), has_words)
    return [
        RetentionRule("keywords of former subscribers", SavedKeyword, (col(SavedKeyword.subscriber_id).in_(former),)),
        RetentionRule("marks of former subscribers", PaperMark, (col(PaperMark.subscriber_id).in_(former),)),
        RetentionRule("examples of former subscribers", SeedText, (col(SeedText.subscriber_id).in_(former),)),
        RetentionRule("profiles of former subscribers", Profile, (col(Profile.subscriber_id).in_(former),)),
        RetentionRule("details of actions on former subscribers", OperatorAction, changed, {"detail": "{}"}),
        RetentionRule(
            "keywords in e-mails of former subscribers", Delivery, mailed, {"keywords": [], "close_words": []}
        ),
    ]


def age_rules(before: datetime, copies_before: datetime) -> list[RetentionRule]:
    """Return the rules for what is only old. `copies_before` is the instant for what web copies of e-mails need."""
    # An e-mail whose papers are still owed keeps everything: the next edition takes from it what it did not bring.
    settled = or_(col(Delivery.state) == DeliveryState.SENT, col(Delivery.is_reclaimed).is_(True))
    copies = (
        col(Delivery.kind) == DeliveryKind.DIGEST,
        col(Delivery.created_at) < copies_before,
        settled,
        or_(*map(_is_not_empty, (Delivery.omitted_papers, Delivery.keywords, Delivery.close_words))),
    )
    replies = (col(Delivery.settled_at) < before, col(Delivery.state).in_(SETTLED_STATES), col(Delivery.reply) != "")
    return [
        RetentionRule(
            "web copies of e-mails", Delivery, copies, {"omitted_papers": [], "keywords": [], "close_words": []}
        ),
        RetentionRule("replies of the relay", Delivery, replies, {"reply": ""}),
        RetentionRule("bounces", BounceRecord, (col(BounceRecord.received_at) < before,)),
        RetentionRule("actions of operators", OperatorAction, (col(OperatorAction.at) < before,)),
        RetentionRule("fetches of sources", SourceFetch, (col(SourceFetch.started_at) < before,)),
        RetentionRule("cached HTTP validators", HttpCacheEntry, (col(HttpCacheEntry.stored_at) < before,)),
        RetentionRule("unused token buckets", SharedTokenBucket, (col(SharedTokenBucket.available_at) < before,)),
    ]


def _is_not_empty(column: Any) -> ColumnElement[bool]:
    return cast(col(column), String) != "[]"  # PostgreSQL cannot compare JSON
