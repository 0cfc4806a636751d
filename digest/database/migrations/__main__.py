"""`python -m digest.database.migrations "what changes"`: write a migration from the models.

Alembic sees tables, columns, keys and indexes. CHECKs and the WHERE of an index are for you to write; the test of
the schema tells when one is missing.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine


def write_migration(message: str) -> None:
    """Play the history on an empty database in memory, compare with the models, write the next file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        known = list((Path(__file__).parent / "versions").glob("v[0-9]*.py"))
        command.revision(config, message, autogenerate=True, rev_id=f"{len(known) + 1:04}")
    engine.dispose()


if __name__ == "__main__":
    write_migration(" ".join(sys.argv[1:]) or "first")
