"""A week as it may come: sources that fail, a relay that refuses, a kill in the midst of sending.

Judged by the received mails alone: every paper that matches a reader reached that reader, and none came twice.
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

PERSONS = 30
GONE = "reader07@example.org"  # refused for good on the fourth day
ABSTRACT = re.compile(r"https://arxiv\.org/abs/(\S+)")


@dataclass
class Host:
    """Where papers are listed: today can be set, and everything can be broken."""

    url: str
    sources: str
    days: Sequence[date]
    keywords: Sequence[str]
    set_today: Callable[[date], None]


@contextmanager
def own() -> Iterator[tuple[Host, Callable[[bool], None]]]:
    topics = ("diffusion model", "retrieval-augmented generation", "speech", "robot", "protein", "graph")
    days = [date(2026, 9, 7) + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7)]
    lists = ListingHost(days[0])
    for number, day in enumerate(days):
        lists.days[day] = [
            paper_entry(f"2609.{number}{n:04}", f"A {topic} that was listed as number {n}", upvotes=n)
            for n, topic in enumerate(topics * 2)
        ]
        lists.batches[day] = [
            paper_entry(f"2609.{number}5{n:03}", f"Late news on {topic}s of kind {n}") for n, topic in enumerate(topics)
        ] + lists.days[day][:2]  # some are listed by both
        if number:  # what came yesterday comes again as a cross-list and as a new version
            before = days[number - 1]
            lists.batches[day] += [
                {**lists.days[before][3], "kind": "cross"},
                {**lists.days[before][4], "kind": "replace"},
            ]

    def today(day: date) -> None:
        lists.today = day

    def broken(yes: bool) -> None:
        lists.is_broken = yes

    with serve_listings(lists):
        yield Host(lists.url, "huggingface,arxiv", days, topics, today), broken


@contextmanager
def recorded(
    first: date, last: date, source: str, keywords: Sequence[str]
) -> Iterator[tuple[Host, Callable[[bool], None]]]:
    """Real answers, where the recording is at hand."""
    if not (SHARED / "tools" / "replay.py").exists():
        pytest.skip("the recorded answers are not at hand")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    good, bad = _replay(first), _replay(first, "/=500")
    try:

        def today(day: date) -> None:
            urllib.request.urlopen(f"{good[1]}/__today?date={day}", timeout=10).close()

        host = Host(good[1], source, [day for day in days if day.weekday() < 5], keywords, today)

        def broken(yes: bool) -> None:
            host.url = bad[1] if yes else good[1]

        yield host, broken
    finally:
        for process, _ in (good, bad):
            process.kill()
            process.wait()


def _replay(today: date, *faults: str) -> tuple[subprocess.Popen[bytes], str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(SHARED / "tools" / "replay.py"), "--port", str(port), "--today", str(today)]
    process = subprocess.Popen(
        [*command, *(f"--fault={each}" for each in faults)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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
    "own": own,
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
def outgoing() -> Iterator[Relay]:
    with relay() as running:
        yield running


class Week:
    """The command, day by day, with a fixed clock."""

    def __init__(self, folder: Path, host: Host, outgoing: Relay) -> None:
        self.host, self.outgoing = host, outgoing
        self.command = Command(
            folder,
            {
                "DIGEST_SOURCES": host.sources,
                "DIGEST_ARXIV_CATEGORIES": "cs.CV",
                "DIGEST_SMTP_HOST": "127.0.0.1",
                "DIGEST_SMTP_PORT": str(outgoing.port),
                "DIGEST_SMTP_TLS": "none",
                "DIGEST_SECRET_KEY": "a key for the tests that is long enough",
                "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
            },
        )

    def settings_of(self) -> None:
        for name in ("HUGGINGFACE_URL", "ARXIV_FEED_URL", "ARXIV_API_URL"):
            self.command.environment[f"DIGEST_{name}"] = self.host.url

    def at(self, day: date, hour: int) -> tuple[str, str]:
        self.host.set_today(day)
        self.settings_of()
        return "--now", datetime(day.year, day.month, day.day, hour, tzinfo=UTC).isoformat()

    def subscribe(self) -> dict[str, list[str]]:
        topics = self.host.keywords
        readers: dict[str, list[str]] = {}
        for number in range(PERSONS):
            wanted = [] if number == 5 else [topics[number % len(topics)], topics[(number * 5 + 1) % len(topics)]]
            readers[f"reader{number:02}@example.org"] = wanted
        rows = "".join(f'{email},"{"|".join(wanted)}",100\n' for email, wanted in readers.items())
        (self.command.folder / "readers.csv").write_text(f"email,keywords,cap\n{rows}", encoding="utf-8")
        assert self.command.json("subscribers", "import", "readers.csv", "--confirmed")["imported"] == PERSONS
        return readers


# The third week is of the other source; it adds a minute to every run of the tests and has found nothing by itself.
@pytest.mark.parametrize(
    "name", [pytest.param(week, marks=pytest.mark.long) if week == "april" else week for week in WEEKS]
)
def test_in_a_week_of_faults_every_matching_paper_comes_once(name: str, tmp_path: Path, outgoing: Relay) -> None:
    with WEEKS[name]() as (host, broken):
        week = Week(tmp_path, host, outgoing)
        readers = week.subscribe()
        first, second, third, fourth, fifth, *rest = host.days
        week.command.run("run", *week.at(first, 9))
        # The sources fail in the morning, the reading is recorded as failed, and the run says so.
        broken(True)
        report = week.command.json("run", *week.at(second, 9), status=1)
        assert {each["failed"] > 0 for each in report["sources"].values()} == {True}
        broken(False)
        week.command.run("collect", *week.at(second, 21))
        # The relay puts off every third reader, and refuses one for good.
        late = [email for number, email in enumerate(readers) if number % 3 == 0]
        outgoing.refuse = dict.fromkeys(late, "451 4.7.1 try again later") | {GONE: "550 5.1.1 no such user"}
        report = week.command.json("run", *week.at(third, 9), status=1)
        assert (report["letters"]["queued"], report["letters"]["failed"]) == (len(late), 1)
        outgoing.refuse = {}
        uncertain = _killed_amid(week, fourth)
        report = week.command.json("run", *week.at(fourth, 10), status=1)
        assert report["letters"]["uncertain"] == len(uncertain) == 1
        _settle_as_the_relay_says(week, uncertain)
        for day in (fifth, *rest):
            week.command.run("run", *week.at(day, 9))
        _check(week, readers, tmp_path)


def _killed_amid(week: Week, day: date) -> list[str]:
    """Kill the run while one letter hangs in DATA; the recipients whose letter the relay never answered."""
    outgoing = week.outgoing
    outgoing.stall_from = outgoing.seen + 10
    process = week.command.start("run", *week.at(day, 9))
    assert outgoing.hanging.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    outgoing.stall_from = None
    return list(outgoing.stalled)


def _settle_as_the_relay_says(week: Week, stalled: Sequence[str]) -> None:
    """An operator looks into the relay's log, where these letters are not, and says that they are lost."""
    for delivery in week.command.json("deliveries", "list", "--state", "uncertain"):
        assert week.command.json("deliveries", "show", str(delivery["id"]))["email"] in stalled
        week.command.run("deliveries", "resolve", str(delivery["id"]), "lost")


def _check(week: Week, readers: dict[str, list[str]], folder: Path) -> None:
    engine = connect(f"sqlite:///{folder}/var/digest.db")
    with read_session(engine) as session:
        papers = session.exec(select(Paper)).all()
        listed = [PaperDocument(0, paper.title, paper.abstract) for paper in papers]
        names = [paper.arxiv_id for paper in papers]
    engine.dispose()
    assert len(names) > 50
    mails = week.outgoing.mails()
    assert {each["status"] for each in week.command.json("subscribers", "list") if each["email"] == GONE} == {
        "suppressed"
    }
    for email, wanted in readers.items():
        got = Counter(name for mail in mails[email] for name in _papers_in(mail))
        assert [name for name, times in got.items() if times > 1] == [], f"{email} got papers twice"
        if email == GONE or not wanted:
            assert got or "huggingface" not in week.host.sources  # without keywords: what is trending there
            continue
        hits = Matcher([parse(each) for each in wanted]).match(listed)
        matching = {names[hit.document] for row in hits for hit in row}
        assert set(got) == matching, f"{email}: lost {matching - set(got)}, uncalled for {set(got) - matching}"
    assert week.command.json("deliveries", "list", "--state", "uncertain") == []


def _papers_in(mail: EmailMessage) -> set[str]:
    """The papers of a letter; the two forms of it must agree."""
    text, page = (set(ABSTRACT.findall(text_of(mail, kind).replace('"', " "))) for kind in ("plain", "html"))
    assert page <= text
    return text
