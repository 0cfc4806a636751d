"""Feeds, and which of their entries were seen."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from digest.database.models.column_types import UtcDateTime


class Feed(SQLModel, table=True):
    """A feed as its last readings left it. Its fetches stand in the log, with its name as their part.

    - `source`: the source that reads it; `name`: what it is called in the settings, and the source of its listings
    - `title`: its own, or that of the settings
    - `issns`: of its journal, with blanks between them
    - `checked_at`: the last reading that succeeded; null before the first
    - `next_at`: when it is due; `interval_seconds`: how long it may go unread without losing entries
    - `entries`: how many it showed; `rate`: mean number of new entries an hour
    - `moved_to`: where it redirects to for good
    - `removed_at`: since when the settings do not name it
    """

    source: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    url: str
    title: str = ""
    issns: str = ""
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    interval_seconds: int = 0
    entries: int = 0
    rate: float = 0.0
    moved_to: str | None = None
    removed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SeenEntry(SQLModel, table=True):
    """Name under which an entry of a feed was seen: its id there, or an identifier with its version.

    - `key`: hash of the name; `content_hash`: of what the entry said last
    """

    __tablename__ = "feed_entry"

    source: str = Field(primary_key=True)
    feed: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    content_hash: str = ""
    last_seen_at: datetime = Field(sa_type=UtcDateTime)
