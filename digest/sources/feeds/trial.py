"""One reading of a feed that is not in the settings yet: what it holds, and the line that adds it."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from digest.errors import SourceUnavailableError
from digest.sources.base import ListedPaper
from digest.sources.feeds import messages
from digest.sources.feeds.addresses import make_names
from digest.sources.feeds.source import fetch_feed
from digest.sources.http import SourceClient

SAMPLES = 3
SAMPLE_FIELDS = ("title", "authors", "abstract", "journal", "subjects", "published_on", "url", "paper_kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTrial:
    """What one reading of a feed found.

    - `entries`: papers that were read; `unreadable`: entries that could not be
    - `dated`, `first_day`, `last_day`: entries with a date, and the earliest and latest of them
    - `identifiers`: how many papers have an identifier of each scheme; `local_only`: how many have none but that of
      the feed and their address
    - `without_abstract`, `with_cut_abstract`: papers whose abstract is missing, or ends in an ellipsis
    - `line`: what to add to DIGEST_FEEDS
    - `samples`: the first papers, as they would be stored
    """

    title: str
    dialect: str
    url: str
    moved_to: str
    issns: tuple[str, ...]
    entries: int
    unreadable: int
    is_damaged: bool
    dated: int
    first_day: date | None
    last_day: date | None
    identifiers: dict[str, int]
    local_only: int
    without_abstract: int
    with_cut_abstract: int
    without_authors: int
    line: str
    samples: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return asdict(self)


async def try_feed(client: SourceClient, url: str, now: datetime) -> FeedTrial:
    """Read the feed at an address once. Raises SourceError, among them NoFeedError for a page that is none."""
    fetched = await fetch_feed(client, "feed", url, now)
    if fetched is None:
        raise SourceUnavailableError(messages.feed_not_sent(url))
    feed, entries = fetched.reading.feed, fetched.reading.entries
    papers = entries.papers
    days = sorted(paper.published_on for paper in papers if paper.published_on)
    schemes = Counter(scheme for paper in papers for scheme in {name.scheme for name in paper.identifiers})
    shown = {scheme: count for scheme, count in schemes.most_common() if not scheme.startswith("feed:")}
    address = fetched.response.moved_to or url
    name = next(make_names(feed.journal or feed.title or urlsplit(url).hostname or "feed"))
    return FeedTrial(
        title=feed.title,
        dialect=feed.dialect,
        url=fetched.response.url,
        moved_to=fetched.response.moved_to,
        issns=feed.issns,
        entries=len(papers),
        unreadable=entries.unreadable,
        is_damaged=feed.is_damaged,
        dated=len(days),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        identifiers=shown,
        local_only=sum(
            all(name.scheme == "url" or name.scheme.startswith("feed:") for name in paper.identifiers)
            for paper in papers
        ),
        without_abstract=fetched.reading.without_abstract,
        with_cut_abstract=fetched.reading.with_cut_abstract,
        without_authors=sum(not paper.authors for paper in papers),
        line=f"{name} = {address}",
        samples=tuple(describe_sample(paper) for paper in papers[:SAMPLES]),
    )


def describe_sample(paper: ListedPaper) -> dict[str, Any]:
    """Return the fields of a paper, its identifiers as text."""
    fields = {name: getattr(paper, name) for name in SAMPLE_FIELDS}
    return fields | {"identifiers": [str(name) for name in paper.identifiers if not name.scheme.startswith("feed:")]}
