"""PubMed: the records that entered on a day, by NCBI's E-utilities.

    GET {url}/entrez/eutils/esearch.fcgi?datetype=edat&mindate=D&maxdate=D   how many, and which
    GET {url}/entrez/eutils/efetch.fcgi?WebEnv=...                           200 of them as XML
    GET {url}/entrez/eutils/esearch.fcgi?datetype=mdat...                    papers that were retracted on a day

A day is that of the US Eastern time zone. Records enter with an older date for some days.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from digest.config import HttpUrl, OneLine, SourceSettings
from digest.errors import MalformedAnswerError, NotListedError, SourceError, SourceUnavailableError
from digest.sources import messages
from digest.sources.base import ListedPaper, SourceAdvice, SourceAnswer
from digest.sources.http import HttpValidators, SourceClient, SourceResponse
from digest.sources.paging import Page, join_lists, parse_total, read_by_offset
from digest.sources.pubmed.records import parse_records

URL = "https://eutils.ncbi.nlm.nih.gov"
EASTERN = ZoneInfo("America/New_York")
PAGE_SIZE = 200
SEARCH_LIMIT = 10_000  # records that one search gives
CURRENT_DAYS = 5
# Halves of a search that gives too many: each of these terms, and its negation.
DIVIDERS = ("hasabstract", "english[la]", "review[pt]", "humans[mh]", "free full text[sb]")


_ERROR = re.compile(r'"error"\s*:\s*"([^"]{1,200})"')
ERROR_LENGTH = 2000  # of an answer in which an error is looked for


@dataclass(frozen=True, slots=True)
class Search:
    """Result of one search, which stays on the host's history: how many records, and the ids of the first 10,000."""

    term: str
    count: int
    ids: tuple[str, ...] = field(repr=False)
    history: Mapping[str, str] = field(repr=False)
    unknown_terms: tuple[str, ...] = ()


class PubMedSource:
    """Source `pubmed`, for a query of PubMed's own language or for all of it."""

    api = 1
    name = "pubmed"
    title = "PubMed"
    settles_after = timedelta(days=4)  # from the beginning of the day
    lists_weekends = True

    class Settings(SourceSettings):
        """What is read, and how."""

        query: OneLine = Field("", examples=["asthma[mh] OR lung diseases[mh]"])
        api_key: SecretStr = Field(SecretStr(""), examples=["0123456789abcdef0123456789abcdef0123"])
        url: HttpUrl = URL

    def __init__(self, client: SourceClient, query: str = "", api_key: str = "", url: str = URL) -> None:
        self._client = client
        self._query = query
        self._api_key = api_key
        self._url = url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.query, settings.api_key.get_secret_value(), settings.url)

    @property
    def hosts(self) -> Mapping[str, float]:
        """NCBI's rule: 3 requests a second, 10 with a key."""
        return {"eutils.ncbi.nlm.nih.gov": 0.1 if self._api_key else 0.34}

    def probe_urls(self) -> Mapping[str, str]:
        """Return what `digest doctor` asks."""
        return {self.title: f"{self._url}/entrez/eutils/esearch.fcgi?db=pubmed&term=asthma&retmax=1&retmode=json"}

    def advice(self) -> Sequence[SourceAdvice]:
        """Return what NCBI asks for and the settings lack."""
        lacking = [] if self._client.contact else [messages.lacks_contact("NCBI")]
        if not self._api_key and not self._query:
            lacking.append(messages.lacks_key(self.title, "DIGEST_PUBMED_API_KEY"))
        return [SourceAdvice(sentence) for sentence in lacking]

    def days(self, now: datetime) -> tuple[date, ...]:
        """Return today (US Eastern) and the four days before, whose lists may still grow."""
        today = now.astimezone(EASTERN).date()
        return tuple(today - timedelta(days=days) for days in reversed(range(CURRENT_DAYS)))

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch the records that entered on a day, and the papers retracted on it.

        A day whose records are those of the last whole fetch is not fetched again. Raises NotListedError while a day
        without records is not over.
        """
        search = await self._search(day, self._query)
        warnings = (
            [messages.unknown_terms(self.title, "DIGEST_PUBMED_QUERY", search.unknown_terms)]
            if search.unknown_terms
            else []
        )
        if not search.count and now < datetime.combine(day + timedelta(days=1), time(), tzinfo=EASTERN):
            raise NotListedError(messages.no_records_yet(self.title, day))
        notices = await self._fetch_retractions(day, warnings)
        validators = self._validators(day, search)
        if search.count and self._client.cached_etag(validators.url) == validators.etag:
            return SourceAnswer(papers=notices, endpoint="api", not_modified=True, warnings=tuple(warnings))
        searches = [one for one in await self._split(day, search) if one.count]
        lists = [await read_by_offset(partial(self._fetch_page, one, day), page_size=PAGE_SIZE) for one in searches]
        entries = join_lists(lists, search.count)
        is_final = entries.is_whole and len(search.ids) == search.count
        return SourceAnswer(
            papers=(*entries.papers.values(), *notices),
            endpoint="api",
            parts=(entries.part(),),
            warnings=(*warnings, *entries.warnings(self.title, day)),
            validators=(validators,) if is_final else (),
        )

    backfill = fetch

    async def _search(self, day: date, term: str, datetype: str = "edat") -> Search:
        response = await self._ask(
            "esearch",
            term=term or "all[sb]",
            datetype=datetype,
            mindate=f"{day:%Y/%m/%d}",
            maxdate=f"{day:%Y/%m/%d}",
            retmax=str(SEARCH_LIMIT),
            usehistory="y",
            retmode="json",
        )
        return parse_search(response.json(), response.location, term)

    async def _split(self, day: date, search: Search, dividers: Sequence[str] = DIVIDERS) -> list[Search]:
        """Return searches that together find the same, each within the limit as far as they can be divided."""
        if search.count <= SEARCH_LIMIT or not dividers:
            return [search]
        term, divider = search.term or "all[sb]", dividers[0]
        halves = [await self._search(day, f"({term}) {how} {divider}") for how in ("AND", "NOT")]
        return [one for half in halves for one in await self._split(day, half, dividers[1:])]

    async def _fetch_page(self, search: Search, day: date, start: int) -> Page:
        """Fetch a page. One that is short or broken is asked for once more."""
        total = min(search.count, SEARCH_LIMIT)
        expected = min(PAGE_SIZE, total - start)
        for attempt in range(2):
            response = await self._ask(
                "efetch", **search.history, retstart=str(start), retmax=str(expected), retmode="xml"
            )
            try:
                entries = await asyncio.to_thread(parse_records, response.body, response.location, day, start)
            except MalformedAnswerError:
                if attempt:
                    raise
                continue
            if entries.received >= expected or attempt:
                return Page(entries, total=total)
        raise AssertionError("the second attempt returns or raises")

    async def _fetch_retractions(self, day: date, warnings: list[str]) -> tuple[ListedPaper, ...]:
        """Fetch the papers that were marked as retracted on a day: news of papers that are known."""
        term = f"({self._query}) AND retracted publication[pt]" if self._query else "retracted publication[pt]"
        try:
            search = await self._search(day, term, "mdat")
            papers = (await self._fetch_page(search, day, 0)).entries.papers if search.count else ()
        except SourceError as error:
            warnings.append(messages.retractions_failed(self.title, day, str(error)))
            return ()
        return tuple(replace(paper, kind="replace") for paper in papers)

    async def _ask(self, program: str, **parameters: str) -> SourceResponse:
        named = {
            "db": "pubmed",
            **parameters,
            "tool": "digest",
            "email": self._client.contact,
            "api_key": self._api_key,
        }
        query = urlencode({name: value for name, value in named.items() if value})
        response = await self._client.get(f"{self._url}/entrez/eutils/{program}.fcgi?{query}")
        if response.status != HTTPStatus.OK:
            # An answer about a faulty key begins with an error, and quotes the key after it.
            error = _ERROR.search(response.body[:ERROR_LENGTH].decode("utf-8", "replace"))
            raise MalformedAnswerError(
                messages.status_with_reason(response.location, response.status, error[1])
                if error
                else messages.unexpected_status(response.location, response.status, response.beginning)
            )
        return response

    def _validators(self, day: date, search: Search) -> HttpValidators:
        """Return what tells that a day's records are the same as before; the host has no validators of its own."""
        digest = hashlib.sha256(" ".join(sorted(search.ids)).encode()).hexdigest()[:32]
        term = hashlib.sha256(self._query.encode()).hexdigest()[:16]
        return HttpValidators(f"{self._url}/pubmed/{day}#{term}", etag=digest)


def parse_search(answer: Any, location: str, term: str) -> Search:
    """Parse an answer of esearch. Raises MalformedAnswerError, or SourceUnavailableError for one about a limit."""
    answer = answer if isinstance(answer, dict) else {}
    result = answer.get("esearchresult")
    result = result if isinstance(result, dict) else {}
    fault = result.get("ERROR") or answer.get("error")
    if fault or not result:
        message = messages.no_result(location, str(fault)[:200])
        raise SourceUnavailableError(message) if "limit" in str(fault) else MalformedAnswerError(message)
    count, ids, errors = parse_total(result.get("count")), result.get("idlist"), result.get("errorlist")
    if count is None or (count and not result.get("webenv")):
        raise MalformedAnswerError(messages.results_missing(location))
    history = {"WebEnv": str(result["webenv"]), "query_key": str(result.get("querykey", 1))} if count else {}
    lists = [terms for terms in errors.values() if isinstance(terms, list)] if isinstance(errors, dict) else []
    unknown_terms = tuple(str(term) for terms in lists for term in terms)
    return Search(term, count, tuple(map(str, ids if isinstance(ids, list) else ())), history, unknown_terms)
