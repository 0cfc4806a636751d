"""What stored papers define acronyms as."""

from sqlalchemy import Index, false
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER


class AcronymCount(SQLModel, table=True):
    """How many papers define an acronym as these words.

    - `short`, `long`: keys of the acronym and of the words; no words where papers write it small, as a word
    - `last_paper_id`: the last paper that was counted; the highest of all rows is where counting goes on
    - `is_learned`: keywords with one of the two forms find both
    """

    __tablename__ = "acronym_count"
    __table_args__ = (
        Index("ix_acronym_count_last_paper_id", "last_paper_id"),
        Index("ix_acronym_count_is_learned", "is_learned"),
    )

    short: str = Field(primary_key=True)
    long: str = Field(primary_key=True)
    papers: int
    last_paper_id: int = Field(sa_type=BIG_INTEGER)
    is_learned: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
