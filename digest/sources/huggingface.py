"""Hugging Face Daily Papers: by its API, and by the data that its page carries; each stands in for the other.

    GET {base}/api/daily_papers?date=D&limit=100&p=0     JSON, Link: rel="next"; 400 for a day that is not open yet
    GET {base}/papers/date/D                             a page; all of it as JSON in div[data-target=DailyPapers]

A list day is a UTC day, Monday to Friday. Its list grows all day and the day after, so every run reads the last three.
The page of a day without a list shows the last one before it: only the day it names is believed.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urljoin

from parsel import Selector

from digest.errors import Malformed, NotListed, SourceError, Throttled, Unreachable
from digest.settings import Settings
from digest.sources.base import Answer, Fetch, Listed, arxiv_id, web_address
from digest.sources.http import Client, Reply
from digest.sources.text import names, readable
from digest.sources.traffic import redirect_allowed

PUBLIC = "https://huggingface.co"
PAGE = 100  # the most that the API gives at once
PAGES = 20
LIST_DAYS = 3
SATURDAY = 5
_NEXT = re.compile(r"""<([^<>]+)>\s*;[^,<]*\brel\s*=\s*"?next\b""", re.IGNORECASE)


class HuggingFace:
    """The source called huggingface. Listed papers carry upvotes and comments as they are at the reading."""

    name = "huggingface"
    grows = timedelta(days=2)

    def __init__(self, client: Client, base: str = PUBLIC) -> None:
        self._client = client
        self._base = base.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: Client) -> Self:
        return cls(client, settings.huggingface_url)

    def days(self, now: datetime) -> tuple[date, ...]:
        """The last three list days, oldest first; today is one of them from Monday to Friday, in UTC."""
        day, found = now.astimezone(UTC).date(), list[date]()
        while len(found) < LIST_DAYS:
            if day.weekday() < SATURDAY:
                found.append(day)
            day -= timedelta(days=1)
        return tuple(reversed(found))

    async def make_up(self, day: date, now: datetime) -> Answer:
        return await self.read(day, now)

    async def read(self, day: date, now: datetime) -> Answer:
        """The list of `day` by the API, else by the page. Raises the API's error when both fail."""
        today = now.astimezone(UTC).date()
        try:
            answer = await self._by_api(day, today)
        except (Unreachable, Throttled, Malformed) as error:
            return await self._by_page_instead(day, today, error)
        if answer.listed or answer.unchanged:
            return answer
        if day >= today or day.weekday() >= SATURDAY:
            raise NotListed(f"Hugging Face has no list for {day} yet" if day >= today else f"no list on {day:%A} {day}")
        # An empty list for a working day in the past: a holiday, or a fault. The page must say the same.
        shown = await self._by_page(day)
        return _noted(shown, f"the API gave an empty list for {day}, the page gave {len(shown.listed)} papers")

    async def _by_page_instead(self, day: date, today: date, error: SourceError) -> Answer:
        try:
            answer = await self._by_page(day)
        except NotListed as other:
            if day >= today or day.weekday() >= SATURDAY:
                raise
            raise _with(error, f"{error}; {other}") from other
        except SourceError as other:
            raise _with(error, f"{error}; and its page: {other}") from other
        return _noted(answer, f"read from the page, since {error}")

    async def _by_api(self, day: date, today: date) -> Answer:
        first = f"{self._base}/api/daily_papers?date={day.isoformat()}&limit={PAGE}&p=0"
        entries: list[Any] = []
        notes: tuple[str, ...] = ()
        fetched: tuple[Fetch, ...] = ()
        url: str | None = first
        for number in range(PAGES):
            assert url is not None  # noqa: S101
            # Only a list that fits one page is asked for conditionally: a 304 for its first page says nothing more.
            reply = await self._client.get(url, accept="application/json", name=first if number == 0 else f"{url}#more")
            if reply.unchanged:
                return Answer(via="api", unchanged=True)
            entries += _api_entries(reply, day, today)
            url = _next_page(reply)
            if url is None:
                fetched = (reply.fetch,) if number == 0 and (reply.fetch.etag or reply.fetch.last_modified) else ()
                break
        else:
            notes = (f"the list of {day} has more than {PAGES} pages; the rest was left",)
        return _answer(entries, day, "api", notes=notes, fetched=fetched)

    async def _by_page(self, day: date) -> Answer:
        reply = await self._client.get(f"{self._base}/papers/date/{day.isoformat()}", accept="text/html")
        if reply.status != HTTPStatus.OK:
            raise Malformed(f"{reply.where} answers {reply.status}")
        shown, entries = read_page(reply.body.decode("utf-8", "replace"), reply.where)
        if shown != day:
            raise NotListed(f"Hugging Face has no list for {day}; its page shows {shown}")
        return _answer(entries, day, "page")


def read_page(text: str, where: str) -> tuple[date, list[Any]]:
    """The day a Daily Papers page shows, and its entries. Raises Malformed when the page carries no such data."""
    props = Selector(text=text or " ").css('div[data-target="DailyPapers"]::attr(data-props)').get()
    if props is None:
        raise Malformed(f"{where} carries no list of papers (no DailyPapers data in the page)")
    try:
        held = json.loads(props)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{where} carries damaged data") from error
    held = held if isinstance(held, dict) else {}
    entries = held.get("dailyPapers")
    shown = _day(held.get("dateString")) or _day(held.get("date"))  # 2026, 2024
    if shown is None or not isinstance(entries, list):
        raise Malformed(f"{where} does not say which day it shows, or shows no list")
    return shown, entries


def read_entries(entries: Iterable[Any], day: date) -> tuple[tuple[Listed, ...], int]:
    """The papers among `entries` in their order, each once, and how many entries could not be read."""
    found: dict[str, Listed] = {}
    skipped = 0
    for rank, entry in enumerate(entries, 1):
        listed = _listed(entry, day, rank)
        if listed is None:
            skipped += 1
        else:
            found.setdefault(listed.key, listed)
    return tuple(found.values()), skipped


def _api_entries(reply: Reply, day: date, today: date) -> list[Any]:
    if reply.status == HTTPStatus.BAD_REQUEST and day >= today:
        raise NotListed(f"Hugging Face has not opened the list for {day} yet")
    if reply.status != HTTPStatus.OK:
        raise Malformed(f"{reply.where} answers {reply.status}{reply.begins()}")
    entries = reply.json()
    if not isinstance(entries, list):
        raise Malformed(f"{reply.where} did not answer a list{reply.begins()}")
    return entries


def _next_page(reply: Reply) -> str | None:
    found = _NEXT.search(reply.headers.get("link", ""))
    if not found:
        return None
    url: str = urljoin(reply.url, found[1])
    if not redirect_allowed(reply.url, url):
        raise Malformed(f"{reply.where} names a next page on another host")
    return url


def _answer(
    entries: list[Any], day: date, via: str, *, notes: tuple[str, ...] = (), fetched: tuple[Fetch, ...] = ()
) -> Answer:
    listed, skipped = read_entries(entries, day)
    if entries and not listed:
        raise Malformed(f"none of the {len(entries)} entries for {day} can be read")
    if skipped:
        notes += (f"{skipped} of {len(entries)} entries for {day} could not be read",)
    return Answer(listed=listed, via=via, skipped=skipped, notes=notes, fetched=fetched)


def _listed(entry: Any, day: date, rank: int) -> Listed | None:
    paper = entry.get("paper") if isinstance(entry, dict) else None
    if not isinstance(paper, dict):
        return None
    number = paper.get("id")
    title = _text(paper.get("title")) or _text(entry.get("title"))
    if not isinstance(number, str) or not re.fullmatch(r"[\w./:-]{1,80}", number) or not title:
        return None
    known = arxiv_id(number)
    discussion = f"{PUBLIC}/papers/{number}"
    return Listed(
        source=HuggingFace.name,
        list_day=day,
        rank=rank,
        title=title,
        abstract=_text(paper.get("summary")) or _text(entry.get("summary")),
        authors=names(_names(paper.get("authors"))),
        arxiv_id=known[0] if known else None,
        source_id=number,
        url=f"https://arxiv.org/abs/{known[0]}" if known else discussion,
        pdf_url=f"https://arxiv.org/pdf/{known[0]}" if known else None,
        discussion_url=discussion,
        code_url=web_address(paper.get("githubRepo")),
        project_url=web_address(paper.get("projectPage")),
        thumbnail_url=web_address(entry.get("thumbnail")),
        code_stars=_count(paper.get("githubStars")),
        upvotes=_count(paper.get("upvotes")),
        comments=_count(entry.get("numComments")),
        organization=_organization(paper.get("organization")) or _organization(entry.get("organization")),
        published_on=_day(paper.get("publishedAt")) or _day(entry.get("publishedAt")),
        ai_summary=_text(paper.get("ai_summary")) or None,
        ai_keywords=_words(paper.get("ai_keywords")),
    )


def _text(value: Any) -> str:
    return readable(value) if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word for item in value if (word := _text(item))) if isinstance(value, list) else ()


def _names(value: Any) -> list[str]:
    people = [person for person in value if isinstance(person, dict)] if isinstance(value, list) else []
    return [name for person in people if not person.get("hidden") and isinstance(name := person.get("name"), str)]


def _organization(value: Any) -> str | None:
    if isinstance(value, dict):
        return _text(value.get("fullname")) or _text(value.get("name")) or None
    return _text(value) or None


def _noted(answer: Answer, note: str) -> Answer:
    return Answer(
        listed=answer.listed,
        via=answer.via,
        unchanged=answer.unchanged,
        skipped=answer.skipped,
        notes=(*answer.notes, note),
        fetched=answer.fetched,
    )


def _with(error: SourceError, message: str) -> SourceError:
    return Throttled(message, until=error.until) if isinstance(error, Throttled) else type(error)(message)
