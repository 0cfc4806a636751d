"""Rows as a damaged file, a slip of the operator or an older version may leave them."""

from sqlalchemy import Engine, text


def spoil(engine: Engine, statement: str) -> None:
    """Run a statement that no constraint stops."""
    with engine.connect().execution_options(writer=True) as connection:
        if engine.dialect.name == "sqlite":
            driver_connection = connection.connection.driver_connection
            assert driver_connection is not None
            driver_connection.execute("PRAGMA foreign_keys=OFF")
            driver_connection.execute("PRAGMA ignore_check_constraints=ON")
            try:
                driver_connection.execute(statement)
            finally:
                driver_connection.execute("PRAGMA ignore_check_constraints=OFF")
                driver_connection.execute("PRAGMA foreign_keys=ON")
        else:
            with connection.begin():
                connection.execute(text("SET LOCAL session_replication_role = replica"))
                connection.exec_driver_sql(statement)
