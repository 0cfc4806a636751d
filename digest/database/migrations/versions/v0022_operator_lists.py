"""Indexes for the operator's lists of subscribers and deliveries

Revision: 0022, after 0021. Deliveries that simply arrive are in neither of the two new indexes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_subscriber_list", "subscriber", ["status", "frequency", "id"], ""),
    ("ix_subscriber_address", "subscriber", ["status", "frequency", "email_key"], ""),
    ("ix_delivery_exceptional", "delivery", ["state", "id"], "state IN ('failed', 'uncertain', 'cancelled', 'expired')"),
    ("ix_delivery_notice", "delivery", ["kind", "id"], "kind <> 'digest'"),
)


def upgrade() -> None:
    for name, table, columns, condition in INDEXES:
        where = sa.text(condition) if condition else None
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, table, _, _ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
