"""Forms of words: which version stored keywords were read with, and what of it was announced

Revision: 0012, after 0011. Keywords are read again before the next plan. The full-text index is filled again in
batches; until then the search reads papers without it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keyword", sa.Column("forms_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "saved_keyword",
        sa.Column("announced_in", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    )
    if op.get_bind().dialect.name == "sqlite":  # an index without texts cannot delete one entry
        op.execute("INSERT INTO paper_fulltext (paper_fulltext) VALUES ('delete-all')")
    op.execute("UPDATE paper SET is_indexed = false WHERE is_indexed")


def downgrade() -> None:
    op.drop_column("saved_keyword", "announced_in")
    op.drop_column("keyword", "forms_version")
