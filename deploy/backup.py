#!/usr/bin/env python3
"""Copy the SQLite store while the service runs: `backup.py DATABASE FOLDER [--keep N]`. Needs Python alone.

A plain `cp` of a database in use can be torn, or miss what is still in the write-ahead log beside it (-wal). VACUUM
INTO writes one consistent file; it is checked before it gets its name, and the oldest beyond N are deleted after that.
"""

import argparse
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path


def back_up(database: Path, folder: Path, now: datetime) -> Path:
    """Write a new copy into `folder`, named by `now`. Raises sqlite3.Error or OSError, and leaves nothing behind."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    unchecked = folder / ".unchecked.db"
    unchecked.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True, timeout=60)) as connection:
            connection.execute("VACUUM INTO ?", (str(unchecked),))
        with closing(sqlite3.connect(unchecked)) as copy:
            if (result := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(f"the copy is damaged: {result}")
        unchecked.chmod(0o600)
        return unchecked.rename(folder / f"digest-{now:%Y%m%dT%H%M%SZ}.db")
    finally:
        unchecked.unlink(missing_ok=True)


def main() -> None:
    """Back up the database, copy the key that signs links, and delete old copies."""
    parser = argparse.ArgumentParser(description="Copy the SQLite store while the service runs.")
    parser.add_argument("database", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, default=14, help="how many copies to keep (14)")
    arguments = parser.parse_args()
    if arguments.keep < 1:
        parser.error("--keep must be 1 or more")
    os.umask(0o077)
    try:
        copy = back_up(arguments.database, arguments.folder, datetime.now(UTC))
        if (key := arguments.database.parent / "secret.key").exists():
            shutil.copy2(key, arguments.folder)
        for old in sorted(arguments.folder.glob("digest-*.db"))[: -arguments.keep]:
            old.unlink()
    except (sqlite3.Error, OSError) as error:
        sys.exit(f"no backup of {arguments.database}: {error}")
    sys.stdout.write(f"{copy}\n")


if __name__ == "__main__":
    main()
