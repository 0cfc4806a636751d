"""Crossref: what journals and preprint servers registered on a day, notices about papers, and missing abstracts.

    GET {url}/works?filter=issn:I,from-created-date:D,until-created-date:D&cursor=*   works, 200 a page
    GET {url}/works?filter=update-type:retraction,...                                 notices, whoever published them
    GET {url}/works/{doi}                                                             one work; 404 where it is unknown

The cursor stays the same from page to page: asking once more gives the next one. Abstracts often come days later.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlencode

from pydantic import Field, field_validator

from digest.config import HttpUrl, SourceSettings, StringList
from digest.errors import MalformedAnswerError, NotListedError, SourceError
from digest.identifiers import Identifier
from digest.sources import messages
from digest.sources.base import AnswerPart, FeedGap, ListedPaper, SourceAdvice, SourceAnswer
from digest.sources.crossref.works import UPDATE_RELATIONS, parse_work
from digest.sources.entries import parse_entries
from digest.sources.http import SourceClient
from digest.sources.paging import Page, PagedEntries, parse_total, read_by_cursor

URL = "https://api.crossref.org"
PAGE_SIZE = 200
CURRENT_DAYS = 4
MAX_LOOKUPS = 3  # DOIs that are asked for the ISSN of their journal
NAMES_PER_REQUEST = 40  # ISSNs or prefixes, so that an address stays below 2,000 characters
SELECTED = (
    *("DOI", "type", "title", "author", "abstract", "container-title", "issued", "posted", "published-online"),
    *("published-print", "created", "group-title", "subject", "relation", "update-to", "updated-by", "alternative-id"),
)
_ISSN = re.compile(r"(\d{4})-?(\d{3}[\dX])", re.IGNORECASE)
_PREFIX = re.compile(r"10\.\d{4,9}")


class CrossrefSource:
    """Source `crossref`. Without journals and prefixes it only reads notices, and abstracts that other lists lack."""

    api = 1
    name = "crossref"
    title = "Crossref"
    hosts: ClassVar[Mapping[str, float]] = {"api.crossref.org": 0.2}  # 5 requests a second, one at a time
    settles_after = timedelta(days=4)  # from the beginning of a day
    lists_weekends = True
    text_scheme = "doi"

    class Settings(SourceSettings):
        """Journals by ISSN, and registrants by the prefix of their DOIs, such as 10.26434 for ChemRxiv."""

        issn: StringList = Field((), examples=["0028-0836,1476-4687"])
        prefixes: StringList = Field((), examples=["10.26434"])
        url: HttpUrl = URL

        @field_validator("issn")
        @classmethod
        def _validate_issn(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            found = [_ISSN.fullmatch(text) for text in value]
            if not all(found):
                raise ValueError(messages.NO_ISSN)
            return tuple(dict.fromkeys(f"{match[1]}-{match[2].upper()}" for match in found if match))

        @field_validator("prefixes")
        @classmethod
        def _validate_prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            if not all(_PREFIX.fullmatch(text) for text in value):
                raise ValueError(messages.NO_PREFIX)
            return tuple(dict.fromkeys(value))

    def __init__(
        self, client: SourceClient, issn: Sequence[str] = (), prefixes: Sequence[str] = (), url: str = URL
    ) -> None:
        self._client = client
        self._names = {"issn": issn, "prefix": prefixes}
        self._url = url.rstrip("/")
        self._is_select_refused = False

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.issn, settings.prefixes, settings.url)

    def probe_urls(self) -> Mapping[str, str]:
        """Return what `digest doctor` asks."""
        return {self.title: f"{self._url}/works?rows=0"}

    def advice(self) -> Sequence[SourceAdvice]:
        """Return what Crossref asks for and the settings lack."""
        return () if self._client.contact else (SourceAdvice(messages.CROSSREF_CONTACT),)

    def days(self, now: datetime) -> tuple[date, ...]:
        """Return today (UTC) and the three days before, weekends too."""
        today = now.astimezone(UTC).date()
        return tuple(today - timedelta(days=days) for days in reversed(range(CURRENT_DAYS)))

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch a past day, in the same way."""
        return await self.fetch(day, now)

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - the protocol's
        """Fetch what was registered on a day, and the notices of that day."""
        filters = {name: list(_name_filters(name, values)) for name, values in self._names.items() if values}
        filters["notice"] = [",".join(f"update-type:{kind}" for kind in UPDATE_RELATIONS)]
        papers: list[ListedPaper] = []
        parts: list[AnswerPart] = []
        warnings: list[str] = []
        failures: list[SourceError] = []
        for name, queries in filters.items():
            for number, query in enumerate(queries):
                try:
                    entries = await self._read(query, day, day, is_notice=name == "notice")
                except SourceError as error:
                    failures.append(error)
                    entries = PagedEntries(fault=error)
                papers += entries.papers.values()
                parts.append(entries.part(f"{name}-{number + 1}" if number else name))
                warnings += entries.warnings(self.title, day)
        if len(failures) == len(parts):
            raise failures[0]
        return SourceAnswer(papers=tuple(papers), endpoint="api", parts=tuple(parts), warnings=tuple(warnings))

    async def fetch_range(
        self, first: date, last: date, *, source: str, list_day: date, issn: Sequence[str] = (), prefix: str = ""
    ) -> SourceAnswer:
        """Fetch what a journal or registrant registered on some days, as entries that `source` lists on `list_day`.

        That repairs the gap of a feed that turned over between two readings.
        """
        query = next(_name_filters("issn", issn), "") or f"prefix:{prefix}"
        entries = await self._read(query, first, last)
        papers = [
            replace(paper, source=source, list_day=list_day, kind="listed")
            for paper in entries.papers.values()
            if paper.kind == "new"
        ]
        part = replace(entries.part(source), keys=frozenset(paper.key for paper in papers))
        return SourceAnswer(
            papers=tuple(papers), endpoint="api", parts=(part,), warnings=entries.warnings(self.title, list_day)
        )

    async def fetch_gap(self, gap: FeedGap, now: datetime) -> SourceAnswer:
        """Fetch what a journal or preprint server registered while its feed turned over.

        Raises NotListedError where neither feed nor Crossref tell which journal it is.
        """
        issns, prefix = gap.issns, ""
        preprints = [doi for doi in gap.dois if Identifier("doi", doi).is_preprint]
        if not issns and len(preprints) == len(gap.dois) > 0:
            prefix = Counter(doi.partition("/")[0] for doi in preprints).most_common(1)[0][0]
        for doi in () if issns or prefix else gap.dois[:MAX_LOOKUPS]:
            answer = await self._ask(f"/works/{quote(doi, safe='/:;()')}", {})
            found = answer["message"].get("ISSN") if answer and isinstance(answer.get("message"), dict) else None
            issns = tuple(issn for issn in found or () if isinstance(issn, str) and _ISSN.fullmatch(issn))
            if issns:
                break
        if not issns and not prefix:
            raise NotListedError(messages.unknown_journal(self.title, gap.source))
        first, today = gap.first_day - timedelta(days=1), now.astimezone(UTC).date()
        return await self.fetch_range(first, gap.last_day, source=gap.source, list_day=today, issn=issns, prefix=prefix)

    async def fetch_texts(self, ids: Sequence[str]) -> tuple[ListedPaper, ...]:
        """Fetch works by their DOIs, as news of known papers; those that Crossref does not know are left out."""
        papers: list[ListedPaper] = []
        today = datetime.now(UTC).date()
        for doi in ids:
            answer = await self._ask(f"/works/{quote(doi, safe='/:;()')}", {})
            if answer is not None:
                parse = partial(parse_work, day=today, is_news=True)
                papers += (await asyncio.to_thread(parse_entries, [answer["message"]], parse, 1)).papers
        return tuple(papers)

    async def _read(self, query: str, first: date, last: date, *, is_notice: bool = False) -> PagedEntries:
        """Read all pages of a query. The cursors of our pages are numbered, as the host's may all be the same."""

        async def fetch_page(numbered: str) -> Page:
            number, _, cursor = numbered.partition(" ")
            values = {
                "filter": f"{query},from-created-date:{first},until-created-date:{last}",
                "rows": str(PAGE_SIZE),
                "cursor": cursor,
            }
            answer = await self._ask("/works", values)
            message = answer.get("message") if answer else None
            items = message.get("items") if isinstance(message, dict) else None
            if not isinstance(message, dict) or not isinstance(items, list):
                raise MalformedAnswerError(messages.without_works(self.title))
            parse = partial(parse_work, day=first, is_news=is_notice)
            entries = await asyncio.to_thread(parse_entries, items, parse, len(items))
            following = message.get("next-cursor")
            has_more = len(items) == PAGE_SIZE and isinstance(following, str)
            return Page(
                entries,
                len(items),
                parse_total(message.get("total-results")),
                f"{int(number) + 1} {following}" if has_more else "",
            )

        return await read_by_cursor(fetch_page, first_cursor="1 *")

    async def _ask(self, path: str, values: Mapping[str, str]) -> dict[str, Any] | None:
        """Return an answer, None for a 404. A selection of fields that the host refuses is not made again."""
        query = dict(values)
        if values and not self._is_select_refused:
            query["select"] = ",".join(SELECTED)
        if "@" in self._client.contact and "/" not in self._client.contact:
            query["mailto"] = self._client.contact
        url = f"{self._url}{path}{'?' if query else ''}{urlencode(query, safe=':,*')}"
        response = await self._client.get(url, accept="application/json")
        if response.status == HTTPStatus.NOT_FOUND and not values:
            return None
        if response.status == HTTPStatus.BAD_REQUEST and "select" in query:
            self._is_select_refused = True
            return await self._ask(path, values)
        response.require_ok()
        answer = response.json()
        if not isinstance(answer, dict) or not isinstance(answer.get("message"), dict):
            raise MalformedAnswerError(messages.no_works(response.location, response.beginning))
        return answer


def _name_filters(name: str, values: Sequence[str]) -> Iterator[str]:
    """Yield filters for ISSNs or prefixes, as many in each as one address takes."""
    for start in range(0, len(values), NAMES_PER_REQUEST):
        yield ",".join(f"{name}:{value}" for value in values[start : start + NAMES_PER_REQUEST])
