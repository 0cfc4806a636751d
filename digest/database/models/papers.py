"""Papers, their listings, names and links, and the log of fetches."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, KEEP_IDS, check_one_of
from digest.database.models.column_types import TextList, TolerantDate, UtcDateTime
from digest.identifiers import LinkRelation, LinkRule, PaperKind

# Table of the full-text index, whose definition differs between the databases: see migrations 0004 and 0006.
FULLTEXT_TABLE = "paper_fulltext"


class Paper(SQLModel, table=True):
    """One paper, whichever sources list it.

    - `key`: its identity: `arxiv:ID` without version, else `doi:…`, else `source:id`
    - `text_source`: the source that title and abstract are from
    - `first_listing_id`: id of its first listing; 0 where it has none, and while plans leave it out because its row
      could not be read
    - `first_upvotes`: upvotes at the end of its first day
    - `text_fetched_at`: when arXiv was asked for the text of a paper that another source lists
    - `is_indexed`: the full-text index has its current text
    - `merged_into`: the row that stands for it, never one that is merged itself
    - `title_key`: letters and digits of its title, for comparison; null where the title is too short to tell a paper by
    - `kind`: whether it is a paper, or what else
    - `journal`: name of the journal that it appeared in
    - `subjects`: MeSH headings and categories of feeds; those of arXiv are `categories`
    """

    __table_args__ = (
        Index("ix_paper_unindexed", "id", sqlite_where=text("NOT is_indexed"), postgresql_where=text("NOT is_indexed")),
        Index(
            "ix_paper_merged_into",
            "merged_into",
            sqlite_where=text("merged_into IS NOT NULL"),
            postgresql_where=text("merged_into IS NOT NULL"),
        ),
        check_one_of("kind", PaperKind),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    key: str = Field(unique=True)
    arxiv_id: str | None = None
    version: int = 1
    doi: str | None = None
    title: str
    abstract: str = ""
    authors: list[str] = Field(default_factory=list, sa_type=TextList)
    categories: list[str] = Field(default_factory=list, sa_type=TextList)
    organization: str | None = None
    published_on: date | None = Field(default=None, sa_type=TolerantDate)
    url: str
    pdf_url: str | None = None
    discussion_url: str | None = None
    code_url: str | None = None
    code_stars: int | None = None
    project_url: str | None = None
    thumbnail_url: str | None = None
    ai_summary: str | None = None
    ai_keywords: list[str] = Field(default_factory=list, sa_type=TextList)
    upvotes: int | None = None
    first_upvotes: int | None = None
    comments: int | None = None
    text_source: str
    first_listing_id: int = Field(default=0, sa_type=BIG_INTEGER, index=True)
    first_seen_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    text_fetched_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    is_indexed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    merged_into: int | None = Field(default=None, sa_type=BIG_INTEGER)
    title_key: str | None = Field(default=None, index=True)
    kind: str = Field(default=PaperKind.PAPER, sa_column_kwargs={"server_default": PaperKind.PAPER.value})
    journal: str | None = None
    subjects: list[str] = Field(default_factory=list, sa_type=TextList, sa_column_kwargs={"server_default": "[]"})


class PaperIdentifier(SQLModel, table=True):
    """Name under which a paper was seen, in normal form. It stays with the row that it came to."""

    __tablename__ = "paper_identifier"

    scheme: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    paper_id: int = Field(foreign_key="paper.id", index=True, sa_type=BIG_INTEGER)
    source: str
    first_seen_at: datetime = Field(sa_type=UtcDateTime)


class PaperRelation(SQLModel, table=True):
    """What one paper is to another. Undone ones stay: these two are never linked again by themselves.

    - `paper_id`: the row that is merged, the preprint, or the notice
    - `other_id`: the row that stands, the published version, or the paper that a notice is about; null while only its
      identifier, `scheme` and `value`, is known
    - `evidence`: JSON, what the link has changed, so that it can be undone
    """

    __tablename__ = "paper_link"
    __table_args__ = (
        Index(
            "ix_paper_link_unresolved",
            "scheme",
            "value",
            sqlite_where=text("other_id IS NULL"),
            postgresql_where=text("other_id IS NULL"),
        ),
        check_one_of("relation", LinkRelation),
        check_one_of("rule", LinkRule),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    paper_id: int = Field(foreign_key="paper.id", index=True, sa_type=BIG_INTEGER)
    other_id: int | None = Field(default=None, foreign_key="paper.id", index=True, sa_type=BIG_INTEGER)
    scheme: str | None = None
    value: str | None = None
    relation: str
    rule: str
    evidence: str = "{}"
    created_at: datetime = Field(sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PaperEventKind(StrEnum):
    """What can happen to a paper after it was listed.

    REVISED: a new version with a changed abstract; PUBLISHED: a preprint in a journal or at a conference; POPULAR: ten
    times the upvotes of its first day, and at least 50.
    """

    REVISED = "revised"
    WITHDRAWN = "withdrawn"
    RETRACTED = "retracted"
    CORRECTED = "corrected"
    CONCERN = "concern"
    PUBLISHED = "published"
    CODE = "code"
    PROJECT = "project"
    POPULAR = "popular"


class PaperEvent(SQLModel, table=True):
    """What happened to a paper after it was listed: one row an event, whoever says it and however often.

    - `reference`: tells events of one kind apart: `v2`, or the name of the notice or of the published version; empty
      for what happens once
    - `venue`: journal or conference that the source names, or empty
    - `happened_on`: the day that the source states, null where it states none
    - `link_id`: the link that says so; the event goes when the link is undone
    """

    __tablename__ = "paper_event"
    __table_args__ = (
        UniqueConstraint("paper_id", "kind", "reference"),
        check_one_of("kind", PaperEventKind),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    paper_id: int = Field(foreign_key="paper.id", sa_type=BIG_INTEGER)
    kind: str
    reference: str = ""
    venue: str = ""
    happened_on: date | None = Field(default=None, sa_type=TolerantDate)
    noted_at: datetime = Field(sa_type=UtcDateTime)
    link_id: int | None = Field(default=None, sa_type=BIG_INTEGER, index=True)


class Listing(SQLModel, table=True):
    """Entry of a paper in the list of a source for a day. `kind`: listed (Hugging Face), new or cross (arXiv)."""

    __table_args__ = (
        UniqueConstraint("source", "list_day", "paper_id"),
        Index("ix_listing_paper", "paper_id"),
        Index("ix_listing_day", "list_day"),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    paper_id: int = Field(foreign_key="paper.id", sa_type=BIG_INTEGER)
    source: str
    list_day: date = Field(sa_type=TolerantDate)
    rank: int
    kind: str = "listed"
    upvotes: int | None = None
    comments: int | None = None
    first_seen_at: datetime = Field(sa_type=UtcDateTime)
    last_seen_at: datetime = Field(sa_type=UtcDateTime)


class FetchStatus(StrEnum):
    """Results of a fetch. Only `failed` is an error; `empty` on a weekday is a warning.

    `partial`: less came than was promised; `stale`: the list of an earlier day came. Both leave the day due. `gap` and
    `thin`: a feed turned over, or nearly did, since it was read before.
    """

    OK = "ok"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    STALE = "stale"
    GAP = "gap"
    THIN = "thin"
    EMPTY = "empty"
    NOT_LISTED = "not-listed"
    FAILED = "failed"


class SourceFetch(SQLModel, table=True):
    """One fetch of the list of a source for a day, or of one part of it, also when it failed or found nothing.

    - `part`: category of arXiv, name of a feed; empty for a whole list
    - `endpoint`: where the list was found: api, page, rss or query
    - `is_backfill`: the day was read afterwards, in another way than a current one
    - `seconds`: how long it took
    - `promised`: the largest number of entries that the host named, else what it sent; null when no list came
    - `received`: different entries that came, the unreadable ones included
    - `fresh`: papers that this source had never listed before; `new_count`: papers that no source had
    - `stale`: entries that it had listed as new under an earlier day
    - `whole`: all came that was promised
    - `error_code`, `message`: what failed, or a warning
    """

    __tablename__ = "source_fetch"
    __table_args__ = (Index("ix_source_fetch_source_day", "source", "list_day"), check_one_of("status", FetchStatus))

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    source: str
    list_day: date = Field(sa_type=TolerantDate)
    started_at: datetime = Field(sa_type=UtcDateTime)
    seconds: float
    status: str
    part: str = Field(default="", sa_column_kwargs={"server_default": ""})
    endpoint: str = ""
    is_backfill: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    listed_count: int = 0
    new_count: int = 0
    promised: int | None = None
    received: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    unreadable: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    fresh: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    stale: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    whole: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    error_code: str = ""
    message: str = ""


class HttpCacheEntry(SQLModel, table=True):
    """Validators of a response that was stored, for the next conditional request (RFC 9110)."""

    __tablename__ = "http_cache_entry"

    url: str = Field(primary_key=True)
    etag: str | None = None
    last_modified: str | None = None
    stored_at: datetime = Field(sa_type=UtcDateTime)
