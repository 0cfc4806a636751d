"""List subscribers for the operator, and export them as CSV that `csv_import` reads."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session
from digest.database.models import Delivery, Profile, Subscriber
from digest.matching import KeywordInput
from digest.subscribers.lists.csv_cells import KEYWORD_SEPARATOR, escape_cell, join_keywords
from digest.subscribers.lists.csv_table import COLUMNS
from digest.subscribers.records import WEEKDAY_NAMES, keywords_by_subscriber, keywords_of, subscriber_by_email

INTERNAL_COLUMNS = {"nonce", "email_key", "covered_listing_id", "last_due_day"}


def list_subscribers(engine: Engine) -> list[dict[str, Any]]:
    """Return all subscribers with their keywords, by number."""
    with read_session(engine) as session:
        rows = session.exec(select(Subscriber).order_by(col(Subscriber.id))).all()
        keywords = keywords_by_subscriber(session, [int(row.id or 0) for row in rows])
        choices = dict(session.exec(select(Profile.subscriber_id, Profile.in_digest)).all())
        return [_to_dict(row, keywords.get(int(row.id or 0), ()), choices.get(int(row.id or 0))) for row in rows]


def get_subscriber(engine: Engine, email: str) -> dict[str, Any]:
    """Return one subscriber with all deliveries. Raises SubscriberNotFoundError."""
    with read_session(engine) as session:
        subscriber = subscriber_by_email(session, email)
        statement = select(Delivery).where(Delivery.subscriber_id == subscriber.id).order_by(col(Delivery.id))
        deliveries = [
            row.model_dump(include={"id", "kind", "edition", "state", "reply", "created_at", "settled_at"})
            | {"papers": len(row.papers)}
            for row in session.exec(statement).all()
        ]
        choice = session.exec(select(Profile.in_digest).where(Profile.subscriber_id == subscriber.id)).one_or_none()
        return _to_dict(subscriber, keywords_of(session, subscriber), choice) | {"deliveries": deliveries}


def _to_dict(subscriber: Subscriber, keywords: Sequence[KeywordInput], close_papers: bool | None) -> dict[str, Any]:
    return subscriber.model_dump(exclude=INTERNAL_COLUMNS) | {
        "weekday": WEEKDAY_NAMES[subscriber.weekday],
        "keywords": [keyword.text for keyword in keywords],
        "muted": [keyword.text for keyword in keywords if keyword.is_muted],
        "close_papers": close_papers,
    }


def export_csv(engine: Engine) -> str:
    """Return all subscribers as CSV, in the columns that `import_csv` reads."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in list_subscribers(engine):
        cells = row | {
            "keywords": join_keywords(row["keywords"]),
            "trending": "yes" if row["trending"] else "no",
            "summaries": "yes" if row["summaries"] else "no",
            "thumbnails": "yes" if row["thumbnails"] else "no",
            "about_only": "yes" if row["about_only"] else "no",
            "close_papers": {True: "yes", False: "no", None: ""}[row["close_papers"]],
            "muted": join_keywords(row["muted"]),
            "sources": KEYWORD_SEPARATOR.join(row["sources"]),
            "paused_until": row["paused_until"] or "",
        }
        writer.writerow({name: escape_cell(str(cells[name])) for name in COLUMNS})
    return output.getvalue()
