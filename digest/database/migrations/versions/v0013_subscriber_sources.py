"""Sources that a subscriber chose

Revision: 0013, after 0012. Empty, as for everybody who is there: papers of all sources.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("sources", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("subscriber", "sources")
