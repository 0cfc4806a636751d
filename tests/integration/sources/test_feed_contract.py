"""Any feed fulfills the contract, and redirects of feeds lead to public hosts only."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape

import httpx
import pytest

from digest.errors import FeedGoneError, MalformedAnswerError, NoFeedError, SourceError, SourceUnavailableError
from digest.sources import HostThrottle, SourceAnswer, SourceClient, Window
from digest.sources.feeds.source import FeedSource
from digest.sources.testing import RecordedAnswer, SourceContract

FEEDS = Path(__file__).parents[2] / "data/sources/feeds"
NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)
ITEM = "<item><title>A</title><link>https://a.example.org/1</link></item>"
RSS = f'<rss version="2.0"><channel><title>T</title>{ITEM}</channel></rss>'
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


class TestFeeds(SourceContract):
    source_class = FeedSource
    settings: ClassVar[Mapping[str, str]] = {"feeds": "tides = {host}/feed"}
    public_host = "https://journal.example.org"
    now, day = NOW, date(2026, 1, 6)
    names_total = False
    expected = (
        {
            "source": "tides",
            "doi": "10.5555/tides.120",
            "title": "Spring tides in narrow H₂O channels",
            "abstract": "Water in narrow channels rises twice a day.",
            "authors": ("Ada Okafor", "José Alvarado"),
            "journal": "Annals of Tides",
            "published_on": date(2026, 1, 4),
        },
        {"doi": "10.5555/tides.121", "title": "A new year of tides", "paper_kind": "editorial"},
        {"doi": "10.5555/tides.122", "title": "Retraction Notice to: Tides without water", "abstract": ""},
    )

    def answer(self, path: str) -> RecordedAnswer:
        return RecordedAnswer((FEEDS / "journal.rdf").read_bytes(), headers={"ETag": '"1"'})

    def split_page(self, path: str, body: bytes) -> Sequence[Any]:
        return re.findall(r"<item .*?</item>", body.decode(), re.DOTALL)

    def join_page(self, path: str, body: bytes, entries: Sequence[Any], total: int | None) -> bytes:
        head = body.decode().partition("<item ")[0]
        return f"{head}{''.join(entries)}</rdf:RDF>".encode()

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        creators = "".join(f"<dc:creator>{escape(name)}</dc:creator>" for name in authors)
        return (
            '<item rdf:about="https://journal.example.org/9"><link>https://journal.example.org/9</link>'
            f"<title>{escape(title)}</title>{creators}<dc:identifier>doi:10.5555/tides.9</dc:identifier></item>"
        )

    def break_entry(self, entry: Any) -> Any:
        return entry.replace("</title>", "</tilte>", 1)


Routes = Mapping[str, tuple[int, str, dict[str, str]]]  # by host and path: status, body, headers


def fetch(routes: Routes, addresses: Mapping[str, str], url: str) -> tuple[SourceAnswer, list[str]]:
    """Fetch a feed where hosts answer and are found as given; return the answer and what was asked."""
    requested: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        name = f"{request.headers['Host']}{request.url.path}"
        requested.append(f"{request.url.host} {name} {request.extensions.get('sni_hostname', '')}".strip())
        status, body, headers = routes.get(name, (404, "", {}))
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body.encode()))

    async def resolve(host: str) -> Sequence[str]:
        if host not in addresses:
            raise OSError("unknown")
        return [addresses[host]]

    async def run() -> SourceAnswer:
        async with SourceClient(
            transport=httpx.MockTransport(handle), resolve=resolve, throttle=HostThrottle(), sleep=_no_sleep
        ) as client:
            return await FeedSource(client, ()).fetch(Window(name="tides", url=url), NOW)

    return asyncio.run(run()), requested


async def _no_sleep(_: float) -> None:
    pass


def to(url: str, status: int = 301) -> tuple[int, str, dict[str, str]]:
    return status, "", {"Location": url}


SHOWN = (200, RSS, dict[str, str]())


def test_a_redirect_to_another_public_host_is_followed_at_its_address_and_reported() -> None:
    routes = {
        "a.example.org/rss": to("https://b.example.org/feed"),
        "b.example.org/feed": SHOWN,
    }
    answer, requested = fetch(routes, {"b.example.org": PUBLIC}, "https://a.example.org/rss")
    assert len(answer.papers) == 1
    assert requested[1] == f"{PUBLIC} b.example.org/feed b.example.org"
    assert answer.warnings == ("the feed tides was found at b.example.org/feed, to which its address redirects",)
    assert answer.facts is not None
    assert answer.facts.moved_to == "https://b.example.org/feed"


def test_a_redirect_for_now_is_no_new_address() -> None:
    routes = {
        "a.example.org/rss": to("https://b.example.org/x"),
        "b.example.org/x": to("/feed", 302),
        "b.example.org/feed": SHOWN,
    }
    answer, requested = fetch(routes, {"b.example.org": PUBLIC}, "https://a.example.org/rss")
    assert answer.facts is not None
    assert answer.facts.moved_to == ""
    assert [name.split()[0] for name in requested[1:]] == [PUBLIC, PUBLIC]


@pytest.mark.parametrize(
    ("target", "addresses", "error", "message"),
    [
        ("http://intranet.example.org/", {"intranet.example.org": PRIVATE}, MalformedAnswerError, "no public host"),
        (
            "http://v6.example.org/",
            {"v6.example.org": "::ffff:127.0.0.1"},
            MalformedAnswerError,
            "no public host",
        ),
        ("http://127.0.0.1:8000/", {"127.0.0.1": "127.0.0.1"}, MalformedAnswerError, "no public host"),
        ("http://169.254.169.254/", {"169.254.169.254": "169.254.169.254"}, MalformedAnswerError, "no public host"),
        ("http://nowhere.example.org/", {}, SourceUnavailableError, "cannot be found"),
        ("ftp://b.example.org/", {"b.example.org": PUBLIC}, MalformedAnswerError, "not followed"),
        ("https://user@b.example.org/", {"b.example.org": PUBLIC}, MalformedAnswerError, "not followed"),
    ],
)
def test_a_redirect_never_leads_into_a_private_network(
    target: str, addresses: dict[str, str], error: type[SourceError], message: str
) -> None:
    with pytest.raises(error, match=message):
        fetch({"a.example.org/rss": to(target)}, addresses, "https://a.example.org/rss")


def test_a_public_host_does_not_lead_back_into_a_private_network() -> None:
    routes = {"intranet/rss": to("https://b.example.org/"), "b.example.org/": to("http://intranet/secret")}
    with pytest.raises(MalformedAnswerError, match="no public host"):
        fetch(routes, {"b.example.org": PUBLIC, "intranet": PRIVATE}, "http://intranet/rss")


def test_what_is_gone_and_what_is_no_feed_have_errors_of_their_own() -> None:
    with pytest.raises(FeedGoneError):
        fetch({"a.example.org/rss": (410, "", {})}, {}, "https://a.example.org/rss")
    with pytest.raises(NoFeedError):
        fetch({"a.example.org/rss": (200, "<html></html>", {})}, {}, "https://a.example.org/rss")


def test_a_feed_states_how_long_it_stays_as_it_is() -> None:
    shown = (200, RSS, {"Cache-Control": "public, max-age=7200"})
    answer, _ = fetch({"a.example.org/rss": shown}, {}, "https://a.example.org/rss")
    assert answer.facts is not None
    assert str(answer.facts.refresh_interval) == "2:00:00"
