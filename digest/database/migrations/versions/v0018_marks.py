"""Marks of subscribers on papers, the words learned from them, and how many papers have a term

Revision: 0018, after 0017. Nobody has marked a paper; the terms of the papers that are there are counted the next time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = ("more", "less", "saved", "seed")


def upgrade() -> None:
    op.create_table(
        "term_count",
        sa.Column("term", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("paper_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("term", name=op.f("pk_term_count")),
    )
    op.create_table(
        "term_fit",
        sa.Column("id", BIG_INTEGER, nullable=False),
        sa.Column("paper_count", sa.Integer(), nullable=False),
        sa.Column("last_paper_id", BIG_INTEGER, nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_term_fit")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "paper_mark",
        sa.Column("subscriber_id", BIG_INTEGER, nullable=False),
        sa.Column("paper_id", BIG_INTEGER, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({', '.join(map(repr, KINDS))})", name=op.f("ck_paper_mark_kind_known")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_mark_paper_id_paper")),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("fk_paper_mark_subscriber_id_subscriber")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "paper_id", "kind", name=op.f("pk_paper_mark")),
    )
    op.create_index("ix_paper_mark_paper_id", "paper_mark", ["paper_id"])
    op.create_table(
        "profile",
        sa.Column("subscriber_id", BIG_INTEGER, nullable=False),
        sa.Column("edits", sa.JSON(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_digest", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_profile_subscriber_id_subscriber")),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_profile")),
    )


def downgrade() -> None:
    op.drop_table("profile")
    op.drop_index("ix_paper_mark_paper_id", table_name="paper_mark")
    op.drop_table("paper_mark")
    op.drop_table("term_fit")
    op.drop_table("term_count")
