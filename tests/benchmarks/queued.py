"""A store with the crowd of letters.py, and letters of ten papers for its readers in the queue."""

from collections.abc import Iterable, Iterator, Sequence
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
from tests.benchmarks.letters import NOW, READERS, crowd

AT_ONCE = 5_000  # rows


def fill(url: str, letters: int) -> None:
    """So many letters; where that is more than there are readers, each has several, of different days."""
    engine = connect(url)
    migrate(engine)
    readers = min(letters, READERS)
    known = crowd()
    with write_session(engine) as session:
        pour(session, Paper, ({**each.model_dump(), "entered": each.id} for each in known.papers.values()))
        pour(session, Listing, (listing(number) for number in known.papers))
        pour(session, Keyword, ({"id": n, "canonical": each} for n, each in enumerate(known.canonicals, 1)))
        numbers = {canonical: number for number, canonical in enumerate(known.canonicals, 1)}
        pour(session, Subscriber, (subscriber(known.subscribers[n + 1]) for n in range(readers)))
        pour(
            session,
            SavedKeyword,
            (
                {"subscriber_id": n, "position": p, "keyword_id": numbers[each.canonical], "text": each.text}
                for n in range(1, readers + 1)
                for p, each in enumerate(known.keywords[n])
            ),
        )
        pour(session, Delivery, (delivery(number, readers, numbers) for number in range(letters)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def pour(session: Session, model: type[SQLModel], rows: Iterable[dict[str, Any]]) -> None:
    rest: Iterator[dict[str, Any]] = iter(rows)
    while batch := list(islice(rest, AT_ONCE)):
        session.execute(insert(model), batch)


def listing(number: int) -> dict[str, Any]:
    seen = {"first_seen_at": NOW, "last_seen_at": NOW}
    return {"id": number, "paper_id": number, "source": "arxiv", "list_day": NOW.date(), "rank": number, **seen}


def subscriber(each: Subscriber) -> dict[str, Any]:
    return {**each.model_dump(), "email_key": each.email, "status": SubscriberStatus.ACTIVE}


def delivery(number: int, readers: int, numbers: dict[str, int]) -> dict[str, Any]:
    known = crowd()
    claimed = known.claimed[number % readers]
    keywords: Sequence[Any] = known.keywords[claimed.subscriber_id]
    return {
        "id": number + 1,
        "subscriber_id": claimed.subscriber_id,
        "kind": DeliveryKind.DIGEST,
        "edition": (NOW.date() - timedelta(days=number // readers)).isoformat(),
        "state": DeliveryState.QUEUED,
        "priority": 2,
        "papers": claimed.papers,
        "omitted_papers": [],
        "keywords": [numbers[each.canonical] for each in keywords],
        "message_id": f"<{number:032x}@example.org>",
        "created_at": NOW,
    }
