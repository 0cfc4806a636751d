"""Wish for only papers about a keyword

Revision: 0016, after 0015. Nobody who is there has it: papers that mention a keyword in passing still come, last.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("about_only", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("subscriber", "about_only")
