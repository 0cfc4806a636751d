"""Compiled SQL, shared by the engines of a test process.

SQLAlchemy compiles a statement once an engine. A service has one engine for its whole life, a test one of its own:
compiling took a quarter of the processor time of a test with a store.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

COMPILED = LRUCache[Any, Any](3000)


def share_compiled_statements() -> None:
    """Let all engines of this process use one cache, whose keys hold the dialect: of one kind and version it is one."""
    DefaultDialect.__eq__ = is_same_dialect  # type: ignore[method-assign, assignment]
    DefaultDialect.__hash__ = hash_dialect  # type: ignore[method-assign, assignment]
    event.listen(Engine, "engine_connect", use_shared_cache)


def is_same_dialect(dialect: DefaultDialect, other: object) -> bool:
    return type(dialect) is type(other) and dialect.server_version_info == getattr(other, "server_version_info", None)


def hash_dialect(dialect: DefaultDialect) -> int:
    return hash(type(dialect))


def use_shared_cache(connection: Connection) -> None:
    connection.execution_options(compiled_cache=COMPILED)
