"""The upgrade from schema 0005, which renames tables and columns: every row of every table keeps its values."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, MetaData, insert, inspect, select, text

from digest.database import migrate, schema_versions, write_session
from digest.database.models import FetchStatus, SourceFetch, UtcDateTime
from digest.database.models.papers import FULLTEXT_TABLE
from digest.database.schema import alembic_config
from tests.conftest import Connect

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
# What schema 0005 called them: the table (None: the same) and its columns.
FORMER_NAMES: dict[str, tuple[str | None, dict[str, str]]] = {
    "paper": (
        None,
        {
            "text_source": "text_from",
            "first_listing_id": "entered",
            "text_fetched_at": "filled_in_at",
            "is_indexed": "indexed",
        },
    ),
    "subscriber": (None, {"covered_listing_id": "covered_to", "last_due_day": "last_slot"}),
    "delivery": (
        None,
        {"omitted_papers": "left_out", "is_reclaimed": "given_back", "lease_expires_at": "lease_until"},
    ),
    "saved_keyword": ("savedkeyword", {"text": "written"}),
    "source_fetch": (
        "reading",
        {"endpoint": "via", "listed_count": "listed", "new_count": "new", "error_code": "code"},
    ),
    "http_cache_entry": ("fetched", {"stored_at": "at"}),
    "bounce_record": ("evidence", {"bounce_class": "verdict", "status_code": "status"}),
    "relay_circuit": (
        "lane",
        {
            "opened_at": "closed_at",
            "last_failure_at": "tried_at",
            "retry_at": "until",
            "failure_count": "tries",
            "reply_code": "code",
        },
    ),
    "shared_token_bucket": ("bucket", {"available_at": "free_at"}),
    "rate_limit_counter": ("allowance", {"key": "name", "expires_at": "until"}),
}


def former_rows() -> dict[str, dict[str, Any]]:
    """The rows under the names of schema 0005."""
    found = {}
    for table, row in ROWS.items():
        former_table, columns = FORMER_NAMES.get(table, (None, {}))
        found[former_table or table] = {columns.get(name, name): value for name, value in row.items()}
    return found


def run_migrations(engine: Engine, revision: str) -> None:
    move = command.downgrade if revision < "0006" and current_revision(engine) else command.upgrade
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        config = alembic_config()
        config.attributes["connection"] = connection
        move(config, revision)


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
    result = UtcDateTime().process_result_value
    return {
        name: [
            {k: result(v, connection.dialect) if isinstance(v, datetime) else v for k, v in row._mapping.items()}
            for row in connection.execute(select(table))
        ]
        for name, table in metadata.tables.items()
        if name != "alembic_version" and not name.startswith((FULLTEXT_TABLE, "paper_words"))
    }


@pytest.fixture
def former_store(empty_url: str, connect: Connect) -> Engine:
    """A store of schema 0005 with a row in every table, and with an entry in the full-text index."""
    engine = connect(empty_url)
    run_migrations(engine, "0005")
    with engine.connect().execution_options(writer=True) as connection, connection.begin():
        write_rows(connection, former_rows())
        if engine.dialect.name == "postgresql":
            connection.execute(text("INSERT INTO paper_words VALUES (1024, array_to_tsvector(ARRAY['graph']))"))
        else:
            connection.execute(text("INSERT INTO paper_words (rowid, words) VALUES (1024, 'graph')"))
    return engine


def test_every_table_of_the_former_schema_has_a_row_in_this_test(former_store: Engine) -> None:
    with former_store.connect() as connection:
        assert {name: len(rows) for name, rows in read_rows(connection).items()} == dict.fromkeys(former_rows(), 1)


def test_every_row_keeps_its_values_under_the_new_names(former_store: Engine) -> None:
    migrate(former_store)
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in ROWS.items()}


def test_the_full_text_index_keeps_its_entries(former_store: Engine) -> None:
    migrate(former_store)
    condition = "words @@ 'graph'" if former_store.dialect.name == "postgresql" else f"{FULLTEXT_TABLE} MATCH 'graph'"
    column = "paper_id" if former_store.dialect.name == "postgresql" else "rowid"
    with former_store.connect() as connection:
        found = connection.execute(text(f"SELECT {column} FROM {FULLTEXT_TABLE} WHERE {condition}")).scalars()
        assert list(found) == [1024]


def test_new_rows_get_numbers_after_the_upgrade(former_store: Engine) -> None:
    migrate(former_store)
    with write_session(former_store) as session:
        fetch = SourceFetch(source="arxiv", list_day=DAY, started_at=LATER, seconds=1, status=FetchStatus.OK)
        session.add(fetch)
        session.flush()
        assert fetch.id


def test_no_former_name_is_left(former_store: Engine) -> None:
    migrate(former_store)
    catalog = inspect(former_store)
    former = [name for name, _ in FORMER_NAMES.values() if name] + ["paper_words"]
    names = set(catalog.get_table_names())
    for table in list(names):
        keys: list[Any] = [catalog.get_pk_constraint(table), *catalog.get_unique_constraints(table)]
        keys += [*catalog.get_indexes(table), *catalog.get_foreign_keys(table), *catalog.get_check_constraints(table)]
        names |= {str(key["name"]) for key in keys}
    assert [name for name in names if re.match(rf"((pk|uq|fk|ck|ix)_)?({'|'.join(former)})(_|$)", name)] == []


def test_the_upgrade_can_be_undone_and_done_again(former_store: Engine) -> None:
    migrate(former_store)
    run_migrations(former_store, "0005")
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in former_rows().items()}
    migrate(former_store)
    with former_store.connect() as connection:
        assert read_rows(connection) == {table: [row] for table, row in ROWS.items()}
