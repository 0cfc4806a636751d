"""`python -m digest.database.migrations "what changes"`: write a migration from the models.

Alembic detects tables, columns, keys and indexes. CHECK constraints and the WHERE of a partial index are written by
hand; the tests of the schema fail when one is missing.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine


def write_migration(message: str) -> None:
    """Migrate an empty database in memory, compare it with the models, and write the next revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        revisions = list((Path(__file__).parent / "versions").glob("v[0-9]*.py"))
        command.revision(config, message, autogenerate=True, rev_id=f"{len(revisions) + 1:04}")
    engine.dispose()


if __name__ == "__main__":
    write_migration(" ".join(sys.argv[1:]) or "first")
