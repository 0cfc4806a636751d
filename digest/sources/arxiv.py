"""arXiv: the feed of the current batch, and the query API for what the feed lacks.

    GET {feed}/rss/cs.AI+cs.CL                     the current batch, empty at weekends and on some nine holidays
    GET {api}/api/query?id_list=...                texts of papers known from elsewhere
    GET {api}/api/query?search_query=...           a batch that was missed while it was current

Batches are announced Sunday to Thursday at 20:00 US Eastern; the feed turns over at midnight there and is dated with
the weekday that then begins. That date is the list day.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import ClassVar, Self
from urllib.parse import urlencode

from pydantic import Field, field_validator

from digest.config import HttpUrl, SourceSettings, StringList
from digest.errors import MalformedAnswerError, NotListedError, SourceError
from digest.identifiers import parse_arxiv_id
from digest.sources import messages
from digest.sources.atom import CATEGORY_PATTERN, EASTERN, ParsedAnswer, parse_feed, parse_query_response
from digest.sources.base import AnswerPart, ListedPaper, SourceAnswer
from digest.sources.entries import ParsedEntries
from digest.sources.http import SourceClient, SourceResponse

FEED_URL, API_URL = "https://rss.arxiv.org", "https://export.arxiv.org"
FEED_LIMIT = 2000  # papers that a feed holds at most
IDS_PER_QUERY = 100
QUERY_PAGE_SIZE = 500
MAX_QUERY_PAGES = 12
MAX_FEED_AGE = timedelta(days=14)
SATURDAY = 5


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
            raise NotListedError("DIGEST_ARXIV_CATEGORIES names no category")
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
        raise_for_status(response)
        feed = await asyncio.to_thread(parse_feed, response.body, response.location)
        papers, shown_day = feed.entries.papers, feed.day
        if shown_day is None:
            raise MalformedAnswerError(f"{response.location} does not say of which day it is")
        if shown_day != day and (not papers or not day - MAX_FEED_AGE <= shown_day <= day + timedelta(days=1)):
            raise NotListedError(f"arXiv's feed is of {shown_day}, not of {day}")
        if not papers and day.weekday() >= SATURDAY:
            raise NotListedError(f"arXiv announces nothing on {day:%A} {day}")
        warnings: tuple[str, ...] = ()
        if not papers:
            warnings += (f"arXiv's feed of {day} is empty on a weekday: a holiday there, or a fault",)
        if feed.is_repaired:
            warnings += (f"arXiv's feed of {day} is damaged; it was repaired",)
        if unreadable := feed.entries.unreadable:
            warnings += (
                f"{unreadable} {'entry' if unreadable == 1 else 'entries'} of arXiv's feed of {day} could not be read",
            )
        is_full = feed.entries.received >= FEED_LIMIT
        if is_full:
            warnings += (f"arXiv's feed for {' '.join(categories)} is full; some papers may be missing",)
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
            warnings=warnings,
            validators=(validators,) if is_cacheable else (),
        )

    async def fetch_texts(self, ids: Sequence[str]) -> tuple[ListedPaper, ...]:
        """Fetch texts (kind replace) of papers by canonical id. Ids that arXiv does not know are left out."""
        arxiv_ids = [arxiv_id for arxiv_id in dict.fromkeys(ids) if parse_arxiv_id(arxiv_id)]
        papers: list[ListedPaper] = []
        for start in range(0, len(arxiv_ids), IDS_PER_QUERY):
            chunk = arxiv_ids[start : start + IDS_PER_QUERY]
            response = await self._query(id_list=",".join(chunk), max_results=str(len(chunk)))
            papers += (await self._parse_query(response, date.min)).entries.papers
        return tuple(papers)

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - as in fetch
        """Fetch the batch of a past list day, by when its papers were submitted (see `submission_window`).

        Papers that moderators held back for longer, or that a holiday moved to another batch, are not found this way;
        they are listed when a later fetch meets them.
        """
        if day.weekday() >= SATURDAY or not self._categories:
            raise NotListedError(f"arXiv announces nothing on {day:%A} {day}")
        start, end = submission_window(day)
        categories = " OR ".join(f"cat:{category}" for category in self._categories)
        query = f"({categories}) AND submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]"
        papers: dict[str, ListedPaper] = {}
        promised, unreadable, warnings = 0, 0, list[str]()
        for page in range(MAX_QUERY_PAGES):
            try:
                answer = await self._query_page(query, page, day, promised)
            except SourceError as error:
                if not page:
                    raise
                promised = max(promised, len(papers) + unreadable + 1)
                warnings.append(f"page {page + 1} of the papers announced on {day}: {error}")
                break
            for paper in answer.entries.papers:
                papers.setdefault(paper.key, paper)
            unreadable += answer.entries.unreadable
            # A total may grow between two pages. One that shrinks is a fault: the larger one counts.
            promised = max(promised, answer.total or 0, len(papers) + unreadable)
            if (page + 1) * QUERY_PAGE_SIZE >= promised:
                break
        received = len(papers) + unreadable
        if not promised:
            warnings.append(f"arXiv's query API knows no paper announced on {day}: a holiday, or a fault")
        elif received < promised:
            warnings.append(f"arXiv's query API gave {received:,} of {promised:,} papers announced on {day}")
        if unreadable:
            warnings.append(f"{unreadable} of {received} entries announced on {day} could not be read")
        part = AnswerPart(promised, received, unreadable, keys=frozenset(papers))
        return SourceAnswer(papers=tuple(papers.values()), endpoint="query", parts=(part,), warnings=tuple(warnings))

    async def _query_page(self, query: str, page: int, day: date, promised: int) -> ParsedAnswer:
        """Fetch a page of a query. One that is empty although more was promised is asked for once more."""
        for attempt in range(2):
            response = await self._query(
                search_query=query,
                start=str(page * QUERY_PAGE_SIZE),
                max_results=str(QUERY_PAGE_SIZE),
                sortBy="submittedDate",
                sortOrder="ascending",
            )
            answer = await self._parse_query(response, day, self._categories)
            expected = max(promised, answer.total or 0) > page * QUERY_PAGE_SIZE or not page
            if answer.entries.received or not expected or attempt:
                break
        return answer

    async def _parse_query(self, response: SourceResponse, day: date, categories: Sequence[str] = ()) -> ParsedAnswer:
        return await asyncio.to_thread(
            parse_query_response, response.body, response.location, day=day, categories=categories
        )

    async def _query(self, **parameters: str) -> SourceResponse:
        url = f"{self._api_url}/api/query?{urlencode(parameters)}"
        response = await self._client.get(url, accept="application/atom+xml")
        if response.status == HTTPStatus.BAD_REQUEST:
            # arXiv's own error page names the fault, which parsing it raises.
            await self._parse_query(response, date.min)
        raise_for_status(response)
        return response


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


def submission_window(day: date) -> tuple[datetime, datetime]:
    """Return from when to when (UTC) the papers were submitted that arXiv announced on list day `day`.

    Submissions close at 14:00 US Eastern from Monday to Friday. The batch of `day` closed on the last weekday before
    it and opened on the weekday before that: Tuesday's holds what came from Friday 14:00 to Monday 14:00.
    """
    closed_on = previous_weekday(day)
    opened_on = previous_weekday(closed_on)
    deadline = time(14, tzinfo=EASTERN)
    start, end = (datetime.combine(weekday, deadline) for weekday in (opened_on, closed_on))
    return start.astimezone(UTC), end.astimezone(UTC)


def previous_weekday(day: date) -> date:
    """Return the last day before `day` that is no Saturday or Sunday."""
    day -= timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


def raise_for_status(response: SourceResponse) -> None:
    """Raise MalformedAnswerError unless the status is 200."""
    if response.status != HTTPStatus.OK:
        raise MalformedAnswerError(f"{response.location} answers {response.status}{response.describe_body()}")
