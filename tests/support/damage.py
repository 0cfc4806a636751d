"""Damage to SQLite files, as a failing disk does it."""

import sqlite3
from contextlib import closing
from pathlib import Path


def damage_table(database: Path, table: str) -> None:
    """Overwrite the first page of a table, in a file that is closed. The schema stays whole, so the file opens."""
    with closing(sqlite3.connect(database)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
