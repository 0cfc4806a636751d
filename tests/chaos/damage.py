"""Pages of an SQLite file that are overwritten, and put back as from a backup of that moment."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

PAGES = 3  # at a time


def overwrite_pages(file: Path, dice: random.Random) -> dict[int, bytes]:
    """Overwrite some pages and return what was in them, by offset. Nothing when the file is not all there is.

    Nobody may have the file open. What is still in the write-ahead log would cover the damage, so it goes into the
    file first; a disk that is full may be in the way of that.
    """
    try:
        with closing(sqlite3.connect(file)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            size = int(connection.execute("PRAGMA page_size").fetchone()[0])
            pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
            free = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
    except sqlite3.OperationalError:
        return {}
    if busy or free * 2 > pages:
        return {}
    before: dict[int, bytes] = {}
    with file.open("r+b") as opened:
        for page in dice.sample(range(1, pages), min(PAGES, pages - 1)):
            opened.seek(page * size)
            before[page * size] = opened.read(size)
            opened.seek(page * size)
            opened.write(dice.randbytes(size))
    return before


def restore_pages(file: Path, before: dict[int, bytes]) -> None:
    """Put back what was overwritten."""
    with file.open("r+b") as opened:
        for offset, content in before.items():
            opened.seek(offset)
            opened.write(content)
