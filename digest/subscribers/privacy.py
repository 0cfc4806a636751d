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
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    BounceRecord,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Keyword,
    Paper,
    SavedKeyword,
    Subscriber,
)
from digest.subscribers.profile import SubscriberProfile, subscriber_from_token, to_profile
from digest.tokens import TokenPurpose

PAGE_SIZE = 50  # letters


EXPORT_NOTICE = (
    "Everything that is held of you, as the tables have it; /privacy says what each of it is for. Papers and keywords "
    "are kept once for everybody; those of yours are named here. How often a form was sent is counted for up to a day "
    "by check sums that name nobody, and is not in here."
)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One that was written to the reader. `view`: a token for its copy on the web, empty where there is none."""

    delivery: Delivery
    view: str


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A page of letters, the latest first. `feed`: a token for what was mailed, the same on every day."""

    card: SubscriberProfile
    letters: tuple[HistoryEntry, ...]
    total: int
    feed: str


def get_delivery_history(ctx: AppContext, token: str, page: int, now: datetime) -> DeliveryHistory:
    """The letters of page `page`, from 1. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now, lock=False)
        deliveries = select(Delivery).where(Delivery.subscriber_id == subscriber.id)
        page_rows = session.exec(
            deliveries.order_by(col(Delivery.id).desc()).offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE)
        ).all()
        total = session.exec(select(func.count()).select_from(Delivery).where(Delivery.subscriber_id == subscriber.id))
        return DeliveryHistory(
            card=to_profile(session, subscriber),
            letters=tuple(HistoryEntry(each, _view_token(ctx, each, now)) for each in page_rows),
            total=total.one(),
            feed=feed_token(ctx, subscriber.nonce, subscriber.created_at),
        )


def _view_token(ctx: AppContext, delivery: Delivery, now: datetime) -> str:
    lifetime = timedelta(days=ctx.settings.web_copy_days)
    if delivery.kind != DeliveryKind.DIGEST or now - delivery.created_at > lifetime:
        return ""
    return ctx.token_signer.sign(TokenPurpose.VIEW, str(delivery.id), delivery.created_at)


def feed_token(ctx: AppContext, nonce: str, issued: datetime) -> str:
    """The token of a reader's own feed: whoever holds it can read what was mailed, and do nothing at all."""
    return ctx.token_signer.sign(TokenPurpose.FEED, nonce, issued)


def mailed_papers(ctx: AppContext, token: str, now: datetime, limit: int) -> list[tuple[Paper, datetime]]:
    """The papers that were mailed to this reader, and when: the latest letter first, at most `most`. Raises TokenError.

    A letter that failed, or whose fate nobody knows, was not mailed.
    """
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.FEED, token, now, lock=False)
        statement = select(Delivery).where(
            Delivery.subscriber_id == subscriber.id, Delivery.kind == DeliveryKind.DIGEST
        )
        statement = statement.where(Delivery.state == DeliveryState.SENT).order_by(col(Delivery.id).desc()).limit(limit)
        mailed_at: dict[int, datetime] = {}
        for each in session.exec(statement).all():
            for number in each.papers:
                mailed_at.setdefault(number, each.settled_at or each.created_at)
        papers_by_id = papers.papers_by_id(session, list(mailed_at)[:limit])
        return [(papers_by_id[number], when) for number, when in mailed_at.items() if number in papers_by_id]


def export_personal_data(ctx: AppContext, token: str, now: datetime) -> dict[str, Any]:
    """Everything that is held, as JSON has it. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now, lock=False)
        keywords = select(SavedKeyword, Keyword).join(Keyword).where(SavedKeyword.subscriber_id == subscriber.id)
        deliveries = session.exec(
            select(Delivery).where(Delivery.subscriber_id == subscriber.id).order_by(col(Delivery.id))
        ).all()
        bounces: dict[int, list[dict[str, Any]]] = {}
        for each in session.exec(select(BounceRecord).join(Delivery).where(Delivery.subscriber_id == subscriber.id)):
            bounces.setdefault(each.delivery_id, []).append(each.model_dump(mode="json"))
        papers_by_id = papers.papers_by_id(
            session, {number for each in deliveries for number in [*each.papers, *each.omitted_papers]}
        )
        return {
            "about": EXPORT_NOTICE,
            "made_at": now.isoformat(),
            "subscriber": subscriber.model_dump(mode="json"),
            "keywords": [
                {**each.model_dump(mode="json"), "keyword": keyword.model_dump(mode="json")}
                for each, keyword in session.exec(keywords.order_by(col(SavedKeyword.position)))
            ],
            "letters": [
                _export_delivery(each, papers_by_id) | {"came_back": bounces.get(int(each.id or 0), [])}
                for each in deliveries
            ],
        }


def _export_delivery(delivery: Delivery, papers_by_id: Mapping[int, Paper]) -> dict[str, Any]:
    titles = {str(number): papers_by_id[number].title for number in delivery.papers if number in papers_by_id}
    return {**delivery.model_dump(mode="json"), "titles": titles}


def erase(ctx: AppContext, token: str, now: datetime) -> None:
    """Forget the person whom the link speaks of, at once. Raises TokenError."""
    with write_session(ctx.engine) as session:
        delete_subscriber(session, subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now))


def delete_subscriber(session: Session, subscriber: Subscriber) -> None:
    """Delete all rows about one subscriber."""
    session.execute(delete(SavedKeyword).where(col(SavedKeyword.subscriber_id) == subscriber.id))
    delivery_ids = select(Delivery.id).where(Delivery.subscriber_id == subscriber.id)
    session.execute(delete(BounceRecord).where(col(BounceRecord.delivery_id).in_(delivery_ids)))
    session.execute(delete(Delivery).where(col(Delivery.subscriber_id) == subscriber.id))
    session.delete(subscriber)
