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
from digest.sources.atom import EASTERN, parse_feed, parse_query_answer
from digest.sources.base import ListedPaper, SourceAnswer, parse_arxiv_id
from digest.sources.http import SourceClient, SourceResponse

FEED_LIMIT = 2000  # the most that a feed holds


IDS_PER_QUERY = 100  # the most that are asked for at once


QUERY_PAGE_SIZE = 500


MAX_QUERY_PAGES = 12


COMPLETE_SHARE = 0.95  # of what a query promises; the rest may be entries that nobody can read


SATURDAY = 5


class ArxivSource:
    """The source called arxiv, for some categories."""

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
        return cls(client, settings.arxiv_categories, settings.arxiv_feed_url, settings.arxiv_api_url)

    def current_days(self, now: datetime) -> tuple[date, ...]:
        """The list day that the feed shows now: today in US Eastern, none at weekends."""
        today = now.astimezone(EASTERN).date()
        return (today,) if today.weekday() < SATURDAY else ()

    async def fetch_day(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - the feed knows its day
        """The feed. It may be of another day than `day`: then the answer says so, and the papers count for that day.

        Raises NotListed when a feed of another day, or one at a weekend, is empty.
        """
        if not self._categories:
            raise NotListedError("DIGEST_ARXIV_CATEGORIES names no category")
        answer = await self._fetch_feed(self._categories, day)
        if len(answer.papers) + answer.skipped_entries < FEED_LIMIT or len(self._categories) == 1:
            return answer
        # A full feed may have been cut: each category on its own fits.
        parts = [await self._fetch_feed((category,), day) for category in self._categories]
        merged: dict[str, ListedPaper] = {}
        for listed in [listed for part in parts for listed in part.papers]:
            if listed.key not in merged or merged[listed.key].kind == "replace":
                merged[listed.key] = listed
        return SourceAnswer(
            papers=tuple(merged.values()),
            endpoint="rss",
            shown_day=answer.shown_day,
            skipped_entries=sum(part.skipped_entries for part in parts),
            warnings=tuple(note for part in parts for note in part.warnings),
            validators=answer.validators,
        )

    async def _fetch_feed(self, categories: tuple[str, ...], day: date) -> SourceAnswer:
        url = f"{self._feed_url}/rss/{'+'.join(categories)}"
        # The answer is named with its day: "not modified" then means that the batch of this very day is taken in.
        reply = await self._client.get(
            url, cache_key=f"{url}#{day}", accept="application/rss+xml, application/atom+xml"
        )
        if reply.not_modified:
            return SourceAnswer(endpoint="rss", not_modified=True)
        _raise_for_status(reply)
        shown, listed, skipped = parse_feed(reply.body, reply.location)
        if shown is None:
            raise MalformedAnswerError(f"{reply.location} does not say of which day it is")
        if shown != day and not listed:
            raise NotListedError(f"arXiv's feed is of {shown}, not of {day}")
        if not listed and day.weekday() >= SATURDAY:
            raise NotListedError(f"arXiv announces nothing on {day:%A} {day}")
        notes: tuple[str, ...] = ()
        if not listed:
            notes += (f"arXiv's feed of {day} is empty on a weekday: a holiday there, or a fault",)
        if skipped:
            notes += (f"{skipped} entries of arXiv's feed of {day} could not be read",)
        if len(listed) + skipped >= FEED_LIMIT:
            notes += (f"arXiv's feed for {' '.join(categories)} is full; some papers may be missing",)
        keep = bool(listed) and shown == day and bool(reply.validators.etag or reply.validators.last_modified)
        return SourceAnswer(
            papers=listed,
            endpoint="rss",
            shown_day=None if shown == day else shown,
            skipped_entries=skipped,
            warnings=notes,
            validators=(reply.validators,) if keep else (),
        )

    async def fetch_texts(self, ids: Sequence[str]) -> tuple[ListedPaper, ...]:
        """Texts (kind replace) of papers by canonical id, as far as arXiv knows them; unknown ids vanish silently."""
        asked = [name for name in dict.fromkeys(ids) if parse_arxiv_id(name)]
        found: list[ListedPaper] = []
        for start in range(0, len(asked), IDS_PER_QUERY):
            part = asked[start : start + IDS_PER_QUERY]
            reply = await self._query(id_list=",".join(part), max_results=str(len(part)))
            texts, _ = parse_query_answer(reply.body, reply.location, day=date.min)
            found += texts
        return tuple(found)

    async def backfill_day(self, day: date, now: datetime) -> SourceAnswer:  # noqa: ARG002  - as above
        """The batch of a past list day, by when its papers were submitted.

        The window is that of arXiv's schedule (see `window`). What moderators held back for longer is not found this
        way, nor are papers that a holiday moved to another batch; both are listed when a reading meets them later.
        """
        if day.weekday() >= SATURDAY or not self._categories:
            raise NotListedError(f"arXiv announces nothing on {day:%A} {day}")
        found = await self._query_day(day)
        if not found:
            # A 200 without entries may be a fault: it is believed when it comes twice.
            found = await self._query_day(day)
        unique = {listed.key: listed for listed in reversed(found)}
        notes = () if found else (f"arXiv's query API knows no paper announced on {day}: a holiday, or a fault",)
        return SourceAnswer(papers=tuple(reversed(unique.values())), endpoint="query", warnings=notes)

    async def _query_day(self, day: date) -> list[ListedPaper]:
        opens, closes = submission_window(day)
        categories = " OR ".join(f"cat:{category}" for category in self._categories)
        query = f"({categories}) AND submittedDate:[{opens:%Y%m%d%H%M} TO {closes:%Y%m%d%H%M}]"
        found: list[ListedPaper] = []
        for number in range(MAX_QUERY_PAGES):
            reply = await self._query(
                search_query=query,
                start=str(number * QUERY_PAGE_SIZE),
                max_results=str(QUERY_PAGE_SIZE),
                sortBy="submittedDate",
                sortOrder="ascending",
            )
            part, total = parse_query_answer(reply.body, reply.location, day=day, categories=self._categories)
            found += part
            last = (number + 1) * QUERY_PAGE_SIZE >= total
            if (last and len(found) < total * COMPLETE_SHARE) or (not last and not part):
                raise SourceUnavailableError(f"{reply.location} gave {len(found)} of {total} papers announced on {day}")
            if last:
                return found
        raise MalformedAnswerError(f"arXiv names more than {MAX_QUERY_PAGES * QUERY_PAGE_SIZE} papers for {day}")

    async def _query(self, **parameters: str) -> SourceResponse:
        reply = await self._client.get(
            f"{self._api_url}/api/query?{urlencode(parameters)}", accept="application/atom+xml"
        )
        if reply.status == HTTPStatus.BAD_REQUEST:
            parse_query_answer(
                reply.body, reply.location, day=date.min
            )  # says what is wrong, when it is arXiv's own page
        _raise_for_status(reply)
        return reply


def submission_window(day: date) -> tuple[datetime, datetime]:
    """From when to when papers were submitted (UTC) that arXiv announced on list day `day`.

    Submissions close at 14:00 US Eastern from Monday to Friday. The batch of `day` closed on the last weekday before
    it and opened on the weekday before that: Tuesday's holds what came from Friday 14:00 to Monday 14:00.
    """
    closed = previous_weekday(day)
    opened = previous_weekday(closed)
    at = time(14, tzinfo=EASTERN)
    return datetime.combine(opened, at).astimezone(UTC), datetime.combine(closed, at).astimezone(UTC)


def previous_weekday(day: date) -> date:
    day -= timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


def _raise_for_status(reply: SourceResponse) -> None:
    if reply.status != HTTPStatus.OK:
        raise MalformedAnswerError(f"{reply.location} answers {reply.status}{reply.describe_body()}")
