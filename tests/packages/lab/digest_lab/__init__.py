"""Papers of a laboratory that lists them by day, in pages: the whole of a source by somebody else."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from digest.config import HttpUrl, SourceSettings, StringList
from digest.errors import MalformedAnswerError
from digest.sources import (
    ListedPaper,
    Page,
    SourceAdvice,
    SourceAnswer,
    SourceClient,
    clean_text,
    parse_authors,
    parse_entries,
    parse_total,
    read_by_offset,
)

PAGE_SIZE = 2
TITLE_LENGTH = 1_000  # characters


class LabSource:
    """GET {url}/papers?day=D&start=N gives {"total": 3, "papers": [{"doi", "title", "abstract", "authors"}]}."""

    api = 1
    name = "lab"
    title = "The Laboratory"
    hosts: ClassVar[Mapping[str, float]] = {"papers.lab.example": 2.0}
    settles_after = timedelta(days=2)

    class Settings(SourceSettings):
        """What is read, and where."""

        url: HttpUrl = "https://papers.lab.example"
        rooms: StringList = Field(("all",), examples=["physics,chemistry"])
        key: SecretStr = SecretStr("")

    def __init__(self, client: SourceClient, settings: Settings) -> None:
        self._client, self._settings = client, settings

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings)

    def advice(self) -> Sequence[SourceAdvice]:
        """Return what the laboratory asks for and the settings lack."""
        has_key = bool(self._settings.key.get_secret_value())
        return [] if has_key else [SourceAdvice("the laboratory gives free keys; set DIGEST_LAB_KEY", is_required=True)]

    def days(self, now: datetime) -> Sequence[date]:
        """Return today and yesterday."""
        today = now.astimezone(UTC).date()
        return [today - timedelta(days=1), today]

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch the papers of a day."""

        async def fetch_page(start: int) -> Page:
            query = urlencode({"day": day, "start": start, "rooms": " ".join(self._settings.rooms)})
            response = await self._client.get(f"{self._settings.url}/papers?{query}", accept="application/json")
            response.require_ok()
            answer = response.json()
            papers = answer.get("papers") if isinstance(answer, dict) else None
            if not isinstance(papers, list):
                raise MalformedAnswerError(f"{response.location} gave no papers")
            entries = await asyncio.to_thread(
                parse_entries, papers, lambda entry, rank: self.parse(entry, day, start + rank), len(papers)
            )
            return Page(entries, len(papers), parse_total(answer.get("total")))

        return (await read_by_offset(fetch_page, page_size=PAGE_SIZE)).to_answer(self.title, day, "api")

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch a past day in the same way."""
        return await self.fetch(day, now)

    def parse(self, entry: Any, day: date, rank: int) -> ListedPaper | None:
        """Return the paper of an entry."""
        return ListedPaper(
            source=self.name,
            list_day=day,
            rank=rank,
            title=clean_text(entry["title"], TITLE_LENGTH),
            abstract=clean_text(entry.get("abstract", "")),
            authors=parse_authors(entry.get("authors", [])),
            doi=entry["doi"],
            url=f"https://doi.org/{entry['doi']}",
        )


class OldSource(LabSource):
    """Source that was made for another release."""

    api, name = 7, "lab-old"


class HalfSource:
    """Source that lacks most of one."""

    api, name, title = 1, "lab-half", "Half"
