"""Bounces, the keywords of a digest, summaries

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWED = "state IN ('queued', 'failed', 'expired', 'cancelled') AND NOT given_back"
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("delivery", sa.Column("keywords", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
    op.create_index(
        "ix_delivery_owed", "delivery", ["subscriber_id"], sqlite_where=sa.text(OWED), postgresql_where=sa.text(OWED)
    )
    if op.get_bind().dialect.name == "postgresql":
        # Planning updates the row of every due subscriber: with free space on the page no index has to change (HOT).
        op.execute("ALTER TABLE subscriber SET (fillfactor = 50)")
    op.add_column("subscriber", sa.Column("summaries", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "evidence",
        sa.Column("id", BIG, nullable=False),
        sa.Column("delivery_id", BIG, nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("parser", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('hard', 'soft', 'complaint', 'auto-reply', 'ours', 'unsubscribe')",
            name=op.f("ck_evidence_verdict_known"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_evidence_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_evidence_fingerprint")),
    )
    op.create_index(op.f("ix_evidence_delivery_id"), "evidence", ["delivery_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_evidence_delivery_id"), "evidence")
    op.drop_table("evidence")
    op.drop_column("subscriber", "summaries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE subscriber RESET (fillfactor)")
    op.drop_index("ix_delivery_owed", "delivery")
    op.drop_column("delivery", "keywords")
