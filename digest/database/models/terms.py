"""How many papers have a term: what the similarity of papers is computed from."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, KEEP_IDS
from digest.database.models.column_types import UtcDateTime


class TermCount(SQLModel, table=True):
    """Term and the number of papers that have it.

    - `term`: key of a word, or of two adjacent ones
    - `label`: how most papers write it
    """

    __tablename__ = "term_count"

    term: str = Field(primary_key=True)
    label: str
    paper_count: int


class TermFit(SQLModel, table=True):
    """Latest count of terms. Its id differs from those of all before, so that caches see that it is another one.

    - `paper_count`: papers that were read
    - `last_paper_id`: the last of them
    """

    __tablename__ = "term_fit"
    __table_args__ = (KEEP_IDS,)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    paper_count: int
    last_paper_id: int = Field(sa_type=BIG_INTEGER)
    fitted_at: datetime = Field(sa_type=UtcDateTime)
