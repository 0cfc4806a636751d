"""The door to the database: one engine, two kinds of session, locks, and the schema's version.

SQLite runs in WAL, fully durable, with one writer at a time; PostgreSQL through psycopg 3. Everything above speaks
SQLModel or SQLAlchemy Core and does not know which of the two it is.

    engine.py    connect, reading, writing, and what to say when the database does not answer
    dialects.py  where SQLite and PostgreSQL want other words
    rows.py      many rows in one turn
    locks.py     who may do what alone, and who still lives
    schema.py    the version of the tables
"""

from digest.db.dialects import among, insert, on_server, packed, within
from digest.db.engine import KEEPALIVE, PRAGMAS, Changes, connect, reading, shown, told, unusable, writing
from digest.db.locks import LISTING_LOCK, RELAY_LOCK, SCHEMA_LOCK, SENDER_LOCK, alone, gone, hold, present
from digest.db.rows import Rows
from digest.db.schema import history, ready, upgrade, versions

__all__ = [
    "KEEPALIVE",
    "LISTING_LOCK",
    "PRAGMAS",
    "RELAY_LOCK",
    "SCHEMA_LOCK",
    "SENDER_LOCK",
    "Changes",
    "Rows",
    "alone",
    "among",
    "connect",
    "gone",
    "history",
    "hold",
    "insert",
    "on_server",
    "packed",
    "present",
    "reading",
    "ready",
    "shown",
    "told",
    "unusable",
    "upgrade",
    "versions",
    "within",
    "writing",
]
