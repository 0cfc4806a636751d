"""Queued deliveries that nobody can read: each waits alone until it is mended, everybody else is served."""

import random
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from digest.database import is_postgresql, quarantined_rows, read_session
from digest.database.models import Delivery
from digest.errors import StoreError
from tests.support.spoiled_rows import spoil

ORPHAN = 999_000_000  # and more: no subscriber has these numbers
FAULTS = {"papers": "null", "omitted_papers": '"all"', "keywords": '["robot"]', "subscriber_id": str(ORPHAN)}
SQLITE_FAULTS = {"papers": "no JSON", "created_at": "yesterday"}  # a server would refuse these
SHARE = 200  # one of so many deliveries before they are sent, but each kind of fault once
QUEUED = "SELECT id, subscriber_id, {} FROM delivery WHERE state = 'queued' AND id >= {} ORDER BY id LIMIT 1"


@dataclass(frozen=True, slots=True)
class SpoiledColumn:
    """Column of a delivery, as text: what was in it and what is to be in it."""

    column: str
    before: str
    after: str
    subscriber_id: int


class SpoiledDeliveries:
    """Deliveries of a store that are spoiled while they are queued, before they are sent and meanwhile, and mended."""

    def __init__(self, engine: Engine, dice: random.Random) -> None:
        self._engine, self._dice = engine, dice
        self._kinds = [*FAULTS.items(), *(() if is_postgresql(engine) else SQLITE_FAULTS.items())]
        self._tried: dict[int, SpoiledColumn] = {}
        with read_session(engine) as session:
            numbers = session.execute(text("SELECT min(id), max(id), count(*) FROM delivery")).one()
        self._first, self._last, self._total = (int(number or 0) for number in numbers)

    def spoil_some(self) -> None:
        """Spoil a share of all."""
        for _ in range(max(len(self._kinds), self._total // SHARE)):
            self.spoil_one()

    def spoil_one(self) -> None:
        """Spoil one, if it is still queued by then and the store can be asked."""
        column, fault = self._kinds[len(self._tried) % len(self._kinds)]
        with suppress(StoreError, SQLAlchemyError, sqlite3.Error):
            query = QUEUED.format(f"CAST({column} AS TEXT)", self._dice.randint(self._first, self._last))
            with read_session(self._engine) as session:
                found = session.execute(text(query)).first()
            if found is None or found[0] in self._tried:
                return
            number, subscriber_id, before = found
            after = str(ORPHAN + number) if column == "subscriber_id" else fault
            self._tried[number] = SpoiledColumn(column, before, after, subscriber_id)
            spoil(self._engine, f"UPDATE delivery SET {column} = '{after}' WHERE id = {number} AND state = 'queued'")

    def find(self) -> dict[int, SpoiledColumn]:
        """Return those that are spoiled: a sender may have been quicker."""
        found = {}
        with read_session(self._engine) as session:
            for number, spoiled in self._tried.items():
                query = text(f"SELECT CAST({spoiled.column} AS TEXT) FROM delivery WHERE id = {number}")
                if session.execute(query).scalar() == spoiled.after:
                    found[number] = spoiled
        return found

    def orphaned_subscribers(self) -> set[int]:
        """Return the subscribers whose delivery is nobody's."""
        return {spoiled.subscriber_id for spoiled in self.find().values() if spoiled.column == "subscriber_id"}

    def find_faults(self) -> list[str]:
        """Return what is wrong when all others are served: each of these is set aside, and no other."""
        with read_session(self._engine) as session:
            rows = quarantined_rows(session)
        quarantined = {int(row.row_id) for row in rows if row.table_name == Delivery.__tablename__}
        spoiled: dict[int, Any] = self.find()
        faults = [f"delivery {number} is spoiled, and not set aside" for number in spoiled.keys() - quarantined]
        return faults + [f"delivery {number} is set aside, and not spoiled" for number in quarantined - spoiled.keys()]

    def mend(self) -> None:
        """Put back what was there."""
        for number, spoiled in self.find().items():
            spoil(self._engine, f"UPDATE delivery SET {spoiled.column} = '{spoiled.before}' WHERE id = {number}")
