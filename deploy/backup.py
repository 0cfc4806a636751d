#!/usr/bin/env python3
"""Copy the SQLite store while the service runs: `backup.py DATABASE FOLDER [--keep N]`. Needs Python alone.

A plain `cp` of a store in use can be torn, or miss what still stands in the file beside it (-wal). VACUUM INTO
writes one consistent file; it is checked before it gets its name, and the oldest beyond N are removed after that.
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
    """The new copy in `folder`, named by `now`. Raises sqlite3.Error or OSError, and then leaves nothing behind."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    unchecked = folder / ".unchecked.db"
    unchecked.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True, timeout=60)) as store:
            store.execute("VACUUM INTO ?", (str(unchecked),))
        with closing(sqlite3.connect(unchecked)) as copy:
            if (said := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(f"the copy is damaged: {said}")
        unchecked.chmod(0o600)
        return unchecked.rename(folder / f"digest-{now:%Y%m%dT%H%M%SZ}.db")
    finally:
        unchecked.unlink(missing_ok=True)


def main() -> None:
    """Back up, keep the key that signs the links beside it, clear up."""
    parser = argparse.ArgumentParser(description="Copy the SQLite store while the service runs.")
    parser.add_argument("database", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, default=14, help="how many copies stay (14)")
    asked = parser.parse_args()
    if asked.keep < 1:
        parser.error("--keep must be 1 or more")
    os.umask(0o077)
    try:
        made = back_up(asked.database, asked.folder, datetime.now(UTC))
        if (key := asked.database.parent / "secret.key").exists():
            shutil.copy2(key, asked.folder)
        for old in sorted(asked.folder.glob("digest-*.db"))[: -asked.keep]:
            old.unlink()
    except (sqlite3.Error, OSError) as error:
        sys.exit(f"no backup of {asked.database}: {error}")
    sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
