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

from digest.errors import Malformed, NotListed, Unreachable
from digest.settings import Settings
from digest.sources.base import Answer, Listed, arxiv_id
from digest.sources.feed import EASTERN, read_feed, read_query
from digest.sources.http import Client, Reply

FULL = 2000  # the most that a feed holds
IDS = 100  # the most that are asked for at once
SLICE = 500
SLICES = 12
WHOLE = 0.95  # of what a query promises; the rest may be entries that nobody can read
SATURDAY = 5


class ArXiv:
    """The source called arxiv, for some categories."""

    name = "arxiv"
    grows = timedelta(0)  # a batch is whole from the start

    def __init__(
        self,
        client: Client,
        categories: Sequence[str],
        feed: str = "https://rss.arxiv.org",
        api: str = "https://export.arxiv.org",
    ) -> None:
        self._client = client
        self._categories = tuple(categories)
        self._feed = feed.rstrip("/")
        self._api = api.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: Client) -> Self:
        return cls(client, settings.arxiv_categories, settings.arxiv_feed_url, settings.arxiv_api_url)

    def days(self, now: datetime) -> tuple[date, ...]:
        """The list day that the feed shows now: today in US Eastern, none at weekends."""
        today = now.astimezone(EASTERN).date()
        return (today,) if today.weekday() < SATURDAY else ()

    async def read(self, day: date, now: datetime) -> Answer:  # noqa: ARG002  - the feed knows its day
        """The feed. It may be of another day than `day`: then the answer says so, and the papers count for that day.

        Raises NotListed when a feed of another day, or one at a weekend, is empty.
        """
        if not self._categories:
            raise NotListed("DIGEST_ARXIV_CATEGORIES names no category")
        answer = await self._read_feed(self._categories, day)
        if len(answer.listed) + answer.skipped < FULL or len(self._categories) == 1:
            return answer
        # A full feed may have been cut: each category on its own fits.
        parts = [await self._read_feed((category,), day) for category in self._categories]
        merged: dict[str, Listed] = {}
        for listed in [listed for part in parts for listed in part.listed]:
            if listed.key not in merged or merged[listed.key].kind == "replace":
                merged[listed.key] = listed
        return Answer(
            listed=tuple(merged.values()),
            via="rss",
            shown=answer.shown,
            skipped=sum(part.skipped for part in parts),
            notes=tuple(note for part in parts for note in part.notes),
            fetched=answer.fetched,
        )

    async def _read_feed(self, categories: tuple[str, ...], day: date) -> Answer:
        url = f"{self._feed}/rss/{'+'.join(categories)}"
        # The answer is named with its day: "not modified" then means that the batch of this very day is taken in.
        reply = await self._client.get(url, name=f"{url}#{day}", accept="application/rss+xml, application/atom+xml")
        if reply.unchanged:
            return Answer(via="rss", unchanged=True)
        _expect_ok(reply)
        shown, listed, skipped = read_feed(reply.body, reply.where)
        if shown is None:
            raise Malformed(f"{reply.where} does not say of which day it is")
        if shown != day and not listed:
            raise NotListed(f"arXiv's feed is of {shown}, not of {day}")
        if not listed and day.weekday() >= SATURDAY:
            raise NotListed(f"arXiv announces nothing on {day:%A} {day}")
        notes: tuple[str, ...] = ()
        if not listed:
            notes += (f"arXiv's feed of {day} is empty on a weekday: a holiday there, or a fault",)
        if skipped:
            notes += (f"{skipped} entries of arXiv's feed of {day} could not be read",)
        if len(listed) + skipped >= FULL:
            notes += (f"arXiv's feed for {' '.join(categories)} is full; some papers may be missing",)
        keep = bool(listed) and shown == day and bool(reply.fetch.etag or reply.fetch.last_modified)
        return Answer(
            listed=listed,
            via="rss",
            shown=None if shown == day else shown,
            skipped=skipped,
            notes=notes,
            fetched=(reply.fetch,) if keep else (),
        )

    async def fill_in(self, ids: Sequence[str]) -> tuple[Listed, ...]:
        """Texts (kind replace) of papers by canonical id, as far as arXiv knows them; unknown ids vanish silently."""
        asked = [name for name in dict.fromkeys(ids) if arxiv_id(name)]
        found: list[Listed] = []
        for start in range(0, len(asked), IDS):
            part = asked[start : start + IDS]
            reply = await self._ask(id_list=",".join(part), max_results=str(len(part)))
            texts, _ = read_query(reply.body, reply.where, day=date.min)
            found += texts
        return tuple(found)

    async def make_up(self, day: date, now: datetime) -> Answer:  # noqa: ARG002  - as above
        """The batch of a past list day, by when its papers were submitted.

        The window is that of arXiv's schedule (see `window`). What moderators held back for longer is not found this
        way, nor are papers that a holiday moved to another batch; both are listed when a reading meets them later.
        """
        if day.weekday() >= SATURDAY or not self._categories:
            raise NotListed(f"arXiv announces nothing on {day:%A} {day}")
        found = await self._search(day)
        if not found:
            # A 200 without entries may be a fault: it is believed when it comes twice.
            found = await self._search(day)
        unique = {listed.key: listed for listed in reversed(found)}
        notes = () if found else (f"arXiv's query API knows no paper announced on {day}: a holiday, or a fault",)
        return Answer(listed=tuple(reversed(unique.values())), via="query", notes=notes)

    async def _search(self, day: date) -> list[Listed]:
        opens, closes = window(day)
        categories = " OR ".join(f"cat:{category}" for category in self._categories)
        query = f"({categories}) AND submittedDate:[{opens:%Y%m%d%H%M} TO {closes:%Y%m%d%H%M}]"
        found: list[Listed] = []
        for number in range(SLICES):
            reply = await self._ask(
                search_query=query,
                start=str(number * SLICE),
                max_results=str(SLICE),
                sortBy="submittedDate",
                sortOrder="ascending",
            )
            part, total = read_query(reply.body, reply.where, day=day, categories=self._categories)
            found += part
            last = (number + 1) * SLICE >= total
            if (last and len(found) < total * WHOLE) or (not last and not part):
                raise Unreachable(f"{reply.where} gave {len(found)} of {total} papers announced on {day}")
            if last:
                return found
        raise Malformed(f"arXiv names more than {SLICES * SLICE} papers for {day}")

    async def _ask(self, **parameters: str) -> Reply:
        reply = await self._client.get(f"{self._api}/api/query?{urlencode(parameters)}", accept="application/atom+xml")
        if reply.status == HTTPStatus.BAD_REQUEST:
            read_query(reply.body, reply.where, day=date.min)  # says what is wrong, when it is arXiv's own page
        _expect_ok(reply)
        return reply


def window(day: date) -> tuple[datetime, datetime]:
    """From when to when papers were submitted (UTC) that arXiv announced on list day `day`.

    Submissions close at 14:00 US Eastern from Monday to Friday. The batch of `day` closed on the last weekday before
    it and opened on the weekday before that: Tuesday's holds what came from Friday 14:00 to Monday 14:00.
    """
    closed = _weekday_before(day)
    opened = _weekday_before(closed)
    at = time(14, tzinfo=EASTERN)
    return datetime.combine(opened, at).astimezone(UTC), datetime.combine(closed, at).astimezone(UTC)


def _weekday_before(day: date) -> date:
    day -= timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


def _expect_ok(reply: Reply) -> None:
    if reply.status != HTTPStatus.OK:
        raise Malformed(f"{reply.where} answers {reply.status}{reply.begins()}")
