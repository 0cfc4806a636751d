"""Entries of a feed as they stand there, whatever its dialect. Their text may hold markup."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry. What a feed does not state is empty.

    - `guid`: its id within the feed
    - `texts`: description, summary and content, in this order
    - `authors`: as they are written, one name or many in each
    - `names`: what may hold an identifier of the paper: DOI fields, each `dc:identifier`, further links
    - `journal`, `section`: by PRISM or Dublin Core
    - `dated_at`: when it was published, else updated
    """

    guid: str = ""
    link: str = ""
    title: str = ""
    texts: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    journal: str = ""
    section: str = ""
    dated_at: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """True for an entry that says nothing: some feeds nest one in each of theirs."""
        return not (self.guid or self.link or self.title or any(self.texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """Feed with all its entries.

    - `dialect`: "RSS 2.0", "Atom 1.0", "JSON Feed 1.1"
    - `link`: the page that it belongs to
    - `journal`: where it is the feed of one, its name; `issns`: of its journal, the printed one first
    - `previous_url`: the document with the entries before these (RFC 5005, 4)
    - `refresh_interval`: how long its author says that it stays as it is (`ttl`, `sy:updatePeriod`)
    - `unreadable`: entries that are of no known shape; `left_out`: those beyond a bound
    - `is_damaged`: it is not well-formed, and was read as far as that goes
    """

    dialect: str
    title: str = ""
    link: str = ""
    entries: tuple[FeedEntry, ...] = ()
    journal: str = ""
    issns: tuple[str, ...] = ()
    previous_url: str = ""
    refresh_interval: timedelta | None = None
    unreadable: int = 0
    left_out: int = 0
    is_damaged: bool = False
