"""A row for every table of schema 0006, and migrations of a store that holds them."""

from datetime import UTC, date, datetime
from typing import Any

from alembic import command
from sqlalchemy import Connection, Engine, MetaData, insert, select

from digest.database import schema_versions
from digest.database.models import UtcDateTime
from digest.database.models.papers import FULLTEXT_TABLE
from digest.database.schema import alembic_config

THEN = datetime(2026, 6, 30, 7, 30, tzinfo=UTC)
LATER = datetime(2026, 6, 30, 7, 35, tzinfo=UTC)
DAY = date(2026, 6, 30)
BEYOND_32_BITS = 2**40

# Table by table, parents first, a row under its new names.
ROWS: dict[str, dict[str, Any]] = {
    "paper": {
        "id": BEYOND_32_BITS,
        "key": "arxiv:2606.00001",
        "arxiv_id": "2606.00001",
        "version": 2,
        "doi": "10.1000/1",
        "title": "A graph of everything: 图",
        "abstract": 'It\'s "all" in here.',
        "authors": ["Ada Example", "Bob Élan"],
        "categories": ["cs.CL"],
        "organization": "Example Lab",
        "published_on": DAY,
        "url": "https://arxiv.org/abs/2606.00001",
        "pdf_url": None,
        "discussion_url": None,
        "code_url": "https://example.org/code",
        "code_stars": 12,
        "project_url": None,
        "thumbnail_url": None,
        "ai_summary": None,
        "ai_keywords": ["graph"],
        "upvotes": 3,
        "comments": 1,
        "text_source": "arxiv",
        "first_listing_id": BEYOND_32_BITS + 1,
        "first_seen_at": THEN,
        "changed_at": LATER,
        "text_fetched_at": LATER,
        "is_indexed": True,
    },
    "listing": {
        "id": BEYOND_32_BITS + 1,
        "paper_id": BEYOND_32_BITS,
        "source": "arxiv",
        "list_day": DAY,
        "rank": 4,
        "kind": "new",
        "upvotes": None,
        "comments": None,
        "first_seen_at": THEN,
        "last_seen_at": LATER,
    },
    "source_fetch": {
        "id": 7,
        "source": "huggingface",
        "list_day": DAY,
        "started_at": THEN,
        "seconds": 0.25,
        "status": "not-listed",
        "endpoint": "api",
        "listed_count": 5,
        "new_count": 2,
        "error_code": "malformed",
        "message": "one entry was skipped",
    },
    "http_cache_entry": {"url": "https://example.org/ä", "etag": '"é"', "last_modified": None, "stored_at": THEN},
    "subscriber": {
        "id": 41,
        "email": "Ada@example.org",
        "email_key": "ada@example.org",
        "status": "active",
        "nonce": "nonce",
        "frequency": "weekdays",
        "send_hour": 5,
        "timezone": "Pacific/Auckland",
        "cap": 7,
        "trending": True,
        "summaries": True,
        "paused_until": None,
        "covered_listing_id": BEYOND_32_BITS,
        "last_due_day": DAY,
        "consent": "v1",
        "reason": "",
        "created_at": THEN,
        "confirmed_at": LATER,
        "ended_at": None,
    },
    "keyword": {"id": 9, "canonical": "graph"},
    "saved_keyword": {"subscriber_id": 41, "position": 0, "keyword_id": 9, "text": "Graphs"},
    "delivery": {
        "id": 77,
        "subscriber_id": 41,
        "kind": "digest",
        "edition": "2026-06-30",
        "state": "sending",
        "priority": 2,
        "papers": [BEYOND_32_BITS],
        "omitted_papers": [2, 3],
        "keywords": [9],
        "is_reclaimed": True,
        "message_id": "<1@example.org>",
        "attempts": 1,
        "next_attempt_at": THEN,
        "owner": "a sender",
        "lease_expires_at": LATER,
        "reply_code": 451,
        "reply": "try again",
        "created_at": THEN,
        "settled_at": None,
    },
    "bounce_record": {
        "id": 3,
        "delivery_id": 77,
        "bounce_class": "ours",
        "status_code": "5.7.1",
        "reason": "against a policy",
        "parser": "dsn",
        "fingerprint": "f1",
        "received_at": LATER,
    },
    "relay_circuit": {
        "relay": "relay:25",
        "opened_at": THEN,
        "last_failure_at": LATER,
        "retry_at": LATER,
        "failure_count": 2,
        "reply_code": 554,
        "reply": "no",
    },
    "shared_token_bucket": {"name": "relay:25", "available_at": LATER},
    "rate_limit_counter": {"key": "a hash", "count": 4, "expires_at": LATER},
}


def run_migrations(engine: Engine, revision: str) -> None:
    move = command.downgrade if revision < (current_revision(engine) or "") else command.upgrade
    with engine.connect().execution_options(writer=True) as connection:
        if engine.dialect.name == "sqlite":  # as `migrate` does: tables are copied, and their parents dropped
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        with connection.begin():
            config = alembic_config()
            config.attributes["connection"] = connection
            move(config, revision)
        if engine.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]


def fill_former_store(engine: Engine, revision: str, *more_rows: dict[str, dict[str, Any]]) -> Engine:
    """Make a store of an earlier schema with a row in every table that 0006 had, and more rows of that schema."""
    run_migrations(engine, "0006")
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        for rows in (ROWS, *more_rows):
            write_rows(connection, rows)
    run_migrations(engine, revision)
    return engine


def current_revision(engine: Engine) -> str | None:
    return schema_versions(engine)[0]


def write_rows(connection: Connection, rows: dict[str, dict[str, Any]]) -> None:
    metadata = MetaData()
    metadata.reflect(connection)
    for table, row in rows.items():
        bind = UtcDateTime().process_bind_param
        values = {k: bind(v, connection.dialect) if isinstance(v, datetime) else v for k, v in row.items()}
        connection.execute(insert(metadata.tables[table]).values(values))


def read_rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """All rows by table, without the full-text index and the version."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {
        name: [
            {k: in_utc(v) if isinstance(v, datetime) else v for k, v in row._mapping.items()}
            for row in connection.execute(select(table))
        ]
        for name, table in metadata.tables.items()
        if name != "alembic_version" and not name.startswith((FULLTEXT_TABLE, "paper_words"))
    }


def in_utc(instant: datetime) -> datetime:
    """An instant as either store returns it."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
