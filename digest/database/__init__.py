"""The door to the database: one engine, two kinds of session, locks, and the schema's version.

SQLite runs in WAL, fully durable, with one writer at a time; PostgreSQL through psycopg 3. Everything above speaks
SQLModel or SQLAlchemy Core and does not know which of the two it is.

    engine.py    connect, reading, writing, and what to say when the database does not answer
    dialects.py  where SQLite and PostgreSQL want other words
    rows.py      many rows in one turn
    locks.py     who may do what alone, and who still lives
    schema.py    the version of the tables
"""

from digest.database.copy import copy_store, open_existing
from digest.database.dialects import RowQuery, array_value, insert, is_in_parameter, is_in_values, is_postgresql
from digest.database.engine import KEEPALIVE, WriteConnection, connect, read_session, write_session
from digest.database.locks import (
    LISTING_LOCK,
    RELAY_LOCK,
    SCHEMA_LOCK,
    SENDER_LOCK,
    acquire_lock,
    dead_owners,
    exclusive_lock,
    liveness_lock,
)
from digest.database.schema import ensure_schema, migrate, schema_versions

__all__ = [
    "KEEPALIVE",
    "LISTING_LOCK",
    "RELAY_LOCK",
    "SCHEMA_LOCK",
    "SENDER_LOCK",
    "RowQuery",
    "WriteConnection",
    "acquire_lock",
    "array_value",
    "connect",
    "copy_store",
    "dead_owners",
    "ensure_schema",
    "exclusive_lock",
    "insert",
    "is_in_parameter",
    "is_in_values",
    "is_postgresql",
    "liveness_lock",
    "migrate",
    "open_existing",
    "read_session",
    "schema_versions",
    "write_session",
]
