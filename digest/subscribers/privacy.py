"""What is stored about a subscriber: to look at, to take along, to have erased, by a link that was mailed to them.

It works as long as anything is stored, also after the subscription has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, delete, func, or_
from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    BounceRecord,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Keyword,
    ObjectKind,
    OperatorAction,
    Paper,
    PaperMark,
    Profile,
    QuarantinedRow,
    SavedKeyword,
    SeedText,
    Subscriber,
)
from digest.subscribers import messages
from digest.subscribers.profile import SubscriberProfile, subscriber_from_token, to_profile
from digest.subscribers.suppression_list import keep_suppression
from digest.tokens import TokenPurpose, delivery_subject

PAGE_SIZE = 50  # deliveries


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Delivery to the subscriber. `view_token` opens its copy on the web; empty where there is none."""

    delivery: Delivery
    view_token: str


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """Page of deliveries, the latest first. `feed_token` opens the feed of what was mailed, the same on every day.

    `saved_token` opens the page of saved papers.
    """

    profile: SubscriberProfile
    entries: tuple[HistoryEntry, ...]
    total: int
    feed_token: str
    saved_token: str


def get_delivery_history(ctx: AppContext, token: str, page: int, now: datetime) -> DeliveryHistory:
    """Return the deliveries of page `page`, from 1. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now, lock=False)
        deliveries = select(Delivery).where(Delivery.subscriber_id == subscriber.id)
        latest = deliveries.order_by(col(Delivery.id).desc()).offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE)
        total = session.exec(select(func.count()).select_from(Delivery).where(Delivery.subscriber_id == subscriber.id))
        entries = []
        for delivery in session.exec(latest).all():
            is_shown = now - delivery.created_at <= timedelta(days=ctx.settings.web_copy_days)
            view_token = ""
            if delivery.kind == DeliveryKind.DIGEST and is_shown:
                subject = delivery_subject(int(delivery.id or 0), delivery.message_id)
                view_token = ctx.token_signer.sign(TokenPurpose.VIEW, subject, delivery.created_at)
            entries.append(HistoryEntry(delivery, view_token))
        return DeliveryHistory(
            profile=to_profile(session, subscriber),
            entries=tuple(entries),
            total=total.one(),
            feed_token=feed_token(ctx, subscriber.nonce, subscriber.created_at),
            saved_token=ctx.token_signer.sign(TokenPurpose.SAVED, subscriber.nonce, subscriber.created_at),
        )


def feed_token(ctx: AppContext, nonce: str, issued: datetime) -> str:
    """Return the token of a subscriber's own feed, which can read what was mailed and nothing else."""
    return ctx.token_signer.sign(TokenPurpose.FEED, nonce, issued)


def mailed_papers(ctx: AppContext, token: str, now: datetime, limit: int) -> list[tuple[Paper, datetime]]:
    """Return the papers that were mailed to a subscriber, and when: the latest first, at most `limit`.

    Failed and uncertain deliveries do not count. Raises TokenError.
    """
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.FEED, token, now, lock=False)
        sent = (
            select(Delivery)
            .where(Delivery.subscriber_id == subscriber.id, Delivery.kind == DeliveryKind.DIGEST)
            .where(Delivery.state == DeliveryState.SENT)
            .order_by(col(Delivery.id).desc())
            .limit(limit)
        )
        mailed_at: dict[int, datetime] = {}
        for delivery in session.exec(sent).all():
            for paper_id in (*delivery.papers, *delivery.close_papers):
                mailed_at.setdefault(paper_id, delivery.settled_at or delivery.created_at)
        stored = papers.papers_by_id(session, list(mailed_at)[:limit])
        return [(stored[paper_id], instant) for paper_id, instant in mailed_at.items() if paper_id in stored]


def export_personal_data(ctx: AppContext, token: str, now: datetime) -> dict[str, Any]:
    """Return everything that is stored about a subscriber, ready for JSON. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now, lock=False)
        saved = select(SavedKeyword, Keyword).join(Keyword).where(SavedKeyword.subscriber_id == subscriber.id)
        keywords = session.exec(saved.order_by(col(SavedKeyword.position))).all()
        deliveries = session.exec(
            select(Delivery).where(Delivery.subscriber_id == subscriber.id).order_by(col(Delivery.id))
        ).all()
        bounces: dict[int, list[dict[str, Any]]] = {}
        for bounce in session.exec(select(BounceRecord).join(Delivery).where(Delivery.subscriber_id == subscriber.id)):
            bounces.setdefault(bounce.delivery_id, []).append(bounce.model_dump(mode="json"))
        actions = session.exec(select(OperatorAction).where(_was_done_to(subscriber))).all()
        quarantined = session.exec(select(QuarantinedRow).where(_concerns(subscriber))).all()
        stored = papers.papers_by_id(
            session,
            {
                paper_id
                for delivery in deliveries
                for paper_id in (*delivery.papers, *delivery.omitted_papers, *delivery.close_papers)
            },
        )
        rows = [_export_delivery(delivery, stored, bounces) for delivery in deliveries]
        return {
            "about": messages.EXPORT_NOTICE,
            "made_at": now.isoformat(),
            "subscriber": subscriber.model_dump(mode="json"),
            "keywords": [
                {**row.model_dump(mode="json"), "keyword": keyword.model_dump(mode="json")} for row, keyword in keywords
            ],
            **_export_marks(session, subscriber),
            "deliveries": rows,
            "letters": rows,  # the name of the release before, until the next one
            "operator_actions": [row.model_dump(mode="json") for row in actions],
            "unreadable_rows": [row.model_dump(mode="json") for row in quarantined],
        }


def _export_delivery(
    delivery: Delivery, stored: Mapping[int, Paper], bounces: Mapping[int, list[dict[str, Any]]]
) -> dict[str, Any]:
    numbers = (*delivery.papers, *delivery.close_papers)
    return {
        **delivery.model_dump(mode="json"),
        "titles": {str(number): stored[number].title for number in numbers if number in stored},
        "came_back": bounces.get(int(delivery.id or 0), []),
    }


def _export_marks(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """Return what a subscriber has said about papers, and what was learned from it."""
    marks = session.exec(
        select(PaperMark).where(PaperMark.subscriber_id == subscriber.id).order_by(col(PaperMark.created_at))
    ).all()
    stored = papers.papers_by_id(session, {mark.paper_id for mark in marks})
    titles = {number: paper.title for number, paper in stored.items()}
    examples = session.exec(select(SeedText).where(SeedText.subscriber_id == subscriber.id)).all()
    learned = session.get(Profile, subscriber.id)
    return {
        "marks": [mark.model_dump(mode="json") | {"title": titles.get(mark.paper_id, "")} for mark in marks],
        "examples": [example.model_dump(mode="json") for example in examples],
        "profile": learned.model_dump(mode="json") if learned else None,
    }


def erase(ctx: AppContext, token: str, now: datetime) -> None:
    """Delete everything about the subscriber behind a link, at once. Raises TokenError."""
    with write_session(ctx.engine) as session:
        delete_subscriber(session, ctx, subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now))


def delete_subscriber(session: Session, ctx: AppContext, subscriber: Subscriber) -> None:
    """Delete all rows about one subscriber. Only the suppression list keeps a keyed hash, where they said no."""
    keep_suppression(session, ctx.token_signer.keys, subscriber)
    delivery_ids = select(Delivery.id).where(Delivery.subscriber_id == subscriber.id)
    session.execute(delete(BounceRecord).where(col(BounceRecord.delivery_id).in_(delivery_ids)))
    # Each before the rows by which it is known whom it is about.
    session.execute(delete(OperatorAction).where(_was_done_to(subscriber)))
    session.execute(delete(QuarantinedRow).where(_concerns(subscriber)))
    for table in (SavedKeyword, PaperMark, Profile, SeedText, Delivery):
        session.execute(delete(table).where(col(table.subscriber_id) == subscriber.id))
    session.delete(subscriber)


def _was_done_to(subscriber: Subscriber) -> ColumnElement[bool]:
    """Build the condition that an operator did something to a subscriber, a delivery of theirs, or a row about them."""
    kind, object_id = col(OperatorAction.object_kind), col(OperatorAction.object_id)
    delivery_ids = select(cast(col(Delivery.id), String)).where(Delivery.subscriber_id == subscriber.id)
    entry_ids = select(cast(col(QuarantinedRow.id), String)).where(_concerns(subscriber))
    return or_(
        and_(kind == ObjectKind.SUBSCRIBER, object_id == str(subscriber.id)),
        and_(kind == ObjectKind.DELIVERY, object_id.in_(delivery_ids)),
        and_(kind == ObjectKind.QUARANTINED_ROW, object_id.in_(entry_ids)),
    )


def _concerns(subscriber: Subscriber) -> ColumnElement[bool]:
    """Build the condition that a row that was set aside is about a subscriber."""
    table, row_id = col(QuarantinedRow.table_name), col(QuarantinedRow.row_id)
    delivery_ids, example_ids = (
        select(cast(col(model.id), String)).where(model.subscriber_id == subscriber.id)
        for model in (Delivery, SeedText)
    )
    return or_(
        and_(table == Subscriber.__tablename__, row_id == str(subscriber.id)),
        and_(table == Profile.__tablename__, row_id == str(subscriber.id)),
        and_(table.in_((SavedKeyword.__tablename__, PaperMark.__tablename__)), row_id.startswith(f"{subscriber.id}:")),
        and_(table == Delivery.__tablename__, row_id.in_(delivery_ids)),
        and_(table == SeedText.__tablename__, row_id.in_(example_ids)),
    )
