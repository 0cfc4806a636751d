"""Hugging Face Daily Papers: its API, and the data within its page; each stands in for the other.

    GET {url}/api/daily_papers?date=D&limit=100&p=0     JSON, Link: rel="next"; 400 for a day that is not open yet
    GET {url}/papers/date/D                             a page; see `entries`

A list day is a UTC day, Monday to Friday. Its list grows all day and the day after, so every run fetches the last
three. The page of a day without a list shows the last one before it: only the day it names is believed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any, ClassVar, Self

from digest.config import HttpUrl, SourceSettings
from digest.errors import (
    MalformedAnswerError,
    NotListedError,
    SourceError,
    SourceThrottledError,
    SourceUnavailableError,
)
from digest.sources import messages
from digest.sources.base import SourceAnswer
from digest.sources.entries import parse_entries
from digest.sources.http import SourceClient, SourceResponse
from digest.sources.huggingface.entries import PUBLIC_URL, parse_entry, parse_page
from digest.sources.paging import Page, PagedEntries, read_by_cursor

PAGE_SIZE = 100  # papers that the API gives at once, at most
MAX_PAGES = 20
CURRENT_DAYS = 3
SATURDAY = 5


class HuggingFaceSource:
    """Source `huggingface`. Papers carry upvotes and comments as they are when fetched."""

    api = 1
    name = "huggingface"
    title = "Hugging Face"
    hosts: ClassVar[Mapping[str, float]] = {"huggingface.co": 0.6}  # 500 requests to the API in 5 minutes
    settles_after = timedelta(days=2)

    class Settings(SourceSettings):
        """Where the source is."""

        url: HttpUrl = PUBLIC_URL

    def __init__(self, client: SourceClient, base_url: str = PUBLIC_URL) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.url)

    def probe_urls(self) -> Mapping[str, str]:
        """Return what `digest doctor` asks."""
        return {self.title: f"{self._base_url}/api/daily_papers?limit=1"}

    def days(self, now: datetime) -> tuple[date, ...]:
        """Return the last three list days, oldest first; today (UTC) is one of them from Monday to Friday."""
        today = now.astimezone(UTC).date()
        recent = (today - timedelta(days=ago) for ago in range(CURRENT_DAYS + 2))
        return tuple(sorted([day for day in recent if day.weekday() < SATURDAY][:CURRENT_DAYS]))

    async def backfill(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch a past list day, which the API serves like a current one."""
        return await self.fetch(day, now)

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch the list of `day` from the API, else from the page. Raises the API's error when both fail."""
        today = now.astimezone(UTC).date()
        is_past_weekday = day < today and day.weekday() < SATURDAY
        try:
            answer = await self._fetch_from_api(day, today)
        except (SourceUnavailableError, SourceThrottledError, MalformedAnswerError) as error:
            try:
                answer = await self._fetch_from_page(day)
            except NotListedError as page_error:
                if not is_past_weekday:
                    raise
                raise error.with_message(messages.page_failed_too(error, page_error)) from page_error
            except SourceError as page_error:
                raise error.with_message(messages.page_failed_too(error, page_error)) from page_error
            return replace(answer, warnings=(*answer.warnings, messages.page_used(error)))
        if answer.papers or answer.not_modified:
            return answer
        if not is_past_weekday:
            raise NotListedError(
                messages.no_list_yet(self.title, day) if day >= today else messages.no_list_on(self.title, day)
            )
        # An empty list for a past weekday is a holiday or a fault. The page must say the same.
        answer = await self._fetch_from_page(day)
        warning = messages.list_only_on_page(self.title, day, len(answer.papers))
        return replace(answer, warnings=(*answer.warnings, warning))

    async def _fetch_from_api(self, day: date, today: date) -> SourceAnswer:
        first_url = f"{self._base_url}/api/daily_papers?date={day.isoformat()}&limit={PAGE_SIZE}&p=0"
        first = await self._client.get(first_url, accept="application/json")
        if first.not_modified:
            return SourceAnswer(endpoint="api", not_modified=True)
        if first.status == HTTPStatus.BAD_REQUEST and day >= today:
            raise NotListedError(messages.no_list_yet(self.title, day))
        ranks = count(1)

        def parse(response: SourceResponse) -> Page:
            response.require_ok()
            entries = response.json()
            if not isinstance(entries, list):
                raise MalformedAnswerError(messages.no_list(response.location, response.beginning))
            parsed = parse_entries(entries, lambda entry, _: parse_entry(entry, day, next(ranks)), len(entries))
            return Page(parsed, len(entries), next_cursor=response.next_link())

        async def fetch_page(url: str) -> Page:
            # Only a list that fits one page is asked for conditionally: a 304 says nothing about further pages.
            is_first = url == first_url
            response = first if is_first else await self._client.get(url, cache_key=f"{url}#more")
            return await asyncio.to_thread(parse, response)

        listed = await read_by_cursor(fetch_page, first_cursor=first_url, max_pages=MAX_PAGES)
        if listed.fault:  # the page may have all of it
            raise listed.fault
        return listed.to_answer(self.title, day, "api", validators=first.validators if listed.pages == 1 else None)

    async def _fetch_from_page(self, day: date) -> SourceAnswer:
        response = await self._client.get(f"{self._base_url}/papers/date/{day.isoformat()}", accept="text/html")
        response.require_ok()

        def parse() -> PagedEntries:
            shown_day, entries = parse_page(response.body.decode("utf-8", "replace"), response.location)
            if shown_day != day:
                raise NotListedError(messages.page_of_other_day(self.title, day, shown_day))
            return list_entries(entries, day)

        return (await asyncio.to_thread(parse)).to_answer(self.title, day, "page")


def list_entries(entries: list[Any], day: date) -> PagedEntries:
    """Return the entries of a list that came in one piece."""
    listed = PagedEntries()
    listed.add(Page(parse_entries(entries, lambda entry, rank: parse_entry(entry, day, rank), len(entries))))
    return listed
