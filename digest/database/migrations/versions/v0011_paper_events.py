"""What happens to a paper after it was listed

Revision: 0011, after 0010. What the stored links say becomes events; upvotes are taken for those of the first day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = ("revised", "withdrawn", "retracted", "corrected", "concern", "published", "code", "project", "popular")


def upgrade() -> None:
    op.create_table(
        "paper_event",
        sa.Column("id", BIG_INTEGER, nullable=False),
        sa.Column("paper_id", BIG_INTEGER, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("venue", sa.String(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_id", BIG_INTEGER, nullable=True),
        sa.CheckConstraint(f"kind IN ({', '.join(map(repr, KINDS))})", name=op.f("ck_paper_event_kind_known")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_event_paper_id_paper")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_event")),
        sa.UniqueConstraint("paper_id", "kind", "reference", name=op.f("uq_paper_event_paper_id_kind_reference")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_paper_event_link_id", "paper_event", ["link_id"])
    op.add_column("paper", sa.Column("first_upvotes", sa.Integer(), nullable=True))
    op.execute("UPDATE paper SET first_upvotes = upvotes")
    store_events_of_links()


def downgrade() -> None:
    op.drop_column("paper", "first_upvotes")
    op.drop_index("ix_paper_event_link_id", table_name="paper_event")
    op.drop_table("paper_event")


def store_events_of_links() -> None:
    """Make events of the links that hold: published versions of preprints, and notices about papers."""
    name = (
        "CASE WHEN other.id IS NULL THEN link.scheme || ':' || link.value"
        " WHEN other.doi IS NOT NULL THEN 'doi:' || other.doi ELSE other.key END"
    )
    insert = "INSERT INTO paper_event (paper_id, kind, reference, venue, happened_on, noted_at, link_id)"
    op.execute(
        f"{insert} SELECT link.paper_id, 'published', {name}, '', other.published_on, link.created_at, link.id"  # noqa: S608
        " FROM paper_link AS link LEFT JOIN paper AS other ON other.id = link.other_id"
        " WHERE link.relation = 'published' AND link.undone_at IS NULL"
        " AND (link.other_id IS NOT NULL OR link.evidence NOT LIKE '%is_reversed%')"
        " ORDER BY link.id ON CONFLICT DO NOTHING"
    )
    for relation, kind, reference in (
        ("retracts", "retracted", "''"),
        ("corrects", "corrected", name),
        ("concerns", "concern", name),
    ):
        op.execute(
            f"{insert} SELECT link.other_id, '{kind}', {reference}, '', other.published_on, link.created_at, link.id"  # noqa: S608
            " FROM paper_link AS link JOIN paper AS other ON other.id = link.paper_id"
            f" WHERE link.relation = '{relation}' AND link.undone_at IS NULL AND link.other_id IS NOT NULL"
            " ORDER BY link.id ON CONFLICT DO NOTHING"
        )
