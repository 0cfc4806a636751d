"""What subscribers say about papers, and the words that were learned from it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, KEEP_IDS, check_one_of
from digest.database.models.column_types import IdList, UtcDateTime, WeightTable


class MarkKind(StrEnum):
    """What a subscriber can say about a paper.

    MORE and LESS: they want more, or less, like it, and exclude each other; SAVED: it stands on their page of saved
    papers; SEED: they gave it as one of the papers that they want others like.
    """

    MORE = "more"
    LESS = "less"
    SAVED = "saved"
    SEED = "seed"


class PaperMark(SQLModel, table=True):
    """Mark of a subscriber on a paper.

    `paper_id`: the row that was marked. Like deliveries, marks stay with it when papers are merged, and are read by the
    row that stands for it.
    """

    __tablename__ = "paper_mark"
    __table_args__ = (check_one_of("kind", MarkKind), Index("ix_paper_mark_paper_id", "paper_id"))

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True, sa_type=BIG_INTEGER)
    paper_id: int = Field(foreign_key="paper.id", primary_key=True, sa_type=BIG_INTEGER)
    kind: str = Field(primary_key=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class Profile(SQLModel, table=True):
    """Words that were learned from the marks of a subscriber.

    - `edits`: weights that the subscriber gave words; 0 for one that was struck
    - `words`: the heaviest words with their weights, edits included, ready for planning
    - `fitted_at`: when `words` were computed; null before the first time
    - `in_digest`: whether digests have a section of papers by these words; null while the subscriber has not chosen:
      then they have it as soon as there are marks
    - `waiting_papers`: the closest papers of days on which no keyword brought an e-mail, for the next one
    """

    subscriber_id: int = Field(foreign_key="subscriber.id", primary_key=True, sa_type=BIG_INTEGER)
    edits: dict[str, float] = Field(default_factory=dict, sa_type=WeightTable)
    words: dict[str, float] = Field(default_factory=dict, sa_type=WeightTable)
    fitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    in_digest: bool | None = None
    waiting_papers: list[int] = Field(
        default_factory=list, sa_type=IdList, sa_column_kwargs={"server_default": text("'[]'")}
    )


class SeedText(SQLModel, table=True):
    """Paper that a subscriber gave as an example and that is none of ours: by its own words.

    - `reference`: its first identifier, `scheme:value`, or `title:` and the letters of its title
    - `title`, `abstract`: as the subscriber gave them; both are empty while only the identifier is known
    """

    __tablename__ = "seed_text"
    __table_args__ = (UniqueConstraint("subscriber_id", "reference"), KEEP_IDS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    subscriber_id: int = Field(foreign_key="subscriber.id", sa_type=BIG_INTEGER)
    reference: str
    title: str = ""
    abstract: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
