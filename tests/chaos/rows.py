"""Rows of subscribers that nobody can read: everybody else is served, and they are, once the rows are mended."""

import random

from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import quarantined_rows, read_session
from digest.database.models import SavedKeyword, Subscriber
from tests.support.spoiled_rows import spoil

SUBSCRIBER = "UPDATE subscriber SET {} WHERE id = {}"
SAVED_KEYWORD = "UPDATE saved_keyword SET keyword_id = {} WHERE subscriber_id = {}"
ORPHAN = 999_999_999
FAULTS = {"timezone": ("'Mars/Base'", "'UTC'"), "send_hour": ("25", "8"), "cap": ("0", "20"), "keyword_id": ("", "")}
SHARE = 200  # one of so many subscribers, but each kind of fault once


class SpoiledRows:
    """Some subscribers of a store, whose rows are spoiled and mended."""

    def __init__(self, engine: Engine, dice: random.Random) -> None:
        self._engine = engine
        with read_session(engine) as session:
            found = session.exec(
                select(Subscriber.id, Subscriber.email, SavedKeyword.keyword_id)
                .join(SavedKeyword, col(SavedKeyword.subscriber_id) == col(Subscriber.id))
                .order_by(col(Subscriber.id))
            ).all()
        chosen = dice.sample(list(found), max(len(FAULTS), len(found) // SHARE))
        kinds = list(FAULTS)
        self._rows = [
            (int(number or 0), keyword, kinds[n % len(kinds)]) for n, (number, _, keyword) in enumerate(chosen)
        ]
        self.addresses = {email for _, email, _ in chosen}

    def spoil(self) -> None:
        """Spoil a column of each."""
        for number, _, column in self._rows:
            self._set(number, column, FAULTS[column][0] or str(ORPHAN))

    def mend(self) -> None:
        """Put back what was there."""
        for number, keyword, column in self._rows:
            self._set(number, column, FAULTS[column][1] or str(keyword))

    def find_faults(self) -> list[str]:
        """Return what is wrong after a plan: each of these rows is set aside, and nothing else."""
        with read_session(self._engine) as session:
            count = len(quarantined_rows(session))
        return [] if count == len(self._rows) else [f"{count} rows are set aside, {len(self._rows)} were spoiled"]

    def _set(self, number: int, column: str, value: str) -> None:
        if column == "keyword_id":
            spoil(self._engine, SAVED_KEYWORD.format(value, number))
        else:
            spoil(self._engine, SUBSCRIBER.format(f"{column} = {value}", number))
