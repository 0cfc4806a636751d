"""Papers that subscribers gave as examples and that are none of ours

Revision: 0021, after 0020. Nobody has given one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "seed_text",
        sa.Column("id", BIG_INTEGER, nullable=False),
        sa.Column("subscriber_id", BIG_INTEGER, nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("abstract", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=op.f("fk_seed_text_subscriber_id_subscriber")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seed_text")),
        sa.UniqueConstraint("subscriber_id", "reference", name=op.f("uq_seed_text_subscriber_id_reference")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("seed_text")
