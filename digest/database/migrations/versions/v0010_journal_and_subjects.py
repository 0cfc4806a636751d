"""Journal and subjects of a paper; search by journal, subject, DOI, source and kind

Revision: 0010, after 0009. The full-text index is filled again in batches, with the terms of these fields; until then
the search reads papers without it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("paper", sa.Column("journal", sa.String(), nullable=True))
    op.add_column("paper", sa.Column("subjects", sa.JSON(), nullable=False, server_default="[]"))
    if op.get_bind().dialect.name == "sqlite":  # an index without texts cannot delete one entry
        op.execute("INSERT INTO paper_fulltext (paper_fulltext) VALUES ('delete-all')")
    op.execute("UPDATE paper SET is_indexed = false WHERE is_indexed")


def downgrade() -> None:
    op.drop_column("paper", "subjects")
    op.drop_column("paper", "journal")
