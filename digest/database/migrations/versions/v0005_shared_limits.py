"""Limits that processes share: sending rates, uses of public forms

Revision: 0005, after 0004. On PostgreSQL both tables are unlogged: after a crash of the server they are empty.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unlogged = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "bucket",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bucket")),
        prefixes=unlogged,
    )
    op.create_table(
        "allowance",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_allowance")),
        prefixes=unlogged,
    )
    op.create_index(op.f("ix_allowance_until"), "allowance", ["until"])


def downgrade() -> None:
    op.drop_table("allowance")
    op.drop_table("bucket")
