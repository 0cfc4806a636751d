"""Rows that were set aside because they cannot be read."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER
from digest.database.models.column_types import UtcDateTime


class QuarantinedRow(SQLModel, table=True):
    """Row of another table that cannot be read. It is set aside, and all other rows are worked on.

    - `row_id`: its primary key as text; the parts of a composite key are joined by a colon
    - `reason`: which column is wrong, and how; never an address or what a subscriber wrote
    - `count`: how often it was found unreadable since `first_seen_at`
    - `released_at`: when it was found readable again or the operator released it; None while it is set aside
    """

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("table_name", "row_id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    table_name: str
    row_id: str
    reason: str
    first_seen_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
    count: int = 1
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
