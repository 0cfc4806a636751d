"""Stores that have gone back: restored from a backup, or without their write-ahead log."""

import asyncio
import json
import shutil
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select, update
from structlog.testing import capture_logs

from digest.database import check_mark, ensure_schema, read_mark, read_session, write_session
from digest.database.models import Listing, Paper
from digest.delivery import resume_sending
from digest.errors import StaleStoreError, StoreError, UsageError
from digest.identifiers import Identifier
from digest.jobs import pipeline
from digest.monitoring import Monitoring
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.conftest import Connect
from tests.support.command import Command
from tests.support.contexts import DAY, FixedClock, add_active_subscriber, make_context, store_papers
from tests.support.factories import NOW
from tests.support.relay import Relay, text_of

BACKUP = Path(__file__).parents[3] / "deploy" / "backup.py"
EMAILS = [f"r{number}@example.org" for number in range(5)]
MONDAY, TUESDAY, WEDNESDAY = "A graph of monday", "A graph of tuesday", "A graph of wednesday"


class Service:
    """A service whose days pass as the test says, and whose store may go back."""

    def __init__(self, store: Engine, relay: Relay) -> None:
        self.ctx = make_context(store, smtp_host="127.0.0.1", smtp_port=relay.port, smtp_tls="none")
        self.database = Path(str(store.url.database))
        self.clock = FixedClock()
        self.relay = relay

    def list_paper(self, days: int, title: str) -> None:
        store_papers(self.ctx, NOW + days * DAY, title)

    def send(self, days: int) -> None:
        self.clock.now = NOW + days * DAY

        async def plan_and_deliver() -> None:
            await pipeline.plan(self.ctx, self.clock())
            await pipeline.deliver(self.ctx, self.clock)

        asyncio.run(plan_and_deliver())

    def restore(self, saved: Path, connect: Connect) -> None:
        """Put a copy in place, as the guide says."""
        self.ctx.engine.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        shutil.copy(saved, self.database)
        self.ctx = make_context(
            connect(f"sqlite:///{self.database}"), smtp_host="127.0.0.1", smtp_port=self.relay.port, smtp_tls="none"
        )

    def mailed(self) -> dict[str, list[int]]:
        """How often each subscriber got each paper."""
        times: Counter[tuple[str, str]] = Counter()
        for recipient, messages in self.relay.mails().items():
            for text in map(text_of, messages):
                plain = text.replace("*", "")  # around what has matched
                times.update((recipient, title) for title in (MONDAY, TUESDAY, WEDNESDAY) if title in plain)
        return {title: [times[email, title] for email in EMAILS] for title in (MONDAY, TUESDAY, WEDNESDAY)}


@pytest.fixture
def service(sqlite_store: Engine, polite: Relay) -> Service:
    service = Service(sqlite_store, polite)
    for email in EMAILS:
        add_active_subscriber(service.ctx, email, "graph", now=NOW - DAY, send_hour=5)
    return service


@pytest.fixture(params=["backup", "lost -wal"])
def gone_back(request: pytest.FixtureRequest, service: Service, tmp_path: Path, connect: Connect) -> Service:
    """A service that has sent two days' papers, and whose store knows of the first day only."""
    saved = tmp_path / "saved.db"
    service.list_paper(1, MONDAY)
    service.send(1)
    service.ctx.engine.dispose()  # which moves what the -wal holds into the file
    if request.param == "backup":
        folder = tmp_path / "backups"
        command = [sys.executable, "-I", str(BACKUP), str(service.database), str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        saved = Path(done.stdout.strip())
    service.list_paper(2, TUESDAY)
    service.send(2)
    if request.param != "backup":
        shutil.copy(service.database, saved)
    service.restore(saved, connect)
    return service


def test_nothing_is_planned_or_sent_from_a_store_that_has_gone_back(gone_back: Service) -> None:
    before = len(gone_back.relay.accepted)
    gone_back.list_paper(2, TUESDAY)  # reading works
    with pytest.raises(StaleStoreError, match=r"digest\.db\.mark says .* up to delivery \d+, at .*resume --assume"):
        gone_back.send(2)
    with pytest.raises(StaleStoreError):
        asyncio.run(pipeline.deliver(gone_back.ctx, gone_back.clock))
    assert len(gone_back.relay.accepted) == before
    health = Monitoring(gone_back.ctx).health(gone_back.clock())
    assert "nothing is sent" in health.reason


def test_assumed_sent_nothing_comes_twice_and_later_papers_come(gone_back: Service) -> None:
    gone_back.list_paper(3, WEDNESDAY)
    gone_back.list_paper(2, TUESDAY)  # a source that is read late: its ids are higher
    resume_sending(gone_back.ctx.engine, gone_back.clock(), assume_sent=True)
    gone_back.send(3)
    assert gone_back.mailed() == {MONDAY: [1] * 5, TUESDAY: [1] * 5, WEDNESDAY: [1] * 5}


def test_resumed_numbers_keep_what_is_merged_withheld_or_new_again(gone_back: Service) -> None:
    def pair(days: int, title: str) -> list[ListedPaper]:
        """A paper at two sources under two DOIs of its own, which a third entry shows to be one."""
        day = (NOW + days * DAY).date()
        usual: dict[str, Any] = {"list_day": day, "rank": 1, "title": title, "abstract": "", "url": "https://x.y"}
        names = Identifier("pmid", str(days)), Identifier("doi", f"10.5555/{days}")
        entries = [(names[1:], "journal"), (names[:1], "pubmed"), (names, "pubmed")]
        return [ListedPaper(source=source, identifiers=given, **usual) for given, source in entries]

    def numbers() -> dict[str, list[int]]:
        """The numbers of the rows of each title, those of rows that stand before those of merged ones."""
        with read_session(gone_back.ctx.engine) as session:
            rows = session.exec(select(Paper).order_by(col(Paper.merged_into).is_not(None), col(Paper.id))).all()
            found: dict[str, list[int]] = {}
            for row in rows:
                found.setdefault(row.title, []).append(row.first_listing_id)
            return found

    engine = gone_back.ctx.engine
    for day in (2, 3):
        for entry in pair(day, f"Graph pair of day {day}"):
            with write_session(engine) as session:
                store_listings(session, [entry], gone_back.clock())
    gone_back.list_paper(3, WEDNESDAY)
    with write_session(engine) as session:  # withheld by a plan that could not read it
        session.execute(update(Paper).where(col(Paper.title) == MONDAY).values(first_listing_id=0))
        merged = session.exec(select(Paper).where(col(Paper.merged_into).is_not(None))).all()
        merged[1].first_listing_id = 0  # as by title: its row never entered
    before = numbers()
    with read_session(engine) as session:
        last = max(int(listing.id or 0) for listing in session.exec(select(Listing)))
    resume_sending(engine, gone_back.clock(), assume_sent=True)
    expected = before | {
        WEDNESDAY: [before[WEDNESDAY][0] + last],
        "Graph pair of day 3": [before["Graph pair of day 3"][0] + last, 0],
    }
    assert numbers() == expected
    assert before[MONDAY] == [0]
    assert before["Graph pair of day 2"][0] < before["Graph pair of day 2"][1] <= last


def test_sent_again_nothing_is_lost(gone_back: Service) -> None:
    gone_back.list_paper(2, TUESDAY)
    gone_back.list_paper(3, WEDNESDAY)
    resume_sending(gone_back.ctx.engine, gone_back.clock(), assume_sent=False)
    gone_back.send(3)
    assert gone_back.mailed() == {MONDAY: [1] * 5, TUESDAY: [2] * 5, WEDNESDAY: [1] * 5}
    with pytest.raises(UsageError, match="there is nothing to resume"):
        resume_sending(gone_back.ctx.engine, gone_back.clock(), assume_sent=False)


def test_queued_digests_count_as_sent_when_they_may_have_left(
    service: Service, tmp_path: Path, connect: Connect
) -> None:
    service.list_paper(1, MONDAY)
    service.clock.now = NOW + DAY
    asyncio.run(pipeline.plan(service.ctx, service.clock()))
    service.ctx.engine.dispose()
    shutil.copy(service.database, tmp_path / "saved.db")
    asyncio.run(pipeline.deliver(service.ctx, service.clock))
    assert service.mailed()[MONDAY] == [1] * 5
    service.restore(tmp_path / "saved.db", connect)
    assert resume_sending(service.ctx.engine, service.clock(), assume_sent=True) == 5
    service.send(2)
    assert service.mailed()[MONDAY] == [1] * 5


def test_a_store_without_a_mark_gets_one_with_a_line_in_the_log(service: Service) -> None:
    mark = Path(f"{service.database}.mark")
    service.list_paper(1, MONDAY)
    with capture_logs() as logs:
        service.send(1)
        service.send(2)
    assert [row["path"] for row in logs if row["event"] == "database.mark_written"] == [str(mark)]
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    assert [path.name for path in service.database.parent.glob(".*mark*")] == []
    written = json.loads(mark.read_text())
    assert written["highest_delivery"] == 5
    mark.unlink()
    service.list_paper(3, TUESDAY)
    service.send(3)
    assert service.mailed()[TUESDAY] == [1] * 5


def test_the_mark_is_there_before_the_first_e_mail_leaves(service: Service) -> None:
    service.list_paper(1, MONDAY)
    service.send(1)
    before = read_mark(service.ctx.engine)
    service.list_paper(2, TUESDAY)
    service.relay.refuse_data = "451 4.3.0 later"
    service.send(2)
    after = read_mark(service.ctx.engine)
    assert before
    assert after
    assert after.batch > before.batch
    assert after.highest_delivery == 10


def test_a_new_store_beside_an_old_mark_begins_anew(service: Service, connect: Connect) -> None:
    service.list_paper(1, MONDAY)
    service.send(1)
    service.ctx.engine.dispose()
    service.database.unlink()
    engine = connect(f"sqlite:///{service.database}")
    ensure_schema(engine)
    check_mark(engine)


def test_a_mark_that_cannot_be_read_stops_sending(service: Service) -> None:
    service.list_paper(1, MONDAY)
    Path(f"{service.database}.mark").write_text("{")
    with pytest.raises(StoreError, match=r"digest\.db\.mark cannot be read"):
        service.send(1)
    assert service.relay.accepted == []


def test_the_command_says_what_is_wrong_and_goes_on(gone_back: Service, tmp_path: Path) -> None:
    digest = Command(
        tmp_path, {"DIGEST_DATABASE_URL": f"sqlite:///{gone_back.database}", "DIGEST_SECRET_KEY": "x" * 40}
    )
    assert "Give either" in digest.run("database", "resume", status=2).stderr
    done = digest.run("database", "resume", "--send-again")
    assert done.stdout == "Sending is resumed. Queued e-mails that now count as sent: 0\n"
    assert "nothing to resume" in digest.run("database", "resume", "--send-again", status=2).stderr
