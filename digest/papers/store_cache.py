"""Cache of what is derived from a store and read by every request."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlmodel import Session

Value = TypeVar("Value")


class StoreCache(Generic[Value]):
    """One value for each engine, loaded again when the version of its rows has changed."""

    def __init__(self) -> None:
        self._values: WeakKeyDictionary[Engine, tuple[Hashable, Value]] = WeakKeyDictionary()

    def get(self, session: Session, version: Hashable, load: Callable[[], Value]) -> Value:
        """Return the value of this version."""
        engine = session.get_bind().engine
        cached = self._values.get(engine)
        if cached is None or cached[0] != version:
            cached = self._values[engine] = version, load()
        return cached[1]
