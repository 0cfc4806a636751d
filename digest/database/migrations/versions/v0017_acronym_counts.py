"""How many papers define an acronym as which words

Revision: 0017, after 0016. The papers that are there are counted the next time that acronyms are learned.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acronym_count",
        sa.Column("short", sa.String(), nullable=False),
        sa.Column("long", sa.String(), nullable=False),
        sa.Column("papers", sa.Integer(), nullable=False),
        sa.Column("last_paper_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_learned", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("short", "long"),
    )
    op.create_index("ix_acronym_count_last_paper_id", "acronym_count", ["last_paper_id"])
    op.create_index("ix_acronym_count_is_learned", "acronym_count", ["is_learned"])


def downgrade() -> None:
    op.drop_table("acronym_count")
