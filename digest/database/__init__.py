"""The store: engines, sessions, locks, tables and migrations, on SQLite and PostgreSQL.

SQLite runs in WAL mode, fully durable, with one writer at a time; PostgreSQL through psycopg 3. The packages above
speak SQLModel or SQLAlchemy Core and do not know which of the two it is.

- `api_tokens`: tokens of the operator's API
- `copy`: copy of a store to another database
- `dialects`: differences between SQLite and PostgreSQL in the statements that both run
- `engine`: engines, sessions, and the errors of a store that cannot be used
- `locks`: locks between processes
- `messages`: sentences about what cannot be used
- `migrations`: history of the schema
- `models`: tables and the types of their columns
- `operator_log`: record of what operators did
- `quarantine`: rows that cannot be read, set aside
- `row_actions`: what an operator may do about a row that was set aside
- `rows`: many rows at once: pages by a cursor, and updates by key
- `schema`: version of the schema, and how to migrate it
- `send_mark`: mark beside an SQLite file, by which a store that has gone back is recognized
- `sqlite`: SQLite files: how one is created and opened, and how a damaged one is recognized
"""

from digest.database import models
from digest.database.api_tokens import (
    TokenState,
    create_token,
    find_token,
    hash_token,
    is_use_recorded,
    list_tokens,
    record_use,
    revoke_token,
    token_state,
)
from digest.database.copy import copy_store, open_existing
from digest.database.dialects import array_value, insert, is_in_parameter, is_in_values, is_postgresql
from digest.database.engine import KEEPALIVE, WriteConnection, connect, read_session, write_session
from digest.database.locks import (
    ACRONYM_LOCK,
    LISTING_LOCK,
    RELAY_LOCK,
    SCHEMA_LOCK,
    SENDER_LOCK,
    TERM_LOCK,
    acquire_lock,
    dead_owners,
    exclusive_lock,
    liveness_lock,
)
from digest.database.messages import KEYWORD_MISSING, invalid_column
from digest.database.operator_log import ActionUndoneError, find_action, list_actions, mark_undone, record_action
from digest.database.quarantine import (
    MAX_POSITION,
    InvalidRow,
    count_quarantined,
    create_invalid_row,
    find_row_error,
    find_subscriber_error,
    quarantine_rows,
    quarantined_rows,
    release_readable,
    release_row,
    select_readable,
)
from digest.database.row_actions import UNDOABLE_ROW_ACTIONS, resolve_row, retry_row, undo_row_action
from digest.database.rows import latest_rows, update_rows
from digest.database.schema import ensure_schema, migrate, schema_versions
from digest.database.send_mark import SendMark, check_mark, count_batch, ensure_mark, read_mark, renew_mark, write_mark
from digest.database.sqlite import check_integrity, check_sqlite_version, create_private_folder

__all__ = [
    "ACRONYM_LOCK",
    "KEEPALIVE",
    "KEYWORD_MISSING",
    "LISTING_LOCK",
    "MAX_POSITION",
    "RELAY_LOCK",
    "SCHEMA_LOCK",
    "SENDER_LOCK",
    "TERM_LOCK",
    "UNDOABLE_ROW_ACTIONS",
    "ActionUndoneError",
    "InvalidRow",
    "SendMark",
    "TokenState",
    "WriteConnection",
    "acquire_lock",
    "array_value",
    "check_integrity",
    "check_mark",
    "check_sqlite_version",
    "connect",
    "copy_store",
    "count_batch",
    "count_quarantined",
    "create_invalid_row",
    "create_private_folder",
    "create_token",
    "dead_owners",
    "ensure_mark",
    "ensure_schema",
    "exclusive_lock",
    "find_action",
    "find_row_error",
    "find_subscriber_error",
    "find_token",
    "hash_token",
    "insert",
    "invalid_column",
    "is_in_parameter",
    "is_in_values",
    "is_postgresql",
    "is_use_recorded",
    "latest_rows",
    "list_actions",
    "list_tokens",
    "liveness_lock",
    "mark_undone",
    "migrate",
    "models",
    "open_existing",
    "quarantine_rows",
    "quarantined_rows",
    "read_mark",
    "read_session",
    "record_action",
    "record_use",
    "release_readable",
    "release_row",
    "renew_mark",
    "resolve_row",
    "retry_row",
    "revoke_token",
    "schema_versions",
    "select_readable",
    "token_state",
    "undo_row_action",
    "update_rows",
    "write_mark",
    "write_session",
]
