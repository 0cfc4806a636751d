"""Accounts: weekly on any day, monthly, muted keywords, pictures, changes of address

Revision: 0008, after 0007.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FREQUENCIES = ("daily", "weekdays", "weekly")
KINDS = ("digest", "confirm", "welcome", "already", "goodbye")
NEW_KINDS = ("address-change", "address-changed", "address-restored")
WEEKDAY_CHECK = "weekday BETWEEN 0 AND 6"


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("weekday", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("subscriber", sa.Column("thumbnails", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("saved_keyword", sa.Column("is_muted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("delivery", sa.Column("recipient", sa.String(), nullable=False, server_default=""))
    replace_check("subscriber", "frequency", FREQUENCIES, (*FREQUENCIES, "monthly"))
    replace_check("delivery", "kind", KINDS, (*KINDS, *NEW_KINDS))
    add_weekday_check()


def downgrade() -> None:
    new_kinds = ", ".join(map(repr, NEW_KINDS))
    op.execute(
        f"DELETE FROM bounce_record WHERE delivery_id IN (SELECT id FROM delivery WHERE kind IN ({new_kinds}))"  # noqa: S608
    )
    op.execute(f"DELETE FROM delivery WHERE kind IN ({new_kinds})")  # noqa: S608
    op.execute("UPDATE subscriber SET frequency = 'weekly' WHERE frequency = 'monthly'")
    # Muted keywords would bring papers again.
    op.execute("DELETE FROM saved_keyword WHERE is_muted")
    drop_weekday_check()
    replace_check("delivery", "kind", (*KINDS, *NEW_KINDS), KINDS)
    replace_check("subscriber", "frequency", (*FREQUENCIES, "monthly"), FREQUENCIES)
    op.drop_column("delivery", "recipient")
    op.drop_column("saved_keyword", "is_muted")
    op.drop_column("subscriber", "thumbnails")
    op.drop_column("subscriber", "weekday")


def replace_check(table: str, column: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Let a column have other values."""
    name = f"ck_{table}_{column}_known"
    old, new = (f"{column} IN ({', '.join(map(repr, values))})" for values in (before, after))
    if op.get_bind().dialect.name == "sqlite":
        rewrite_sqlite_table(table, old, new)
        return
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, sa.text(new))


def add_weekday_check() -> None:
    if op.get_bind().dialect.name == "sqlite":
        rewrite_sqlite_table(
            "subscriber",
            "CONSTRAINT ck_subscriber_frequency_known",
            f"CONSTRAINT ck_subscriber_weekday_known CHECK ({WEEKDAY_CHECK}), \n\tCONSTRAINT ck_subscriber_frequency_known",
        )
        return
    op.create_check_constraint(op.f("ck_subscriber_weekday_known"), "subscriber", sa.text(WEEKDAY_CHECK))


def drop_weekday_check() -> None:
    if op.get_bind().dialect.name == "sqlite":
        check = f"CONSTRAINT ck_subscriber_weekday_known CHECK ({WEEKDAY_CHECK}), \n\t"
        rewrite_sqlite_table("subscriber", check, "")
        return
    op.drop_constraint(op.f("ck_subscriber_weekday_known"), "subscriber", type_="check")


def rewrite_sqlite_table(table: str, before: str, after: str) -> None:
    """Copy a table, with rows and indexes, to an edited definition: SQLite cannot alter a CHECK.

    As Alembic's batch mode would, but it leaves AUTOINCREMENT and partial indexes as they are.
    """
    connection = op.get_bind()
    definitions = sa.text("SELECT sql FROM sqlite_master WHERE type = :kind AND tbl_name = :table AND sql IS NOT NULL")
    definition = connection.scalars(definitions, {"kind": "table", "table": table}).one()
    indexes = connection.scalars(definitions, {"kind": "index", "table": table}).all()
    if before not in definition:
        raise RuntimeError(f"the table {table} is not that of the schema before: it lacks {before!r}")
    edited = definition.replace(before, after, 1)
    connection.exec_driver_sql(re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_copy", edited))
    op.execute(f"INSERT INTO {table}_copy SELECT * FROM {table}")  # noqa: S608
    op.execute(f"DROP TABLE {table}")
    op.execute(f"ALTER TABLE {table}_copy RENAME TO {table}")
    for index in indexes:
        connection.exec_driver_sql(index)
