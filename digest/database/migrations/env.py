"""Entry point of Alembic: runs on the connection in the configuration."""

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

from digest.database import models


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Render our column types as plain ones, so that a migration does not change with them."""
    if kind == "type" and isinstance(item, models.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and type(item).__module__ == models.UtcDateTime.__module__:
        return f"sa.{item}()"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the tables of the full-text index, which no model describes."""
    return kind != "table" or not str(name).startswith(models.FULLTEXT_TABLE)


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
