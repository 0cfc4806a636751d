"""Snapshot of a paper, between the store and the templates. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Self

SATURDAY = 5
LONG_AGO = 35  # days: with more of them a paper is late whatever the frequency
LIST_DAYS_BETWEEN = {"weekly": 5, "monthly": 23}  # two digests of a frequency, at most; 2 between those of other ones


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSnapshot:
    """Paper as the store had it when it was read: what matching looks at and what e-mails show.

    Each field but the last four is copied from the column of that name, and templates read it as `card.paper.NAME`.
    `listed_on` is the day of its first listing, `sources` are the names of all who list it and `source_titles` what
    people call these. `fingerprint` changes whenever any of this does; it is 0 where nobody keeps the snapshot.
    """

    id: int = 0
    title: str
    abstract: str = ""
    ai_summary: str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    journal: str | None = None
    kind: str = "paper"
    arxiv_id: str | None = None
    doi: str | None = None
    organization: str | None = None
    published_on: date | None = None
    upvotes: int | None = None
    comments: int | None = None
    url: str
    pdf_url: str | None = None
    discussion_url: str | None = None
    code_url: str | None = None
    code_stars: int | None = None
    project_url: str | None = None
    thumbnail_url: str | None = None
    listed_on: date
    sources: tuple[str, ...] = ()
    source_titles: tuple[str, ...] = ()
    fingerprint: int = 0

    @classmethod
    def from_row(
        cls, row: Any, listed_on: date, sources: Mapping[str, str] = MappingProxyType({}), fingerprint: int = 0
    ) -> Self:
        """Copy a row of the table of papers. `sources`: names of those that list it, with their titles."""
        given: dict[str, Any] = {
            "listed_on": listed_on,
            "sources": tuple(sources),
            "source_titles": tuple(sources.values()),
            "fingerprint": fingerprint,
        }
        values = {field.name: getattr(row, field.name) for field in fields(cls) if field.name not in given}
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**values, **given)

    def is_late(self, sent_on: date, frequency: str) -> bool:
        """Return whether an earlier digest should have had it: more list days have passed than fit the frequency."""
        allowed = LIST_DAYS_BETWEEN.get(frequency, 2)
        days = min((sent_on - self.listed_on).days, LONG_AGO)
        if days <= allowed:
            return False
        list_days = sum((self.listed_on + timedelta(days=n)).weekday() < SATURDAY for n in range(1, days + 1))
        return list_days > allowed

    def __hash__(self) -> int:
        return hash((self.id, self.fingerprint))
