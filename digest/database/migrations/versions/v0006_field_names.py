"""Names of the field

Revision: 0006, after 0005. Tables, columns, indexes and constraints are renamed; every row and every value stays.
"""

import re
from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Names before and after. Columns of tables that keep their names come first.
COLUMNS = {
    "paper": {
        "text_from": "text_source",
        "entered": "first_listing_id",
        "filled_in_at": "text_fetched_at",
        "indexed": "is_indexed",
    },
    "subscriber": {"covered_to": "covered_listing_id", "last_slot": "last_due_day"},
    "delivery": {
        "left_out": "omitted_papers",
        "given_back": "is_reclaimed",
        "lease_until": "lease_expires_at",
    },
    "saved_keyword": {"written": "text"},
    "source_fetch": {"via": "endpoint", "listed": "listed_count", "new": "new_count", "code": "error_code"},
    "http_cache_entry": {"at": "stored_at"},
    "bounce_record": {"verdict": "bounce_class", "status": "status_code"},
    "relay_circuit": {
        "closed_at": "opened_at",
        "tried_at": "last_failure_at",
        "until": "retry_at",
        "tries": "failure_count",
        "code": "reply_code",
    },
    "shared_token_bucket": {"free_at": "available_at"},
    "rate_limit_counter": {"name": "key", "until": "expires_at"},
}
TABLES = {
    "savedkeyword": "saved_keyword",
    "reading": "source_fetch",
    "fetched": "http_cache_entry",
    "evidence": "bounce_record",
    "lane": "relay_circuit",
    "bucket": "shared_token_bucket",
    "allowance": "rate_limit_counter",
}
CONSTRAINTS = {
    "saved_keyword": {
        "pk_savedkeyword": "pk_saved_keyword",
        "fk_savedkeyword_keyword_id_keyword": "fk_saved_keyword_keyword_id_keyword",
        "fk_savedkeyword_subscriber_id_subscriber": "fk_saved_keyword_subscriber_id_subscriber",
        "uq_savedkeyword_subscriber_id_keyword_id": "uq_saved_keyword_subscriber_id_keyword_id",
    },
    "source_fetch": {"pk_reading": "pk_source_fetch", "ck_reading_status_known": "ck_source_fetch_status_known"},
    "http_cache_entry": {"pk_fetched": "pk_http_cache_entry"},
    "bounce_record": {
        "pk_evidence": "pk_bounce_record",
        "ck_evidence_verdict_known": "ck_bounce_record_bounce_class_known",
        "fk_evidence_delivery_id_delivery": "fk_bounce_record_delivery_id_delivery",
        "uq_evidence_fingerprint": "uq_bounce_record_fingerprint",
    },
    "relay_circuit": {"pk_lane": "pk_relay_circuit"},
    "shared_token_bucket": {"pk_bucket": "pk_shared_token_bucket"},
    "rate_limit_counter": {"pk_allowance": "pk_rate_limit_counter"},
}
INDEXES = {
    "ix_paper_entered": "ix_paper_first_listing_id",
    "ix_delivery_owed": "ix_delivery_undelivered",
    "ix_saved_keyword": "ix_saved_keyword_keyword_id",
    "ix_reading_source_day": "ix_source_fetch_source_day",
    "ix_evidence_delivery_id": "ix_bounce_record_delivery_id",
    "ix_allowance_until": "ix_rate_limit_counter_expires_at",
}
FULLTEXT = ("paper_words", "paper_fulltext")
# Only PostgreSQL gives these names of their own.
FULLTEXT_INDEXES = {"ix_paper_words": "ix_paper_fulltext", "paper_words_pkey": "paper_fulltext_pkey"}
SEQUENCES = {"reading_id_seq": "source_fetch_id_seq", "evidence_id_seq": "bounce_record_id_seq"}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement, old, new in _postgresql_renames():
            op.execute(statement.format(old, new))
        return
    for old, new in TABLES.items():
        _copy_sqlite_table(old, new, CONSTRAINTS[new])
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    _rename_sqlite_indexes(INDEXES)
    op.rename_table(*FULLTEXT)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement, old, new in reversed(list(_postgresql_renames())):
            op.execute(statement.format(new, old))
        return
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")
    for old, new in TABLES.items():
        _copy_sqlite_table(new, old, _inverse(CONSTRAINTS[new]))
    _rename_sqlite_indexes(_inverse(INDEXES))
    op.rename_table(*reversed(FULLTEXT))


def _postgresql_renames() -> Iterator[tuple[str, str, str]]:
    """Yield statements with the old and the new name, in an order that can be run backwards."""
    for old, new in [*TABLES.items(), FULLTEXT]:
        yield "ALTER TABLE {0} RENAME TO {1}", old, new
    for kind, renames in [("COLUMN", COLUMNS), ("CONSTRAINT", CONSTRAINTS)]:
        for table, names in renames.items():
            for old, new in names.items():
                yield f"ALTER TABLE {table} RENAME {kind} {{0}} TO {{1}}", old, new
    for old, new in (INDEXES | FULLTEXT_INDEXES).items():
        yield "ALTER INDEX {0} RENAME TO {1}", old, new
    for old, new in SEQUENCES.items():
        yield "ALTER SEQUENCE {0} RENAME TO {1}", old, new


def _copy_sqlite_table(old: str, new: str, constraints: Mapping[str, str]) -> None:
    """Copy a table with its rows and indexes under a new name: SQLite cannot rename constraints."""
    definition, indexes = _sqlite_definitions("table", "name", old)[0], _sqlite_definitions("index", "tbl_name", old)
    definition = re.sub(rf'^CREATE TABLE "?{old}"?', f"CREATE TABLE {new}", definition)
    for before, after in constraints.items():
        definition = re.sub(rf"\bCONSTRAINT {before}\b", f"CONSTRAINT {after}", definition)
    op.get_bind().exec_driver_sql(definition)
    op.execute(f"INSERT INTO {new} SELECT * FROM {old}")
    op.execute(f"DROP TABLE {old}")
    for index in indexes:
        op.get_bind().exec_driver_sql(re.sub(rf'\bON "?{old}"?', f"ON {new}", index))


def _rename_sqlite_indexes(names: Mapping[str, str]) -> None:
    for old, new in names.items():
        definition = _sqlite_definitions("index", "name", old)[0]
        op.execute(f"DROP INDEX {old}")
        op.get_bind().exec_driver_sql(re.sub(rf'\bINDEX "?{old}"?', f"INDEX {new}", definition))


def _sqlite_definitions(kind: str, column: str, name: str) -> list[str]:
    statement = f"SELECT sql FROM sqlite_master WHERE type = :kind AND {column} = :name AND sql IS NOT NULL"
    return list(op.get_bind().scalars(sa.text(statement), {"kind": kind, "name": name}))


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in names.items()}
