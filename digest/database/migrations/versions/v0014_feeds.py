"""Feeds, the entries that were seen in them, and readings that missed some

Revision: 0014, after 0013. Feeds that turned over are a result of a fetch.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATUSES = ("ok", "unchanged", "partial", "stale", "empty", "not-listed", "failed")
NEW_STATUSES = ("ok", "unchanged", "partial", "stale", "gap", "thin", "empty", "not-listed", "failed")


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("issns", sa.String(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("moved_to", sa.String(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", "name", name=op.f("pk_feed")),
    )
    op.create_table(
        "feed_entry",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "feed", "key", name=op.f("pk_feed_entry")),
    )
    replace_statuses(NEW_STATUSES)


def downgrade() -> None:
    op.execute("UPDATE source_fetch SET status = 'ok' WHERE status IN ('gap', 'thin')")
    replace_statuses(STATUSES)
    op.drop_table("feed_entry")
    op.drop_table("feed")


def replace_statuses(statuses: tuple[str, ...]) -> None:
    """Let a fetch have other statuses."""
    name = op.f("ck_source_fetch_status_known")
    with op.batch_alter_table("source_fetch") as table:
        table.drop_constraint(name, type_="check")
        table.create_check_constraint(name, sa.text(f"status IN ({', '.join(map(repr, statuses))})"))
