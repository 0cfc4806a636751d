"""Many rows in one turn.

The driver of SQLite lets go of the interpreter for every row and has to get it back, from threads that are at work.
There all rows come as one value, which is made while the others work.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Select, func, select

from digest.db.dialects import is_postgresql


class RowQuery:
    """A statement for many rows. Make it once: that costs more than a few rows do."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        columns = statement.subquery().columns
        self._types = [(place, each.type) for place, each in enumerate(columns) if not isinstance(each.type, JSON)]
        values = [func.json(each) if isinstance(each.type, JSON) else each for each in columns]
        self._json_statement = select(func.json_group_array(func.json_array(*values)))

    def fetch_all(self, connection: Connection, **parameters: object) -> Sequence[Sequence[Any]]:
        """All rows, in the order of the statement, with values as its columns have them."""
        if is_postgresql(connection):
            return connection.execute(self._statement, parameters).fetchall()
        made: list[list[Any]] = json.loads(connection.execute(self._json_statement, parameters).scalar_one())
        for place, kind in self._types:
            if read := kind.dialect_impl(connection.dialect).result_processor(connection.dialect, None):
                for row in made:
                    row[place] = read(row[place])
        return made
