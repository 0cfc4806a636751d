"""Connections of procrastinate to its tables, which are in a schema of their own."""

from typing import TYPE_CHECKING, Any, Self

from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.sql import SQL, Composable
from sqlalchemy.engine import URL

from digest.database import KEEPALIVE
from digest.jobs.task_tables import SCHEMA

if TYPE_CHECKING:
    from procrastinate import PsycopgConnector

SEARCH_PATH = f"SELECT set_config('search_path', '{SCHEMA}', true); "


class SchemaCursor(AsyncClientCursor[Any]):
    """Cursor that sets the search path of each statement in the transaction of that statement.

    Poolers refuse it as a startup parameter, and in transaction mode they lose what is set for a session. Parameters
    are bound on the client's side, so that both go to the server as one simple query, which is one transaction: a
    worker that is paused holds nothing open.
    """

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Execute the statement; the result is that of the statement alone."""
        prefixed = SQL(SEARCH_PATH) + query if isinstance(query, Composable) else f"{SEARCH_PATH}{query}"
        await super().execute(prefixed, params, **options)
        self.nextset()
        return self


def create_connector(url: URL) -> "PsycopgConnector":
    """Create procrastinate's connection pool, which sees only its own tables.

    Each statement is a transaction by itself. Else a worker that is paused (its machine is moved, say) between taking a
    task and its commit would block whoever defers the next one, for as long as it is paused.
    """
    from procrastinate import PsycopgConnector

    async def set_autocommit(connection: AsyncConnection[Any]) -> None:
        await connection.set_autocommit(True)

    _, arguments = url.get_dialect()().create_connect_args(url)
    arguments = {**arguments, "cursor_factory": SchemaCursor, **KEEPALIVE}
    return PsycopgConnector(min_size=1, max_size=4, kwargs=arguments, configure=set_autocommit)
