"""Alembic's entry: runs on the connection that `db.upgrade` or `python -m digest.database.migrations` hands over."""

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

from digest.database import models
from digest.database.models.papers import FULLTEXT_TABLE


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Column types as the database knows them. A migration stays as written when our own types change."""
    if kind == "type" and isinstance(item, models.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether the models tell of it. The full-text index and what SQLite keeps beside it are each database's own."""
    return kind != "table" or not str(name).startswith(FULLTEXT_TABLE)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=render_item,
    include_name=include_name,
    compare_type=True,
    transactional_ddl=True,
)


context.run_migrations()
