"""Sentences about databases that cannot be used, rows, tokens and actions of operators."""

from collections.abc import Sequence

CONNECTION_ENDED = "it has ended the connection"

# Why a row is skipped, by the names of its columns.
TIMEZONE_UNKNOWN = "there is no such time zone"
HOUR_INVALID = "send_hour is not an hour of the day"
FREQUENCY_UNKNOWN = "there is no such frequency"
WEEKDAY_INVALID = "weekday is not a day of the week"
CAP_INVALID = "cap is not a number of papers"
VALIDATOR_INVALID = "url, etag or last_modified cannot be sent in a request"
KEYWORD_MISSING = "its keyword is missing"

NAME_NOT_VALID = "Name a token by up to 60 letters, digits, spaces, dots, hyphens or underscores."
NO_SCOPE = "Give a token at least one scope."
EXPIRES_TOO_EARLY = "The token would have expired before its first use. Choose a later instant."
ROW_HAS_GONE_ON = "The row has gone on since then, so this cannot be undone."


def store_paused(store: str, reason: str) -> str:
    return f"DIGEST_DATABASE_URL {store} cannot be used: {reason}; was this process, or its machine, paused?"


def store_failed(store: str, reason: str) -> str:
    return (
        f"DIGEST_DATABASE_URL {store} cannot be used: {reason}; check that it is a digest database and writable by "
        "this user"
    )


def file_failed(store: str, reason: str) -> str:
    return (
        f"DIGEST_DATABASE_URL {store} cannot be used: {reason}; check that the file and its folder are writable and "
        "not locked by another program"
    )


def server_failed(store: str, reason: str) -> str:
    return (
        f"DIGEST_DATABASE_URL {store} cannot be used: {reason}; check that the server is running and the address is "
        "correct"
    )


def database_file_invalid(store: str, reason: str) -> str:
    return (
        f"DIGEST_DATABASE_URL {store} cannot be used: {reason}; the file is damaged: stop digest and restore the "
        "backup (docs/backup.md)"
    )


def no_folder(path: str, reason: str) -> str:
    return f"DIGEST_DATABASE_URL: no folder can be made for {path}: {reason}"


def no_lock_file(path: str, reason: str) -> str:
    return f"DIGEST_DATABASE_URL: {path} cannot be made beside the database: {reason}"


def old_sqlite(version: str, needed: str) -> str:
    return (
        f"the SQLite library of this Python is {version}, needed is {needed} or newer; use a Python that brings a "
        "newer one (python.org, uv, the container image), or PostgreSQL in DIGEST_DATABASE_URL"
    )


def session_lost(reason: str) -> str:
    return f"The database server has ended this process's session, so others take over its work: {reason}"


def foreign_tables(store: str, names: Sequence[str]) -> str:
    return f"DIGEST_DATABASE_URL {store} holds tables that are not ours ({', '.join(names)}); name an empty database"


def no_version(store: str) -> str:
    return f"DIGEST_DATABASE_URL {store} holds tables but no version; restore a backup"


def newer_schema(store: str, current: str, known: str) -> str:
    return (
        f"DIGEST_DATABASE_URL {store} was written by a newer version of digest (schema {current}, this one knows "
        f"{known}); install that version, or restore a backup from before"
    )


def old_schema(current: str, needed: str) -> str:
    return f"the database is at schema {current}, this program needs {needed}; run: digest migrate"


def orphaned_rows(count: int) -> str:
    return f"the migration would leave {count} rows without their parent; nothing was changed"


def store_went_back(path: str, batch: int, delivery: int, written_at: str, *, store_batch: int) -> str:
    return (
        f"{path} says that e-mails were sent of which this database knows nothing (batch {batch}, up to delivery "
        f"{delivery}, at {written_at}; the database is at batch {store_batch}): it was restored from a backup, or has "
        "lost its -wal file. Sources are read and pages work, but nothing is planned or sent until: digest database "
        "resume --assume-sent (nothing comes twice) or --send-again (nothing is lost)"
    )


def mark_not_readable(path: str, error: str) -> str:
    return f"{path} cannot be read: {error}; restore it, or remove it if nothing can be sent twice"


def mark_not_written(path: str, reason: str) -> str:
    return f"{path} cannot be written, and nothing is sent without it: {reason}"


def no_file(path: str) -> str:
    return f"there is no file {path}"


def not_a_store(store: str) -> str:
    return f"{store} holds no store of digest"


def copy_of_old_schema(store: str, current: str, needed: str) -> str:
    return (
        f"{store} is at schema {current}, this program needs {needed}; first, with it in DIGEST_DATABASE_URL: digest "
        "migrate"
    )


def copy_in_use(store: str) -> str:
    return f"{store} is in use. Stop digest first, so that nothing is missed."


def copy_not_empty(store: str, table: str) -> str:
    return f"{store} is not empty: there are rows in {table}"


def changed_while_copied(store: str) -> str:
    return f"{store} was changed during the copy. Stop digest and try again."


def row_not_copied(table: str, column: str) -> str:
    return f"{table}: {column} of a row cannot be read; repair it first (see: digest quarantine list)"


def row_refused(store: str, table: str, reason: str) -> str:
    return f"{store} does not take a row of {table}: {reason}"


def copy_incomplete(table: str) -> str:
    return f"{table}: the copy has another number of rows; nothing was moved"


def copy_differs(table: str, key: str, column: str) -> str:
    return f"{table}, {key}: {column} differs in the copy; nothing was moved"


def row_not_readable(row: str, table: str, fault: str) -> str:
    return f"Row {row} of {table} still cannot be read: {fault}."


def unknown_row(number: int) -> str:
    return f"There is no row {number} in the quarantine."


def action_undone(action_id: int) -> str:
    return f"Action {action_id} is already undone."


def duplicate_token_name(name: str) -> str:
    return f"There is a token {name!r} already. Revoke it first, or choose another name."


def unknown_token(name: str) -> str:
    return f"There is no token {name!r} to revoke. To list them: digest tokens list"


def invalid_column(column: str) -> str:
    return f"{column} cannot be read"


def column_missing(column: str) -> str:
    return f"{column} is missing"


def position_invalid(position: int) -> str:
    return f"{position} is not a position"
