"""Isolation: what was set aside, and what else keeps one fault from harming more than itself

Revision: 0007, after 0006. One function a change, called from `upgrade` and undone in reverse by `downgrade`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


# Their ids stand in links, or tell what is new; see `never_reuse_ids`.
TABLES_WITH_LASTING_IDS = ("paper", "listing", "subscriber", "keyword", "delivery")


def upgrade() -> None:
    create_quarantine()
    create_suppression_entry()
    record_completeness()
    add_pace()
    never_reuse_ids()  # last: an ALTER that copies a table would lose AUTOINCREMENT


def downgrade() -> None:
    reuse_ids()
    op.drop_column("shared_token_bucket", "pace")
    forget_completeness()
    op.drop_table("suppression_entry")
    op.drop_table("quarantine")


def create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("row_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("table_name", "row_id", name=op.f("uq_quarantine_table_name_row_id")),
    )


def create_suppression_entry() -> None:
    op.create_table(
        "suppression_entry",
        sa.Column("address_hash", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_suppression_entry")),
    )


def never_reuse_ids() -> None:
    """Make SQLite give no id again after its row is deleted, as sequences of PostgreSQL do."""
    _rewrite_sqlite_tables(
        lambda table, sql: re.sub(
            rf",\s*CONSTRAINT pk_{table} PRIMARY KEY \(id\)",
            "",
            re.sub(r"\bid INTEGER NOT NULL", "id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", sql, count=1),
        )
    )


def reuse_ids() -> None:
    _rewrite_sqlite_tables(
        lambda table, sql: re.sub(
            r"\)\s*$",
            f", \n\tCONSTRAINT pk_{table} PRIMARY KEY (id)\n)",
            sql.replace("id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "id INTEGER NOT NULL", 1),
        )
    )


def _rewrite_sqlite_tables(rewrite: Callable[[str, str], str]) -> None:
    """Copy tables, with rows and indexes, to a rewritten definition: SQLite cannot alter a primary key."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    definitions = sa.text("SELECT sql FROM sqlite_master WHERE type = :kind AND tbl_name = :table AND sql IS NOT NULL")
    for table in TABLES_WITH_LASTING_IDS:
        sql = connection.scalars(definitions, {"kind": "table", "table": table}).one()
        indexes = connection.scalars(definitions, {"kind": "index", "table": table}).all()
        copy = re.sub(rf'^CREATE TABLE "?{table}"?', f"CREATE TABLE {table}_copy", rewrite(table, sql))
        connection.exec_driver_sql(copy)
        op.execute(f"INSERT INTO {table}_copy SELECT * FROM {table}")
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE {table}_copy RENAME TO {table}")
        for index in indexes:
            connection.exec_driver_sql(index)


STATUSES = ("ok", "unchanged", "empty", "not-listed", "failed")
COMPLETENESS = ("part", "is_backfill", "promised", "received", "unreadable", "fresh", "stale", "whole")


def record_completeness() -> None:
    """Record what a fetch promised and what came. Days that were made up before are asked for once more."""
    with alter_source_fetch("ok", "unchanged", "partial", "stale", *STATUSES[2:]) as table:
        table.add_column(sa.Column("part", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("is_backfill", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("promised", sa.Integer(), nullable=True))
        for name in ("received", "unreadable", "fresh", "stale"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE source_fetch SET received = listed_count, fresh = new_count, is_backfill = (endpoint = 'query'),"
        " whole = (status IN ('ok', 'unchanged', 'empty')),"
        " promised = CASE WHEN status IN ('ok', 'empty') THEN listed_count END"
    )


def forget_completeness() -> None:
    op.execute("UPDATE source_fetch SET status = 'failed' WHERE status IN ('partial', 'stale')")
    with alter_source_fetch(*STATUSES) as table:
        for name in COMPLETENESS:
            table.drop_column(name)


@contextmanager
def alter_source_fetch(*statuses: str) -> Iterator[BatchOperations]:
    """Alter the table, with these values of its status."""
    name = op.f("ck_source_fetch_status_known")
    with op.batch_alter_table("source_fetch") as table:
        table.drop_constraint(name, type_="check")
        yield table
        table.create_check_constraint(name, sa.text(f"status IN ({', '.join(map(repr, statuses))})"))


def add_pace() -> None:
    op.add_column("shared_token_bucket", sa.Column("pace", sa.Float(), nullable=True))
