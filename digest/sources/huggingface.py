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

from digest.config import Settings
from digest.errors import (
    MalformedAnswerError,
    NotListedError,
    SourceError,
    SourceThrottledError,
    SourceUnavailableError,
)
from digest.sources.base import HttpValidators, ListedPaper, SourceAnswer, http_url, parse_arxiv_id
from digest.sources.http import SourceClient, SourceResponse
from digest.sources.text import clean_text, parse_authors
from digest.sources.throttle import is_redirect_allowed

PUBLIC_URL = "https://huggingface.co"


PAGE_SIZE = 100  # the most that the API gives at once


MAX_PAGES = 20


LIST_DAYS = 3


SATURDAY = 5


_NEXT = re.compile(r"""<([^<>]+)>\s*;[^,<]*\brel\s*=\s*"?next\b""", re.IGNORECASE)


class HuggingFaceSource:
    """The source called huggingface. Listed papers carry upvotes and comments as they are at the reading."""

    name = "huggingface"
    growth_period = timedelta(days=2)

    def __init__(self, client: SourceClient, base_url: str = PUBLIC_URL) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        return cls(client, settings.huggingface_url)

    def current_days(self, now: datetime) -> tuple[date, ...]:
        """The last three list days, oldest first; today is one of them from Monday to Friday, in UTC."""
        day, found = now.astimezone(UTC).date(), list[date]()
        while len(found) < LIST_DAYS:
            if day.weekday() < SATURDAY:
                found.append(day)
            day -= timedelta(days=1)
        return tuple(reversed(found))

    async def backfill_day(self, day: date, now: datetime) -> SourceAnswer:
        return await self.fetch_day(day, now)

    async def fetch_day(self, day: date, now: datetime) -> SourceAnswer:
        """The list of `day` by the API, else by the page. Raises the API's error when both fail."""
        today = now.astimezone(UTC).date()
        try:
            answer = await self._fetch_from_api(day, today)
        except (SourceUnavailableError, SourceThrottledError, MalformedAnswerError) as error:
            return await self._fall_back_to_page(day, today, error)
        if answer.papers or answer.not_modified:
            return answer
        if day >= today or day.weekday() >= SATURDAY:
            raise NotListedError(
                f"Hugging Face has no list for {day} yet" if day >= today else f"no list on {day:%A} {day}"
            )
        # An empty list for a working day in the past: a holiday, or a fault. The page must say the same.
        shown = await self._fetch_from_page(day)
        return _with_warning(shown, f"the API gave an empty list for {day}, the page gave {len(shown.papers)} papers")

    async def _fall_back_to_page(self, day: date, today: date, error: SourceError) -> SourceAnswer:
        try:
            answer = await self._fetch_from_page(day)
        except NotListedError as other:
            if day >= today or day.weekday() >= SATURDAY:
                raise
            raise _with_message(error, f"{error}; {other}") from other
        except SourceError as other:
            raise _with_message(error, f"{error}; and its page: {other}") from other
        return _with_warning(answer, f"read from the page, since {error}")

    async def _fetch_from_api(self, day: date, today: date) -> SourceAnswer:
        first = f"{self._base_url}/api/daily_papers?date={day.isoformat()}&limit={PAGE_SIZE}&p=0"
        entries: list[Any] = []
        notes: tuple[str, ...] = ()
        fetched: tuple[HttpValidators, ...] = ()
        url: str | None = first
        for number in range(MAX_PAGES):
            assert url is not None  # noqa: S101
            # Only a list that fits one page is asked for conditionally: a 304 for its first page says nothing more.
            reply = await self._client.get(
                url, accept="application/json", cache_key=first if number == 0 else f"{url}#more"
            )
            if reply.not_modified:
                return SourceAnswer(endpoint="api", not_modified=True)
            entries += _parse_api_response(reply, day, today)
            url = _next_page_url(reply)
            if url is None:
                fetched = (
                    (reply.validators,)
                    if number == 0 and (reply.validators.etag or reply.validators.last_modified)
                    else ()
                )
                break
        else:
            notes = (f"the list of {day} has more than {MAX_PAGES} pages; the rest was left",)
        return _build_answer(entries, day, "api", warnings=notes, validators=fetched)

    async def _fetch_from_page(self, day: date) -> SourceAnswer:
        reply = await self._client.get(f"{self._base_url}/papers/date/{day.isoformat()}", accept="text/html")
        if reply.status != HTTPStatus.OK:
            raise MalformedAnswerError(f"{reply.location} answers {reply.status}")
        shown, entries = parse_page(reply.body.decode("utf-8", "replace"), reply.location)
        if shown != day:
            raise NotListedError(f"Hugging Face has no list for {day}; its page shows {shown}")
        return _build_answer(entries, day, "page")


def parse_page(text: str, location: str) -> tuple[date, list[Any]]:
    """The day a Daily Papers page shows, and its entries. Raises Malformed when the page carries no such data."""
    props = Selector(text=text or " ").css('div[data-target="DailyPapers"]::attr(data-props)').get()
    if props is None:
        raise MalformedAnswerError(f"{location} carries no list of papers (no DailyPapers data in the page)")
    try:
        held = json.loads(props)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(f"{location} carries damaged data") from error
    held = held if isinstance(held, dict) else {}
    entries = held.get("dailyPapers")
    shown = _parse_date(held.get("dateString")) or _parse_date(held.get("date"))  # 2026, 2024
    if shown is None or not isinstance(entries, list):
        raise MalformedAnswerError(f"{location} does not say which day it shows, or shows no list")
    return shown, entries


def parse_entries(entries: Iterable[Any], day: date) -> tuple[tuple[ListedPaper, ...], int]:
    """The papers among `entries` in their order, each once, and how many entries could not be read."""
    found: dict[str, ListedPaper] = {}
    skipped = 0
    for rank, entry in enumerate(entries, 1):
        listed = _parse_entry(entry, day, rank)
        if listed is None:
            skipped += 1
        else:
            found.setdefault(listed.key, listed)
    return tuple(found.values()), skipped


def _parse_api_response(reply: SourceResponse, day: date, today: date) -> list[Any]:
    if reply.status == HTTPStatus.BAD_REQUEST and day >= today:
        raise NotListedError(f"Hugging Face has not opened the list for {day} yet")
    if reply.status != HTTPStatus.OK:
        raise MalformedAnswerError(f"{reply.location} answers {reply.status}{reply.describe_body()}")
    entries = reply.json()
    if not isinstance(entries, list):
        raise MalformedAnswerError(f"{reply.location} did not answer a list{reply.describe_body()}")
    return entries


def _next_page_url(reply: SourceResponse) -> str | None:
    found = _NEXT.search(reply.headers.get("link", ""))
    if not found:
        return None
    url: str = urljoin(reply.url, found[1])
    if not is_redirect_allowed(reply.url, url):
        raise MalformedAnswerError(f"{reply.location} names a next page on another host")
    return url


def _build_answer(
    entries: list[Any],
    day: date,
    via: str,
    *,
    warnings: tuple[str, ...] = (),
    validators: tuple[HttpValidators, ...] = (),
) -> SourceAnswer:
    listed, skipped = parse_entries(entries, day)
    if entries and not listed:
        raise MalformedAnswerError(f"none of the {len(entries)} entries for {day} can be read")
    if skipped:
        warnings += (f"{skipped} of {len(entries)} entries for {day} could not be read",)
    return SourceAnswer(papers=listed, endpoint=via, skipped_entries=skipped, warnings=warnings, validators=validators)


def _parse_entry(entry: Any, day: date, rank: int) -> ListedPaper | None:
    paper = entry.get("paper") if isinstance(entry, dict) else None
    if not isinstance(paper, dict):
        return None
    number = paper.get("id")
    title = _parse_text(paper.get("title")) or _parse_text(entry.get("title"))
    if not isinstance(number, str) or not re.fullmatch(r"[\w./:-]{1,80}", number) or not title:
        return None
    known = parse_arxiv_id(number)
    discussion = f"{PUBLIC_URL}/papers/{number}"
    return ListedPaper(
        source=HuggingFaceSource.name,
        list_day=day,
        rank=rank,
        title=title,
        abstract=_parse_text(paper.get("summary")) or _parse_text(entry.get("summary")),
        authors=parse_authors(_parse_author_names(paper.get("authors"))),
        arxiv_id=known[0] if known else None,
        source_id=number,
        url=f"https://arxiv.org/abs/{known[0]}" if known else discussion,
        pdf_url=f"https://arxiv.org/pdf/{known[0]}" if known else None,
        discussion_url=discussion,
        code_url=http_url(paper.get("githubRepo")),
        project_url=http_url(paper.get("projectPage")),
        thumbnail_url=http_url(entry.get("thumbnail")),
        code_stars=_parse_count(paper.get("githubStars")),
        upvotes=_parse_count(paper.get("upvotes")),
        comments=_parse_count(entry.get("numComments")),
        organization=_parse_organization(paper.get("organization")) or _parse_organization(entry.get("organization")),
        published_on=_parse_date(paper.get("publishedAt")) or _parse_date(entry.get("publishedAt")),
        ai_summary=_parse_text(paper.get("ai_summary")) or None,
        ai_keywords=_parse_texts(paper.get("ai_keywords")),
    )


def _parse_text(value: Any) -> str:
    return clean_text(value) if isinstance(value, str) else ""


def _parse_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _parse_date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _parse_texts(value: Any) -> tuple[str, ...]:
    return tuple(word for item in value if (word := _parse_text(item))) if isinstance(value, list) else ()


def _parse_author_names(value: Any) -> list[str]:
    people = [person for person in value if isinstance(person, dict)] if isinstance(value, list) else []
    return [name for person in people if not person.get("hidden") and isinstance(name := person.get("name"), str)]


def _parse_organization(value: Any) -> str | None:
    if isinstance(value, dict):
        return _parse_text(value.get("fullname")) or _parse_text(value.get("name")) or None
    return _parse_text(value) or None


def _with_warning(answer: SourceAnswer, warning: str) -> SourceAnswer:
    return SourceAnswer(
        papers=answer.papers,
        endpoint=answer.endpoint,
        not_modified=answer.not_modified,
        skipped_entries=answer.skipped_entries,
        warnings=(*answer.warnings, warning),
        validators=answer.validators,
    )


def _with_message(error: SourceError, message: str) -> SourceError:
    return (
        SourceThrottledError(message, until=error.until)
        if isinstance(error, SourceThrottledError)
        else type(error)(message)
    )
