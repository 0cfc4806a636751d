"""The door to the database: one engine, two kinds of session, locks, and the schema's version.

SQLite runs in WAL, fully durable, with one writer at a time; PostgreSQL through psycopg 3. Everything above speaks
SQLModel or SQLAlchemy Core and does not know which of the two it is.

    engine.py    connect, reading, writing, and what to say when the database does not answer
    dialects.py  where SQLite and PostgreSQL want other words
    rows.py      many rows in one turn
    locks.py     who may do what alone, and who still lives
    schema.py    the version of the tables
"""

from digest.db.dialects import array_value, insert, is_in_parameter, is_in_values, is_postgresql
from digest.db.engine import (
    KEEPALIVE,
    PRAGMAS,
    WriteConnection,
    connect,
    describe_error,
    read_session,
    redact_url,
    wrap_store_errors,
    write_session,
)
from digest.db.locks import (
    LISTING_LOCK,
    RELAY_LOCK,
    SCHEMA_LOCK,
    SENDER_LOCK,
    acquire_lock,
    dead_owners,
    exclusive_lock,
    liveness_lock,
)
from digest.db.rows import RowQuery
from digest.db.schema import alembic_config, ensure_schema, migrate, schema_versions

__all__ = [
    "KEEPALIVE",
    "LISTING_LOCK",
    "PRAGMAS",
    "RELAY_LOCK",
    "SCHEMA_LOCK",
    "SENDER_LOCK",
    "WriteConnection",
    "RowQuery",
    "exclusive_lock",
    "is_in_values",
    "connect",
    "dead_owners",
    "alembic_config",
    "acquire_lock",
    "insert",
    "is_postgresql",
    "array_value",
    "liveness_lock",
    "read_session",
    "ensure_schema",
    "redact_url",
    "wrap_store_errors",
    "describe_error",
    "migrate",
    "schema_versions",
    "is_in_parameter",
    "write_session",
]
