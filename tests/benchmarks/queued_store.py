"""Store with the subscribers of rendering.py, and digests of ten papers for them in the queue."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert, text
from sqlmodel import Session, SQLModel

from digest.database import connect, migrate, write_session
from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Keyword,
    Listing,
    Paper,
    SavedKeyword,
    Subscriber,
    SubscriberStatus,
)
from tests.benchmarks.rendering import NOW, SUBSCRIBERS, make_audience

CHUNK = 5_000  # rows


def fill_queue(url: str, digests: int) -> None:
    """Queue so many digests; with more of them than subscribers, each has several, of different days."""
    engine = connect(url)
    migrate(engine)
    subscribers = min(digests, SUBSCRIBERS)
    audience = make_audience()
    with write_session(engine) as session:
        bulk_insert(session, Paper, ({**p.model_dump(), "first_listing_id": p.id} for p in audience.papers.values()))
        bulk_insert(session, Listing, (listing_row(number) for number in audience.papers))
        bulk_insert(session, Keyword, ({"id": n, "canonical": c} for n, c in enumerate(audience.canonical, 1)))
        numbers = {canonical: number for number, canonical in enumerate(audience.canonical, 1)}
        bulk_insert(session, Subscriber, (subscriber_row(audience.subscribers[n + 1]) for n in range(subscribers)))
        bulk_insert(
            session,
            SavedKeyword,
            (
                {"subscriber_id": n, "position": p, "keyword_id": numbers[keyword.canonical], "text": keyword.text}
                for n in range(1, subscribers + 1)
                for p, keyword in enumerate(audience.keywords[n])
            ),
        )
        bulk_insert(session, Delivery, (delivery_row(number, subscribers, numbers) for number in range(digests)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def bulk_insert(session: Session, model: type[SQLModel], rows: Iterable[dict[str, Any]]) -> None:
    remaining: Iterator[dict[str, Any]] = iter(rows)
    while chunk := list(islice(remaining, CHUNK)):
        session.execute(insert(model), chunk)


def listing_row(number: int) -> dict[str, Any]:
    seen = {"first_seen_at": NOW, "last_seen_at": NOW}
    return {"id": number, "paper_id": number, "source": "arxiv", "list_day": NOW.date(), "rank": number, **seen}


def subscriber_row(subscriber: Subscriber) -> dict[str, Any]:
    return {**subscriber.model_dump(), "email_key": subscriber.email, "status": SubscriberStatus.ACTIVE}


def delivery_row(number: int, subscribers: int, keyword_ids: dict[str, int]) -> dict[str, Any]:
    audience = make_audience()
    delivery = audience.deliveries[number % subscribers]
    keywords = audience.keywords[delivery.subscriber_id]
    return {
        "id": number + 1,
        "subscriber_id": delivery.subscriber_id,
        "kind": DeliveryKind.DIGEST,
        "edition": (NOW.date() - timedelta(days=number // subscribers)).isoformat(),
        "state": DeliveryState.QUEUED,
        "priority": 2,
        "papers": delivery.papers,
        "omitted_papers": [],
        "keywords": [keyword_ids[keyword.canonical] for keyword in keywords],
        "message_id": f"<{number:032x}@example.org>",
        "created_at": NOW,
    }
