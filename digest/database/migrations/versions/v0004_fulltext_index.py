"""Full-text index of papers

Revision: 0004, after 0003. The index is filled in batches afterwards; until then the search reads papers without it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNINDEXED = "NOT indexed"
# Store neither the text (content='') nor the positions of words (detail=none). Non-ASCII characters count as letters.
TOKENS = r"!#$%&()*+,-./:;<=>?@[\]^_`{|}~" + "''"
SQLITE = f"""CREATE VIRTUAL TABLE paper_words USING fts5(
  words, content='', detail=none, tokenize="ascii tokenchars '{TOKENS}'")"""


def upgrade() -> None:
    op.add_column("paper", sa.Column("indexed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_paper_unindexed", "paper", ["id"], sqlite_where=sa.text(UNINDEXED), postgresql_where=sa.text(UNINDEXED)
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE paper_words (paper_id bigint PRIMARY KEY, words tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_paper_words ON paper_words USING gin (words)")
    else:
        op.get_bind().exec_driver_sql(SQLITE)


def downgrade() -> None:
    op.execute("DROP TABLE paper_words")
    op.drop_index("ix_paper_unindexed", "paper")
    op.drop_column("paper", "indexed")
