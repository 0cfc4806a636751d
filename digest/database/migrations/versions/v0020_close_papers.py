"""Papers in a digest that are close to its subscriber's profile, and the words that brought them

Revision: 0020, after 0019. Digests of before have none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("close_papers", "close_words"):
        op.add_column("delivery", sa.Column(name, sa.JSON(), nullable=False, server_default=sa.text("'[]'")))


def downgrade() -> None:
    for name in ("close_papers", "close_words"):
        op.drop_column("delivery", name)
