"""bioRxiv and medRxiv: the preprints that were posted on a day, by their API, and those that journals published.

    GET {url}/details/{server}/D/D/{cursor}   records, 30 or 100 a page, a version each; "no posts found" at the end
    GET {url}/pubs/{server}/D/D/{cursor}      preprints that a journal published, with both DOIs

Totals are numbers or texts, and may be larger than what can be fetched. Days are complete three days after they end.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator

from digest.config import HttpUrl, SourceSettings, StringList
from digest.errors import MalformedAnswerError, SourceError
from digest.identifiers import LinkRelation, PaperKind, StatedLink, normalize_identifier
from digest.sources import messages
from digest.sources.base import AnswerPart, ListedPaper, SourceAnswer
from digest.sources.biorxiv.highwire import clean_typesetting
from digest.sources.entries import parse_entries
from digest.sources.http import SourceClient
from digest.sources.paging import Page, PagedEntries, parse_total, read_by_offset
from digest.sources.text import TITLE_LENGTH, clean_terms, clean_text, parse_authors

URL = "https://api.biorxiv.org"
SERVERS = {"biorxiv": "bioRxiv", "medrxiv": "medRxiv"}
PAGE_SIZE = 100  # or 30: what matters is the count of each page
CURRENT_DAYS = 4
END = "no posts found"
NO_PUBLICATIONS = "no articles found"


class BiorxivSource:
    """Source `biorxiv`: the first versions of preprints; higher ones and publications are news of known papers."""

    api = 1
    name = "biorxiv"
    title = "bioRxiv and medRxiv"
    hosts: ClassVar[Mapping[str, float]] = {"api.biorxiv.org": 1.0}
    settles_after = timedelta(days=4)  # from the beginning of a day
    lists_weekends = True

    class Settings(SourceSettings):
        """Which servers are read, and of which categories; none means all."""

        servers: StringList = Field(tuple(SERVERS), examples=["biorxiv"])
        categories: StringList = Field((), examples=["neuroscience,cell_biology"])
        url: HttpUrl = URL

        @field_validator("servers")
        @classmethod
        def _validate_servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            names = tuple(dict.fromkeys(name.lower() for name in value))
            if not names or not SERVERS.keys() >= set(names):
                raise ValueError(messages.unknown_server(SERVERS))
            return names

    def __init__(
        self,
        client: SourceClient,
        servers: Sequence[str] = tuple(SERVERS),
        categories: Sequence[str] = (),
        url: str = URL,
    ) -> None:
        self._client = client
        self._servers = servers
        self._categories = {_fold_category(category) for category in categories}
        self._url = url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.servers, settings.categories, settings.url)

    def probe_urls(self) -> Mapping[str, str]:
        """Return what `digest doctor` asks."""
        return {self.title: f"{self._url}/details/biorxiv/1/0/json"}

    def days(self, now: datetime) -> tuple[date, ...]:
        """Return today (UTC) and the three days before, weekends too."""
        today = now.astimezone(UTC).date()
        return tuple(today - timedelta(days=days) for days in reversed(range(CURRENT_DAYS)))

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch a past day, in the same way."""
        return await self.fetch(day, now)

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch what was posted and published on a day. One server's failure leaves its part incomplete."""
        papers: list[ListedPaper] = []
        parts: list[AnswerPart] = []
        warnings: list[str] = []
        failures: list[SourceError] = []
        is_over = now >= datetime.combine(day, time(), tzinfo=UTC) + self.settles_after
        for server in self._servers:
            try:
                entries = await self._read(server, day, is_over=is_over)
            except SourceError as error:
                failures.append(error)
                entries = PagedEntries(fault=error)
            wanted = [paper for paper in entries.papers.values() if self._is_wanted(paper)]
            papers += wanted
            parts.append(replace(entries.part(server), keys=frozenset(paper.key for paper in wanted)))
            warnings += entries.warnings(SERVERS[server], day)
            try:
                published = await read_by_offset(
                    partial(self._fetch_page, "pubs", server, day), page_size=PAGE_SIZE, steps_by_count=True
                )
            except SourceError as error:
                warnings.append(messages.publications_failed(SERVERS[server], day, str(error)))
            else:
                papers += published.papers.values()
        if len(failures) == len(self._servers):
            raise failures[0]
        return SourceAnswer(papers=tuple(papers), endpoint="api", parts=tuple(parts), warnings=tuple(warnings))

    async def _read(self, server: str, day: date, *, is_over: bool) -> PagedEntries:
        """Read all records of a day. When it is long over, the host's "no posts found" is believed, not its total."""
        has_ended = False

        async def fetch_page(cursor: int) -> Page:
            nonlocal has_ended
            page = await self._fetch_page("details", server, day, cursor)
            has_ended = not page.length
            return page

        entries = await read_by_offset(fetch_page, page_size=PAGE_SIZE, steps_by_count=True)
        if is_over and has_ended and not entries.fault:
            entries.named_total = entries.received
        return entries

    def _is_wanted(self, paper: ListedPaper) -> bool:
        return not self._categories or any(_fold_category(subject) in self._categories for subject in paper.subjects)

    async def _fetch_page(self, endpoint: str, server: str, day: date, cursor: int) -> Page:
        response = await self._client.get(
            f"{self._url}/{endpoint}/{server}/{day}/{day}/{cursor}", accept="application/json"
        )
        response.require_ok()
        answer = response.json()
        message, records = _read_envelope(answer)
        status = str(message.get("status", "ok"))
        if records is None or (not records and not status.startswith((END, NO_PUBLICATIONS, "ok"))):
            raise MalformedAnswerError(messages.unexpected_text(response.location, status, response.beginning))
        parse = parse_record if endpoint == "details" else parse_publication
        entries = await asyncio.to_thread(
            parse_entries, records, lambda record, rank: parse(record, server, day, cursor + rank), len(records)
        )
        count = max(parse_total(message.get("count")) or 0, len(records)) if records else 0
        total = parse_total(message.get("total"))
        if total is None and count:  # then the list goes on until a page says that it has ended
            total = cursor + count + 1
        return Page(entries, count, total)


def _read_envelope(answer: Any) -> tuple[Mapping[str, Any], list[Any] | None]:
    """Return the message of an answer, and its records, None where it has none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("collection"), list):
        return {"status": "without records"}, None
    stated = answer.get("messages")
    message = stated[0] if isinstance(stated, list) and stated and isinstance(stated[0], dict) else {}
    return message, answer["collection"]


def parse_record(record: Any, server: str, day: date, rank: int) -> ListedPaper | None:
    """Return one version of a preprint, None when it has no DOI or title."""
    doi = normalize_identifier(str(record["doi"]), "doi")
    title = clean_text(str(record.get("title") or ""), TITLE_LENGTH)
    if not doi or not title:
        return None
    version = parse_total(record.get("version")) or 1
    published = normalize_identifier(str(record.get("published") or ""), "doi")
    address = f"https://www.{server}.org/content/{doi.value}v{version}"
    is_withdrawn = str(record.get("type")).lower() == "withdrawn"
    return ListedPaper(
        source=BiorxivSource.name,
        list_day=day,
        rank=rank,
        kind="new" if version == 1 else "replace",
        paper_kind=PaperKind.RETRACTION if is_withdrawn else "",
        identifiers=(doi,),
        links=(StatedLink(LinkRelation.PUBLISHED, published),) if published else (),
        title=title,
        abstract=clean_text(clean_typesetting(_known(record, "abstract"))),
        authors=parse_authors(_known(record, "authors")),
        subjects=clean_terms([_known(record, "category")]),
        version=version,
        source_id=doi.value,
        url=address,
        pdf_url=f"{address}.full.pdf",
        published_on=_parse_day(record.get("date")),
    )


def parse_publication(record: Any, server: str, day: date, rank: int) -> ListedPaper | None:
    """Return a preprint with the article that it was published as: news of a known paper, without its text."""
    doi = normalize_identifier(str(record["preprint_doi"]), "doi")
    article = normalize_identifier(str(record["published_doi"]), "doi")
    title = clean_text(str(record.get("preprint_title") or ""), TITLE_LENGTH)
    if not doi or not article or not title:
        return None
    venue = clean_text(_known(record, "published_journal"), TITLE_LENGTH)
    stated = StatedLink(
        LinkRelation.PUBLISHED, article, venue=venue, stated_on=_parse_day(record.get("published_date"))
    )
    return ListedPaper(
        source=BiorxivSource.name,
        list_day=day,
        rank=rank,
        kind="replace",
        identifiers=(doi,),
        links=(stated,),
        title=title,
        url=f"https://www.{server}.org/content/{doi.value}v1",
        published_on=_parse_day(record.get("preprint_date")),
    )


def _known(record: Mapping[str, Any], name: str) -> str:
    """Return a text of a record; empty for NA."""
    value = record.get(name)
    return value if isinstance(value, str) and value != "NA" else ""


def _fold_category(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _parse_day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
