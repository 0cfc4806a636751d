"""Hugging Face Daily Papers: its API, and the data within its page; each stands in for the other.

    GET {base}/api/daily_papers?date=D&limit=100&p=0     JSON, Link: rel="next"; 400 for a day that is not open yet
    GET {base}/papers/date/D                             a page; all of it as JSON in div[data-target=DailyPapers]

A list day is a UTC day, Monday to Friday. Its list grows all day and the day after, so every run fetches the last
three. The page of a day without a list shows the last one before it: only the day it names is believed.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Self
from urllib.parse import urljoin

from parsel import Selector

from digest.config import HttpUrl, SourceSettings
from digest.errors import (
    MalformedAnswerError,
    NotListedError,
    SourceError,
    SourceThrottledError,
    SourceUnavailableError,
)
from digest.identifiers import parse_arxiv_id
from digest.sources.base import AnswerPart, HttpValidators, ListedPaper, SourceAnswer
from digest.sources.entries import MAX_ENTRIES, parse_entries
from digest.sources.http import SourceClient, SourceResponse
from digest.sources.names import parse_authors
from digest.sources.text import (
    NAME_LENGTH,
    TEXT_LENGTH,
    TITLE_LENGTH,
    clean_terms,
    clean_text,
    clean_url,
)
from digest.sources.throttle import is_redirect_allowed

PUBLIC_URL = "https://huggingface.co"
PAGE_SIZE = 100  # papers that the API gives at once, at most
MAX_PAGES = 20
CURRENT_DAYS = 3
SATURDAY = 5
MAX_ATTRIBUTES_LENGTH = 2_000  # characters of the attributes beside the data of a page
_DATA_TARGET = re.compile(r"""data-target=["']?DailyPapers\b""")
_DATA_PROPS = re.compile(r"""\sdata-props\s{0,9}=\s{0,9}(["'])""")
_NEXT_LINK = re.compile(r"""<([^<>]+)>\s*;[^,<]*\brel\s*=\s*"?next\b""", re.IGNORECASE)


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
        day, days = now.astimezone(UTC).date(), list[date]()
        while len(days) < CURRENT_DAYS:
            if day.weekday() < SATURDAY:
                days.append(day)
            day -= timedelta(days=1)
        return tuple(reversed(days))

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
                raise with_message(error, f"{error}; {page_error}") from page_error
            except SourceError as page_error:
                raise with_message(error, f"{error}; and its page: {page_error}") from page_error
            return replace(answer, warnings=(*answer.warnings, f"read from the page, since {error}"))
        if answer.papers or answer.not_modified:
            return answer
        if not is_past_weekday:
            raise NotListedError(
                f"Hugging Face has no list for {day} yet" if day >= today else f"no list on {day:%A} {day}"
            )
        # An empty list for a past weekday is a holiday or a fault. The page must say the same.
        answer = await self._fetch_from_page(day)
        warning = f"the API gave an empty list for {day}, the page gave {len(answer.papers)} papers"
        return replace(answer, warnings=(*answer.warnings, warning))

    async def _fetch_from_api(self, day: date, today: date) -> SourceAnswer:
        first_url = f"{self._base_url}/api/daily_papers?date={day.isoformat()}&limit={PAGE_SIZE}&p=0"
        entries: list[Any] = []
        url: str | None = first_url
        for page in range(MAX_PAGES):
            assert url is not None  # noqa: S101
            # Only a list that fits one page is asked for conditionally: a 304 says nothing about further pages.
            cache_key = first_url if page == 0 else f"{url}#more"
            response = await self._client.get(url, accept="application/json", cache_key=cache_key)
            if response.not_modified:
                return SourceAnswer(endpoint="api", not_modified=True)
            if response.status == HTTPStatus.BAD_REQUEST and day >= today:
                raise NotListedError(f"Hugging Face has not opened the list for {day} yet")
            entries += await asyncio.to_thread(parse_api_response, response)
            url = next_page_url(response)
            if url is None:
                validators = response.validators
                is_cacheable = page == 0 and bool(validators.etag or validators.last_modified)
                return await asyncio.to_thread(
                    build_answer, entries, day, "api", validators=(validators,) if is_cacheable else ()
                )
            if len(entries) > MAX_ENTRIES:
                break
        warning = f"the list of {day} has more than {MAX_PAGES} pages; the rest was left"
        return await asyncio.to_thread(build_answer, entries, day, "api", warnings=(warning,), is_cut=True)

    async def _fetch_from_page(self, day: date) -> SourceAnswer:
        response = await self._client.get(f"{self._base_url}/papers/date/{day.isoformat()}", accept="text/html")
        if response.status != HTTPStatus.OK:
            raise MalformedAnswerError(f"{response.location} answers {response.status}")
        text = response.body.decode("utf-8", "replace")
        shown_day, entries = await asyncio.to_thread(parse_page, text, response.location)
        if shown_day != day:
            raise NotListedError(f"Hugging Face has no list for {day}; its page shows {shown_day}")
        return await asyncio.to_thread(build_answer, entries, day, "page")


def with_message(error: SourceError, message: str) -> SourceError:
    """Return an error of the same type with another message."""
    if isinstance(error, SourceThrottledError):
        return SourceThrottledError(message, until=error.until)
    return type(error)(message)


def parse_api_response(response: SourceResponse) -> list[Any]:
    """Return the entries of one page of the API. Raises MalformedAnswerError."""
    if response.status != HTTPStatus.OK:
        raise MalformedAnswerError(f"{response.location} answers {response.status}{response.describe_body()}")
    entries = response.json()
    if not isinstance(entries, list):
        raise MalformedAnswerError(f"{response.location} did not answer a list{response.describe_body()}")
    return entries


def next_page_url(response: SourceResponse) -> str | None:
    """Return the target of the Link header with rel="next" (RFC 8288), None on the last page."""
    match = _NEXT_LINK.search(response.headers.get("link", ""))
    if not match:
        return None
    url: str = urljoin(response.url, match[1])
    if not is_redirect_allowed(response.url, url):
        raise MalformedAnswerError(f"{response.location} names a next page on another host")
    return url


def parse_page(text: str, location: str) -> tuple[date, list[Any]]:
    """Return the day that a Daily Papers page shows, and its entries. Raises MalformedAnswerError."""
    props = Selector(text=cut_data_tag(text) or " ").css('div[data-target="DailyPapers"]::attr(data-props)').get()
    if props is None:
        raise MalformedAnswerError(f"{location} carries no list of papers (no DailyPapers data in the page)")
    try:
        data = json.loads(props)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(f"{location} carries damaged data") from error
    data = data if isinstance(data, dict) else {}
    entries = data.get("dailyPapers")
    shown_day = _parse_date(data.get("dateString")) or _parse_date(data.get("date"))  # pages of 2026, of 2024
    if shown_day is None or not isinstance(entries, list):
        raise MalformedAnswerError(f"{location} does not say which day it shows, or shows no list")
    return shown_day, entries


def cut_data_tag(text: str) -> str:
    """Return the tag of a page that carries its data; empty when there is none.

    Only this tag is parsed as HTML: the attributes of a tag take libxml2 time that grows with the square of their
    number, and a page is as long as the host likes.
    """
    target = _DATA_TARGET.search(text)
    start = text.rfind("<div", 0, target.start()) if target else -1
    if not target or start < 0:
        return ""
    props = _DATA_PROPS.search(text, start, target.end() + MAX_ATTRIBUTES_LENGTH)
    end = text.find(props[1], props.end()) if props else -1
    if not props or end < 0:
        return ""
    lengths = (props.start() - start, target.end() - end)  # the target may stand before the data or behind it
    return f"{text[start : max(end + 1, target.end())]}>" if max(lengths) <= MAX_ATTRIBUTES_LENGTH else ""


def build_answer(
    entries: list[Any],
    day: date,
    endpoint: str,
    *,
    warnings: tuple[str, ...] = (),
    validators: tuple[HttpValidators, ...] = (),
    is_cut: bool = False,
) -> SourceAnswer:
    """Return the answer with the papers of `entries`. Raises MalformedAnswerError when none can be parsed.

    The host names no total: what it sends is what it promised, unless the list was cut.
    """
    parsed = parse_entries(entries, lambda entry, rank: parse_entry(entry, day, rank), len(entries))
    if entries and not parsed.papers:
        raise MalformedAnswerError(f"none of the {len(entries)} entries for {day} can be read")
    if parsed.unreadable:
        warnings += (f"{parsed.unreadable} of {len(entries)} entries for {day} could not be read",)
    part = AnswerPart(
        parsed.received + parsed.left_out + is_cut,
        parsed.received,
        parsed.unreadable,
        keys=frozenset(paper.key for paper in parsed.papers),
    )
    return SourceAnswer(
        papers=parsed.papers, endpoint=endpoint, parts=(part,), warnings=warnings, validators=validators
    )


def parse_entry(entry: Any, day: date, rank: int) -> ListedPaper | None:
    """Return the paper of one entry, None when it has no id or title."""
    paper = entry.get("paper") if isinstance(entry, dict) else None
    if not isinstance(paper, dict):
        return None
    source_id = paper.get("id")
    source_id = source_id.strip() if isinstance(source_id, str) else ""
    title = _parse_text(paper.get("title"), TITLE_LENGTH) or _parse_text(entry.get("title"), TITLE_LENGTH)
    if not re.fullmatch(r"[\w./:-]{1,80}", source_id) or not title:
        return None
    arxiv_id, _ = parse_arxiv_id(source_id) or (None, 1)
    discussion_url = f"{PUBLIC_URL}/papers/{source_id}"
    return ListedPaper(
        source=HuggingFaceSource.name,
        list_day=day,
        rank=rank,
        title=title,
        abstract=_parse_text(paper.get("summary")) or _parse_text(entry.get("summary")),
        authors=parse_authors(author_names(paper.get("authors"))),
        arxiv_id=arxiv_id,
        source_id=source_id,
        url=f"https://arxiv.org/abs/{arxiv_id}" if arxiv_id else discussion_url,
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}" if arxiv_id else None,
        discussion_url=discussion_url,
        code_url=clean_url(paper.get("githubRepo")),
        project_url=clean_url(paper.get("projectPage")),
        thumbnail_url=clean_url(entry.get("thumbnail")),
        code_stars=_parse_count(paper.get("githubStars")),
        upvotes=_parse_count(paper.get("upvotes")),
        comments=_parse_count(entry.get("numComments")),
        organization=organization_name(paper.get("organization")) or organization_name(entry.get("organization")),
        published_on=_parse_date(paper.get("publishedAt")) or _parse_date(entry.get("publishedAt")),
        ai_summary=_parse_text(paper.get("ai_summary")) or None,
        ai_keywords=_parse_texts(paper.get("ai_keywords")),
    )


def author_names(authors: Any) -> list[str]:
    """Return the names of the authors who are not hidden."""
    people = [author for author in authors if isinstance(author, dict)] if isinstance(authors, list) else []
    return [name for author in people if not author.get("hidden") and isinstance(name := author.get("name"), str)]


def organization_name(organization: Any) -> str | None:
    """Return the full name of an organization, which may be an object or its bare name."""
    if isinstance(organization, dict):
        names = (organization.get("fullname"), organization.get("name"))
        return next((name for value in names if (name := _parse_text(value, NAME_LENGTH))), None)
    return _parse_text(organization, NAME_LENGTH) or None


def _parse_text(value: Any, limit: int = TEXT_LENGTH) -> str:
    return clean_text(value, limit) if isinstance(value, str) else ""


def _parse_texts(value: Any) -> tuple[str, ...]:
    return clean_terms(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _parse_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _parse_date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
