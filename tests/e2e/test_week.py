"""A week of faults: sources that fail, a relay that refuses, a kill during sending.

Judged by the received e-mails alone: every paper that matches reached its subscriber, and none came twice.
"""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlmodel import select

from digest.database import connect, read_session
from digest.database.models import Paper
from digest.matching import Matcher, PaperDocument, parse
from tests.support.command import SHARED, Command
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.relay import Relay, relay, text_of

SUBSCRIBER_COUNT = 30
UNKNOWN_USER = "subscriber07@example.org"  # refused for good on the fourth day
ABSTRACT = re.compile(r"https://arxiv\.org/abs/(\S+)")


@dataclass
class Host:
    """Host that lists papers, with a date of its own."""

    url: str
    sources: str
    days: Sequence[date]
    keywords: Sequence[str]
    set_today: Callable[[date], None]


@contextmanager
def generated() -> Iterator[tuple[Host, Callable[[bool], None]]]:
    topics = ("diffusion model", "retrieval-augmented generation", "speech", "robot", "protein", "graph")
    days = [date(2026, 9, 7) + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7)]
    host = ListingHost(days[0])
    for number, day in enumerate(days):
        host.days[day] = [
            paper_entry(f"2609.{number}{n:04}", f"A {topic} that was listed as number {n}", upvotes=n)
            for n, topic in enumerate(topics * 2)
        ]
        host.batches[day] = [
            paper_entry(f"2609.{number}5{n:03}", f"Late news on {topic}s of kind {n}") for n, topic in enumerate(topics)
        ] + host.days[day][:2]  # both sources list some
        if number:  # yesterday's papers come again as a cross-list and as a new version
            yesterday = days[number - 1]
            host.batches[day] += [
                {**host.days[yesterday][3], "kind": "cross"},
                {**host.days[yesterday][4], "kind": "replace"},
            ]

    def set_today(day: date) -> None:
        host.today = day

    def set_broken(is_broken: bool) -> None:
        host.is_broken = is_broken

    with serve_listings(host):
        yield Host(host.url, "huggingface,arxiv", days, topics, set_today), set_broken


@contextmanager
def recorded(
    first: date, last: date, source: str, keywords: Sequence[str]
) -> Iterator[tuple[Host, Callable[[bool], None]]]:
    """Replay recorded answers, where they are available."""
    if not (SHARED / "tools" / "replay.py").exists():
        pytest.skip("the recorded answers are not available")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    good, bad = _replay(first), _replay(first, "/=500")
    try:

        def set_today(day: date) -> None:
            urllib.request.urlopen(f"{good[1]}/__today?date={day}", timeout=10).close()

        host = Host(good[1], source, [day for day in days if day.weekday() < 5], keywords, set_today)

        def set_broken(is_broken: bool) -> None:
            host.url = bad[1] if is_broken else good[1]

        yield host, set_broken
    finally:
        for process, _ in (good, bad):
            process.kill()
            process.wait()


def _replay(today: date, *faults: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(SHARED / "tools" / "replay.py"), "--port", str(port), "--today", str(today)]
    process = subprocess.Popen(
        [*command, *(f"--fault={fault}" for fault in faults)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/__log", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return process, f"http://127.0.0.1:{port}"
    raise AssertionError("the recorded hosts do not start")


Recorded = AbstractContextManager[tuple[Host, Callable[[bool], None]]]
WEEKS: dict[str, Callable[[], Recorded]] = {
    "generated": generated,
    "july": lambda: recorded(
        date(2026, 7, 20),
        date(2026, 7, 27),
        "huggingface",
        ("llm", "video generation", "agent", "robot", "3D", "reasoning"),
    ),
    "april": lambda: recorded(
        date(2026, 4, 17),
        date(2026, 4, 24),
        "arxiv",
        ("object detection", "point cloud", "robot", "gaussian splatting", "depth estimation", "anomaly"),
    ),
}


@pytest.fixture
def running_relay() -> Iterator[Relay]:
    with relay() as running:
        yield running


class Week:
    """Command that is run day by day, with a fixed clock."""

    def __init__(self, folder: Path, host: Host, running_relay: Relay) -> None:
        self.host, self.relay = host, running_relay
        self.command = Command(
            folder,
            {
                "DIGEST_SOURCES": host.sources,
                "DIGEST_ARXIV_CATEGORIES": "cs.CV",
                "DIGEST_SMTP_HOST": "127.0.0.1",
                "DIGEST_SMTP_PORT": str(running_relay.port),
                "DIGEST_SMTP_TLS": "none",
                "DIGEST_SECRET_KEY": "a key for the tests that is long enough",
                "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
            },
        )

    def set_urls(self) -> None:
        for name in ("HUGGINGFACE_URL", "ARXIV_FEED_URL", "ARXIV_API_URL"):
            self.command.environment[f"DIGEST_{name}"] = self.host.url

    def now_option(self, day: date, hour: int) -> tuple[str, str]:
        self.host.set_today(day)
        self.set_urls()
        return "--now", datetime(day.year, day.month, day.day, hour, tzinfo=UTC).isoformat()

    def subscribe(self) -> dict[str, list[str]]:
        topics = self.host.keywords
        keywords_by_email: dict[str, list[str]] = {}
        for number in range(SUBSCRIBER_COUNT):
            keywords = [] if number == 5 else [topics[number % len(topics)], topics[(number * 5 + 1) % len(topics)]]
            keywords_by_email[f"subscriber{number:02}@example.org"] = keywords
        rows = "".join(f'{email},"{"|".join(keywords)}",100\n' for email, keywords in keywords_by_email.items())
        (self.command.folder / "subscribers.csv").write_text(f"email,keywords,cap\n{rows}", encoding="utf-8")
        assert (
            self.command.json("subscribers", "import", "subscribers.csv", "--confirmed")["imported"] == SUBSCRIBER_COUNT
        )
        return keywords_by_email


# The third week is of the other source: it takes a minute and has not failed alone so far.
@pytest.mark.parametrize(
    "name", [pytest.param(week, marks=pytest.mark.long) if week == "april" else week for week in WEEKS]
)
def test_in_a_week_of_faults_every_matching_paper_comes_once(name: str, tmp_path: Path, running_relay: Relay) -> None:
    with WEEKS[name]() as (host, set_broken):
        week = Week(tmp_path, host, running_relay)
        keywords_by_email = week.subscribe()
        first, second, third, fourth, fifth, *rest = host.days
        week.command.run("run", *week.now_option(first, 9))
        # The sources fail in the morning; the fetches are recorded as failed, and the run reports it.
        set_broken(True)
        report = week.command.json("run", *week.now_option(second, 9), status=1)
        assert {source["failed"] > 0 for source in report["sources"].values()} == {True}
        set_broken(False)
        week.command.run("collect", *week.now_option(second, 21))
        # The relay defers every third subscriber, and rejects one.
        deferred = [email for number, email in enumerate(keywords_by_email) if number % 3 == 0]
        running_relay.refuse = dict.fromkeys(deferred, "451 4.7.1 try again later") | {
            UNKNOWN_USER: "550 5.1.1 no such user"
        }
        report = week.command.json("run", *week.now_option(third, 9), status=1)
        assert (report["deliveries"]["queued"], report["letters"]["failed"]) == (len(deferred), 1)
        running_relay.refuse = {}
        uncertain = _kill_during_data(week, fourth)
        report = week.command.json("run", *week.now_option(fourth, 10), status=1)
        assert report["deliveries"]["uncertain"] == len(uncertain) == 1
        _resolve_as_lost(week, uncertain)
        for day in (fifth, *rest):
            week.command.run("run", *week.now_option(day, 9))
        _check_received_papers(week, keywords_by_email, tmp_path)


def _kill_during_data(week: Week, day: date) -> list[str]:
    """Kill the run while one e-mail hangs in DATA; return the recipients whom the relay did not answer."""
    running_relay = week.relay
    running_relay.stall_from = running_relay.seen + 10
    process = week.command.start("run", *week.now_option(day, 9))
    assert running_relay.hanging.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    running_relay.stall_from = None
    return list(running_relay.stalled)


def _resolve_as_lost(week: Week, stalled: Sequence[str]) -> None:
    """Resolve uncertain deliveries as an operator does who does not find them in the log of the relay."""
    for delivery in week.command.json("deliveries", "list", "--state", "uncertain"):
        assert week.command.json("deliveries", "show", str(delivery["id"]))["email"] in stalled
        week.command.run("deliveries", "resolve", str(delivery["id"]), "lost")


def _check_received_papers(week: Week, keywords_by_email: dict[str, list[str]], folder: Path) -> None:
    engine = connect(f"sqlite:///{folder}/var/digest.db")
    with read_session(engine) as session:
        papers = session.exec(select(Paper)).all()
        documents = [PaperDocument(0, paper.title, paper.abstract) for paper in papers]
        arxiv_ids = [paper.arxiv_id for paper in papers]
    engine.dispose()
    assert len(arxiv_ids) > 50
    emails = week.relay.mails()
    assert {row["status"] for row in week.command.json("subscribers", "list") if row["email"] == UNKNOWN_USER} == {
        "suppressed"
    }
    for email, keywords in keywords_by_email.items():
        received = Counter(name for message in emails[email] for name in _papers_in(message))
        assert [name for name, count in received.items() if count > 1] == [], f"{email} got papers twice"
        if email == UNKNOWN_USER or not keywords:
            assert received or "huggingface" not in week.host.sources  # without keywords: trending papers
            continue
        hits = Matcher([parse(keyword) for keyword in keywords]).match(documents)
        matching = {arxiv_ids[hit.document] for row in hits for hit in row}
        assert set(received) == matching, (
            f"{email}: lost {matching - set(received)}, not asked for {set(received) - matching}"
        )
    assert week.command.json("deliveries", "list", "--state", "uncertain") == []


def _papers_in(message: EmailMessage) -> set[str]:
    """Return the papers of an e-mail, which must be the same in text and HTML."""
    text, html = (set(ABSTRACT.findall(text_of(message, kind).replace('"', " "))) for kind in ("plain", "html"))
    assert html <= text
    return text
