"""The source `feeds`: every feed that the settings name, each under its own name.

GET {address}     the whole feed, asked for conditionally; redirects to other public hosts are followed
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Self
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from digest.config import SourceSettings, is_web_address
from digest.errors import FeedGoneError, MalformedAnswerError
from digest.sources.base import AnswerPart, SourceAdvice, SourceAnswer, Window, WindowFacts
from digest.sources.feeds import messages
from digest.sources.feeds.addresses import FeedAddress, FeedList
from digest.sources.feeds.dialects import parse_feed
from digest.sources.feeds.listings import FeedReading, read_papers
from digest.sources.http import SourceClient, SourceResponse, describe_url

ACCEPTED = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
REQUEST_GAP = 2.0  # seconds between two requests to a host
_MAX_AGE = re.compile(r"\bmax-age\s*=\s*\"?(\d{1,8})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """Feed as its host gave it."""

    response: SourceResponse
    reading: FeedReading


class FeedSource:
    """Source `feeds`: papers that journals, preprint servers and blogs announce in feeds."""

    api = 1
    name = "feeds"
    title = "Feeds"

    class Settings(SourceSettings):
        """DIGEST_FEEDS: lines `name = address`, or `@` and a file of such lines or OPML."""

        feeds: FeedList = Field(default=(), examples=["jacs = https://pubs.acs.org/action/showFeed?jc=jacsat"])

    def __init__(self, client: SourceClient, feeds: Sequence[FeedAddress]) -> None:
        self._client = client
        self._feeds = tuple(feeds)

    @classmethod
    def from_settings(cls, settings: "FeedSource.Settings", client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.feeds)

    @property
    def hosts(self) -> Mapping[str, float]:
        """Hosts of all feeds."""
        return {urlsplit(feed.url).hostname or "": REQUEST_GAP for feed in self._feeds}

    def windows(self) -> Sequence[Window]:
        """Return the feeds."""
        return [Window(name=feed.name, url=feed.url, title=feed.title) for feed in self._feeds]

    def advice(self) -> Sequence[SourceAdvice]:
        """Say that there are no feeds where the settings name none."""
        return () if self._feeds else (SourceAdvice(messages.no_feeds_set()),)

    async def fetch(self, window: Window, now: datetime) -> SourceAnswer:
        """Fetch a feed. Raises FeedGoneError where there is none any more, NoFeedError for anything else."""
        fetched = await fetch_feed(self._client, window.name, window.url, now)
        if fetched is None:
            return SourceAnswer(endpoint="feed", not_modified=True)
        response, feed, entries = fetched.response, fetched.reading.feed, fetched.reading.entries
        warnings = []
        if response.url != window.url and urlsplit(response.url).hostname != urlsplit(window.url).hostname:
            warnings.append(messages.found_elsewhere(window.name, describe_url(response.url)))
        if feed.is_damaged:
            warnings.append(messages.feed_not_valid(window.name))
        if entries.unreadable:
            warnings.append(messages.invalid_entries(entries.unreadable, window.name))
        if entries.left_out:
            warnings.append(messages.entries_left_out(entries.left_out, window.name))
        keys = frozenset(paper.key for paper in entries.papers)
        size = len(entries.papers) + entries.unreadable
        part = AnswerPart(size + entries.left_out, size, entries.unreadable, window.name, keys)
        previous = urljoin(response.url, feed.previous_url) if feed.previous_url else ""
        validators = response.validators
        return SourceAnswer(
            papers=entries.papers,
            endpoint="feed",
            parts=(part,),
            warnings=tuple(warnings),
            validators=(validators,) if validators.etag or validators.last_modified else (),
            facts=WindowFacts(
                title=feed.journal or feed.title,
                issns=feed.issns,
                refresh_interval=find_refresh_interval(response, feed.refresh_interval),
                moved_to=response.moved_to,
                previous_url=previous if is_web_address(previous) else "",
            ),
        )

    async def fetch_previous(self, window: Window, url: str, now: datetime) -> SourceAnswer:
        """Fetch an earlier document of a feed. It must be of the same host."""
        if urlsplit(url).hostname != urlsplit(window.url).hostname:
            raise MalformedAnswerError(messages.previous_elsewhere(describe_url(window.url)))
        return replace(await self.fetch(replace(window, url=url), now), validators=())


async def fetch_feed(client: SourceClient, name: str, url: str, now: datetime) -> FetchedFeed | None:
    """Fetch the feed at an address; None when it is as it was.

    Raises FeedGoneError, NoFeedError, or as `SourceClient.get` does.
    """
    response = await client.get(url, accept=ACCEPTED, follows_hosts=True)
    if response.not_modified:
        return None
    if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise FeedGoneError(messages.feed_gone(response.location, response.status))
    response.require_ok()
    feed = await asyncio.to_thread(parse_feed, response.body, response.location)
    return FetchedFeed(response, await asyncio.to_thread(read_papers, feed, name, response.url, now))


def find_refresh_interval(response: SourceResponse, stated: timedelta | None) -> timedelta | None:
    """Return how long a feed stays as it is: the longer of its own word and `Cache-Control: max-age`."""
    match = _MAX_AGE.search(response.headers.get("cache-control", ""))
    cached = timedelta(seconds=int(match[1])) if match else timedelta(0)
    return max(cached, stated or timedelta(0)) or None
