"""arXiv: the feed of the current batch, and the query API for what the feed lacks.

    GET {feed}/rss/cs.AI+cs.CL                     the current batch, empty at weekends and on some nine holidays
    GET {api}/api/query?id_list=...                texts of papers known from elsewhere
    GET {api}/api/query?search_query=...           a batch that was missed while it was current

Batches are announced Sunday to Thursday at 20:00 US Eastern; the feed turns over at midnight there and is dated with
the weekday that then begins. That date is the list day.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Self
from urllib.parse import urlencode

from digest.config import Settings
from digest.errors import MalformedAnswerError, NotListedError, SourceUnavailableError
from digest.identifiers import parse_arxiv_id
from digest.sources.atom import EASTERN, parse_feed, parse_query_response
from digest.sources.base import ListedPaper, SourceAnswer
from digest.sources.http import SourceClient, SourceResponse

FEED_LIMIT = 2000  # papers that a feed holds at most
IDS_PER_QUERY = 100
QUERY_PAGE_SIZE = 500
MAX_QUERY_PAGES = 12
COMPLETE_SHARE = 0.95  # of the papers that a query promises; the rest may be entries without an id or a title
SATURDAY = 5


class ArxivSource:
    """Source `arxiv`, for the given categories."""

    name = "arxiv"
    growth_period = timedelta(0)  # a batch is whole from the start

    def __init__(
        self,
        client: SourceClient,
        categories: Sequence[str],
        feed_url: str = "https://rss.arxiv.org",
        api_url: str = "https://export.arxiv.org",
    ) -> None:
        self._client = client
        self._categories = tuple(categories)
        self._feed_url = feed_url.rstrip("/")
        self._api_url = api_url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.arxiv_categories, settings.arxiv_feed_url, settings.arxiv_api_url)

    def current_days(self, now: datetime) -> tuple[date, ...]:
        """Return the list day that the feed shows now: today in US Eastern, none at weekends."""
        today = now.astimezone(EASTERN).date()
        return (today,) if today.weekday() < SATURDAY else ()

    async def fetch_day(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - the feed has its own day
        """Fetch the feed, which may show another day than `day`.

        Raises NotListedError when the feed of another day, or of a weekend, is empty.
        """
        if not self._categories:
            raise NotListedError("DIGEST_ARXIV_CATEGORIES names no category")
        answer = await self._fetch_feed(self._categories, day)
        if len(answer.papers) + answer.skipped_entries < FEED_LIMIT or len(self._categories) == 1:
            return answer
        # A full feed may have been cut: each category on its own fits.
        parts = [await self._fetch_feed((category,), day) for category in self._categories]
        papers: dict[str, ListedPaper] = {}
        for paper in [paper for part in parts for paper in part.papers]:
            if paper.key not in papers or papers[paper.key].kind == "replace":
                papers[paper.key] = paper
        return SourceAnswer(
            papers=tuple(papers.values()),
            endpoint="rss",
            shown_day=answer.shown_day,
            skipped_entries=sum(part.skipped_entries for part in parts),
            warnings=tuple(warning for part in parts for warning in part.warnings),
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
        shown_day, papers, skipped = parse_feed(response.body, response.location)
        if shown_day is None:
            raise MalformedAnswerError(f"{response.location} does not say of which day it is")
        if shown_day != day and not papers:
            raise NotListedError(f"arXiv's feed is of {shown_day}, not of {day}")
        if not papers and day.weekday() >= SATURDAY:
            raise NotListedError(f"arXiv announces nothing on {day:%A} {day}")
        warnings: tuple[str, ...] = ()
        if not papers:
            warnings += (f"arXiv's feed of {day} is empty on a weekday: a holiday there, or a fault",)
        if skipped:
            warnings += (f"{skipped} entries of arXiv's feed of {day} could not be read",)
        if len(papers) + skipped >= FEED_LIMIT:
            warnings += (f"arXiv's feed for {' '.join(categories)} is full; some papers may be missing",)
        validators = response.validators
        is_cacheable = bool(papers) and shown_day == day and bool(validators.etag or validators.last_modified)
        return SourceAnswer(
            papers=papers,
            endpoint="rss",
            shown_day=None if shown_day == day else shown_day,
            skipped_entries=skipped,
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
            texts, _ = parse_query_response(response.body, response.location, day=date.min)
            papers += texts
        return tuple(papers)

    async def backfill_day(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - as in fetch_day
        """Fetch the batch of a past list day, by when its papers were submitted (see `submission_window`).

        Papers that moderators held back for longer, or that a holiday moved to another batch, are not found this way;
        they are listed when a later fetch meets them.
        """
        if day.weekday() >= SATURDAY or not self._categories:
            raise NotListedError(f"arXiv announces nothing on {day:%A} {day}")
        papers = await self._query_day(day)
        if not papers:
            # A 200 without entries may be a fault: it is believed when it comes twice.
            papers = await self._query_day(day)
        unique = {paper.key: paper for paper in reversed(papers)}
        warnings = () if papers else (f"arXiv's query API knows no paper announced on {day}: a holiday, or a fault",)
        return SourceAnswer(papers=tuple(reversed(unique.values())), endpoint="query", warnings=warnings)

    async def _query_day(self, day: date) -> list[ListedPaper]:
        start, end = submission_window(day)
        categories = " OR ".join(f"cat:{category}" for category in self._categories)
        query = f"({categories}) AND submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]"
        papers: list[ListedPaper] = []
        for page in range(MAX_QUERY_PAGES):
            response = await self._query(
                search_query=query,
                start=str(page * QUERY_PAGE_SIZE),
                max_results=str(QUERY_PAGE_SIZE),
                sortBy="submittedDate",
                sortOrder="ascending",
            )
            part, total = parse_query_response(response.body, response.location, day=day, categories=self._categories)
            papers += part
            is_last = (page + 1) * QUERY_PAGE_SIZE >= total
            if (is_last and len(papers) < total * COMPLETE_SHARE) or (not is_last and not part):
                raise SourceUnavailableError(
                    f"{response.location} gave {len(papers)} of {total} papers announced on {day}"
                )
            if is_last:
                return papers
        raise MalformedAnswerError(f"arXiv names more than {MAX_QUERY_PAGES * QUERY_PAGE_SIZE} papers for {day}")

    async def _query(self, **parameters: str) -> SourceResponse:
        url = f"{self._api_url}/api/query?{urlencode(parameters)}"
        response = await self._client.get(url, accept="application/atom+xml")
        if response.status == HTTPStatus.BAD_REQUEST:
            # arXiv's own error page names the fault, which parsing it raises.
            parse_query_response(response.body, response.location, day=date.min)
        raise_for_status(response)
        return response


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
