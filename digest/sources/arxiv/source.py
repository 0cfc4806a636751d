"""arXiv: the feed of the current batch, and the query API for what the feed lacks.

GET {feed_url}/rss/cs.AI+cs.CL                 the current batch, empty at weekends and on some nine holidays
GET {api_url}/api/query?id_list=...            texts of papers known from elsewhere
GET {api_url}/api/query?search_query=...       a batch that was missed while it was current
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import ClassVar, Self
from urllib.parse import urlencode

from pydantic import Field, field_validator

from digest.config import HttpUrl, SourceSettings, StringList
from digest.errors import MalformedAnswerError, NotListedError
from digest.identifiers import parse_arxiv_id
from digest.sources import messages
from digest.sources.arxiv.atom import CATEGORY_PATTERN, ParsedAnswer, parse_feed
from digest.sources.arxiv.calendar import EASTERN, SATURDAY, submission_window
from digest.sources.arxiv.query import parse_query_response
from digest.sources.base import AnswerPart, ListedPaper, SourceAnswer
from digest.sources.entries import ParsedEntries
from digest.sources.http import SourceClient
from digest.sources.paging import Page, read_by_offset

FEED_URL, API_URL = "https://rss.arxiv.org", "https://export.arxiv.org"
FEED_LIMIT = 2000  # papers that a feed holds at most
IDS_PER_QUERY = 100
QUERY_PAGE_SIZE = 500
MAX_QUERY_PAGES = 12
MAX_FEED_AGE = timedelta(days=14)


class ArxivSource:
    """Source `arxiv`, for the given categories."""

    api = 1
    name = "arxiv"
    title = "arXiv"
    # Its terms of use: one request every three seconds, one at a time.
    hosts: ClassVar[Mapping[str, float]] = {"rss.arxiv.org": 3.0, "export.arxiv.org": 3.0}
    settles_after = timedelta(0)  # a batch is whole from the start
    text_scheme = "arxiv"

    class Settings(SourceSettings):
        """Which categories are read, and where."""

        categories: StringList = Field(("cs.AI", "cs.CL", "cs.CV", "cs.LG"), examples=["cs.CL,cs.LG"])
        feed_url: HttpUrl = FEED_URL
        api_url: HttpUrl = API_URL

        @field_validator("categories")
        @classmethod
        def _validate_categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            if unknown := [name for name in value if not CATEGORY_PATTERN.fullmatch(name)]:
                raise ValueError(messages.unknown_category(unknown[0]))
            return tuple(dict.fromkeys(value))

    def __init__(
        self, client: SourceClient, categories: Sequence[str], feed_url: str = FEED_URL, api_url: str = API_URL
    ) -> None:
        self._client = client
        self._categories = tuple(categories)
        self._feed_url = feed_url.rstrip("/")
        self._api_url = api_url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.categories, settings.feed_url, settings.api_url)

    def probe_urls(self) -> Mapping[str, str]:
        """Return what `digest doctor` asks."""
        feed = f"{self._feed_url}/rss/{'+'.join(self._categories)}"
        return {"arXiv feed": feed, "arXiv API": f"{self._api_url}/api/query?id_list=1706.03762&max_results=1"}

    def days(self, now: datetime) -> tuple[date, ...]:
        """Return the list day that the feed shows now: today in US Eastern, none at weekends."""
        today = now.astimezone(EASTERN).date()
        return (today,) if today.weekday() < SATURDAY else ()

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - the feed has its own day
        """Fetch the feed, which may show another day than `day`.

        Raises NotListedError when the feed of another day, or of a weekend, is empty.
        """
        if not self._categories:
            raise NotListedError(messages.NO_CATEGORY)
        answer = await self._fetch_feed(self._categories, day)
        if sum(part.received for part in answer.parts) < FEED_LIMIT or len(self._categories) == 1:
            return answer
        # A full feed may have been cut: each category on its own fits.
        answers = [await self._fetch_feed((category,), day) for category in self._categories]
        papers: dict[str, ListedPaper] = {}
        for paper in [paper for one in answers for paper in one.papers]:
            if paper.key not in papers or papers[paper.key].kind == "replace":
                papers[paper.key] = paper
        return SourceAnswer(
            papers=tuple(papers.values()),
            endpoint="rss",
            shown_day=answer.shown_day,
            parts=tuple(part for one in answers for part in one.parts),
            warnings=tuple(warning for one in answers for warning in one.warnings),
            validators=answer.validators,
        )

    async def _fetch_feed(self, categories: tuple[str, ...], day: date) -> SourceAnswer:
        url = f"{self._feed_url}/rss/{'+'.join(categories)}"
        # The day is part of the cache key: "not modified" then means that the batch of this very day is stored.
        response = await self._client.get(
            url, cache_key=f"{url}#{day}", accept="application/rss+xml, application/atom+xml"
        )
        if response.not_modified:
            return SourceAnswer(endpoint="rss", not_modified=True)
        response.require_ok()
        feed = await asyncio.to_thread(parse_feed, response.body, response.location)
        papers, shown_day = feed.entries.papers, feed.day
        if shown_day is None:
            raise MalformedAnswerError(messages.day_missing(response.location))
        if shown_day != day and (not papers or not day - MAX_FEED_AGE <= shown_day <= day + timedelta(days=1)):
            raise NotListedError(messages.feed_of_other_day(shown_day, day))
        if not papers and day.weekday() >= SATURDAY:
            raise NotListedError(messages.no_announcement(day))
        is_full = feed.entries.received >= FEED_LIMIT
        warnings = [] if papers else [messages.feed_empty(day)]
        warnings += [messages.feed_repaired(day)] if feed.is_repaired else []
        if unreadable := feed.entries.unreadable:
            warnings.append(messages.invalid_entries("arXiv's feed", day, unreadable, feed.entries.received))
        warnings += [messages.feed_full(categories)] if is_full else []
        parts = await asyncio.to_thread(
            split_by_category, feed.entries, categories, left_out=feed.entries.left_out + is_full
        )
        validators = response.validators
        is_cacheable = bool(papers) and shown_day == day and bool(validators.etag or validators.last_modified)
        return SourceAnswer(
            papers=papers,
            endpoint="rss",
            shown_day=None if shown_day == day else shown_day,
            parts=parts,
            warnings=tuple(warnings),
            validators=(validators,) if is_cacheable else (),
        )

    async def fetch_texts(self, ids: Sequence[str]) -> tuple[ListedPaper, ...]:
        """Fetch texts (kind replace) of papers by canonical id. Ids that arXiv does not know are left out."""
        arxiv_ids = [arxiv_id for arxiv_id in dict.fromkeys(ids) if parse_arxiv_id(arxiv_id)]
        papers: list[ListedPaper] = []
        for start in range(0, len(arxiv_ids), IDS_PER_QUERY):
            chunk = arxiv_ids[start : start + IDS_PER_QUERY]
            answer = await self._query(date.min, (), id_list=",".join(chunk), max_results=str(len(chunk)))
            papers += answer.entries.papers
        return tuple(papers)

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - as in fetch
        """Fetch the batch of a past list day, by when its papers were submitted (see `submission_window`).

        Papers that moderators held back for longer, or that a holiday moved to another batch, are not found this way;
        they are listed when a later fetch meets them.
        """
        if day.weekday() >= SATURDAY or not self._categories:
            raise NotListedError(messages.no_announcement(day))
        start, end = submission_window(day)
        categories = " OR ".join(f"cat:{category}" for category in self._categories)
        search = {
            "search_query": f"({categories}) AND submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]",
            "max_results": str(QUERY_PAGE_SIZE),
            "sortBy": "submittedDate",
            "sortOrder": "ascending",
        }

        async def fetch_page(offset: int) -> Page:
            answer = await self._query(day, self._categories, **search, start=str(offset))
            return Page(answer.entries, total=answer.total)

        listed = await read_by_offset(fetch_page, page_size=QUERY_PAGE_SIZE, max_pages=MAX_QUERY_PAGES)
        warnings = () if listed.promised else (messages.nothing_announced(day),)
        return listed.to_answer("arXiv's query API", day, "query", warnings=warnings)

    async def _query(self, day: date, categories: Sequence[str], **parameters: str) -> ParsedAnswer:
        url = f"{self._api_url}/api/query?{urlencode(parameters)}"
        response = await self._client.get(url, accept="application/atom+xml")
        if response.status != HTTPStatus.BAD_REQUEST:  # that is arXiv's own page about a fault, which parsing raises
            response.require_ok()
        answer = await asyncio.to_thread(
            parse_query_response, response.body, response.location, day=day, categories=categories
        )
        response.require_ok()
        return answer


def split_by_category(entries: ParsedEntries, categories: Sequence[str], *, left_out: int) -> tuple[AnswerPart, ...]:
    """Return a part for each category with entries: a paper belongs to the first of its own that was asked for.

    What cannot be read, or was left out, belongs to the first part.
    """
    keys: dict[str, set[str]] = {categories[0]: set()}
    for paper in entries.papers:
        category = next((category for category in paper.categories if category in categories), categories[0])
        keys.setdefault(category, set()).add(paper.key)
    parts = []
    for number, (name, part_keys) in enumerate(keys.items()):
        unreadable = 0 if number else entries.unreadable
        received = len(part_keys) + unreadable
        promised = received if number else received + left_out
        parts.append(AnswerPart(promised, received, unreadable, name, frozenset(part_keys)))
    return tuple(parts)
