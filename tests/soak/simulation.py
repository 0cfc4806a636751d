"""A service that runs day after day, by a fixed clock: papers, subscribers, bounces, pruning."""

import asyncio
import os
import random
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from digest.bounces import handle_message
from digest.context import AppContext
from digest.database import connect, migrate
from digest.errors import SubscriberNotFoundError
from digest.jobs import prune
from digest.jobs.pipeline import run_once
from tests.support.bounce_messages import BOUNCES, bounce_message
from tests.support.contexts import add_active_subscriber, erase_by_email, make_context
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.relay import Relay, relay, text_of

FIRST_DAY = date(2026, 1, 5)  # a Monday
TOPICS = ("diffusion model", "protein", "robot", "graph", "speech", "retrieval", "pruning", "attention")
PAPERS_A_DAY = 24
QUIET_DAYS = 3  # at the end, so that what came back has come again
RETENTION_DAYS = 30  # of `digest prune`
ABSTRACT = re.compile(r"https://arxiv\.org/abs/(\S+)")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Member:
    """A subscriber of the simulation. `due`: papers listed since they came; `has_left`: nothing is due to them."""

    topic: str
    due: set[str] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class DayReport:
    """Figures at the end of a day. `rows`: of the tables that pruning bounds."""

    day: int
    emails: int
    resident_bytes: int
    store_bytes: int
    rows: int


@dataclass
class Soak:
    """One simulation. See `run`."""

    folder: Path
    seed: int
    subscribers: int
    members: dict[str, Member] = field(default_factory=dict)
    reports: list[DayReport] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    topics: dict[str, str] = field(default_factory=dict)  # of all papers
    emails: int = 0

    def run(self, days: int) -> Iterator[DayReport]:
        """Play so many days; each gives its figures."""
        self._dice = random.Random(self.seed)
        with self._service() as (ctx, host, running):
            for number in range(days):
                day = FIRST_DAY + timedelta(days=number)
                now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
                self._change_members(ctx, now)
                self._list_papers(host, day, number)
                report = asyncio.run(run_once(ctx, lambda now=now: now))  # type: ignore[misc]
                self.problems.update(problem.split(":")[0] for problem in report.problems)
                self._receive(ctx, running, now + timedelta(hours=2), returns=number < days - QUIET_DAYS)
                if number % 7 == 6:
                    prune(ctx, now, days=RETENTION_DAYS)
                self.reports.append(self._figures(number + 1))
                yield self.reports[-1]

    @contextmanager
    def _service(self) -> Iterator[tuple[AppContext, ListingHost, Relay]]:
        engine = connect(f"sqlite:///{self.folder / 'digest.db'}")
        try:
            migrate(engine)
            with serve_listings(ListingHost(FIRST_DAY)) as host, relay() as running:
                urls = dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), host.url)
                ctx = make_context(
                    engine,
                    sources="huggingface,arxiv",
                    arxiv_categories="cs.AI",
                    smtp_host="127.0.0.1",
                    smtp_port=running.port,
                    smtp_tls="none",
                    bounce_address=BOUNCES,
                    **urls,
                )
                yield ctx, host, running
        finally:
            engine.dispose()

    def _change_members(self, ctx: AppContext, now: datetime) -> None:
        """Fill up to the number of subscribers; one in fifty leaves and has everything erased."""
        active = [email for email, member in self.members.items() if not member.has_left]
        for email in active:
            if self._dice.random() < 0.02:
                self.members[email].has_left = True
                try:
                    erase_by_email(ctx, email)
                except SubscriberNotFoundError:
                    self.problems["a subscriber was not there"] += 1
        for _ in range(self.subscribers - sum(not member.has_left for member in self.members.values())):
            email, topic = f"subscriber{len(self.members)}@example.org", self._dice.choice(TOPICS)
            self.members[email] = Member(topic)
            add_active_subscriber(ctx, email, topic, now=now - timedelta(days=1), cap=100)

    def _list_papers(self, host: ListingHost, day: date, number: int) -> None:
        """List papers of a working day in both sources; some are in both, some come again as a new version."""
        host.today = day
        host.requested_paths.clear()
        for past in [listed_day for listed_day in (*host.days, *host.batches) if (day - listed_day).days > 14]:
            host.days.pop(past, None)
            host.batches.pop(past, None)
        if day.weekday() > 4:
            return
        entries = []
        for n in range(PAPERS_A_DAY):
            topic = self._dice.choice(TOPICS)
            identifier = f"{day:%y%m}.{day.day:02}{n:03}"
            self.topics[identifier] = topic
            entries.append(paper_entry(identifier, f"Study {number}.{n} of a {topic}", upvotes=n))
            for member in self.members.values():
                if member.topic == topic and not member.has_left:
                    member.due.add(identifier)
        host.days[day] = entries[: PAPERS_A_DAY // 2]
        again = [{**entry, "kind": "replace"} for entry in host.batches.get(day - timedelta(days=1), [])[:2]]
        host.batches[day] = [*entries[PAPERS_A_DAY // 3 :], *again]

    def _receive(self, ctx: AppContext, running: Relay, now: datetime, *, returns: bool) -> None:
        """Read what came, as the subscribers; where `returns`, some of it comes back."""
        accepted, running.accepted = running.accepted, []
        senders, running.senders = running.senders, defaultdict(list)
        for recipient, mails in Relay.mails_of(accepted).items():
            self.emails += len(mails)
            member, chance = self.members[recipient], self._dice.random()
            if returns and chance < 0.04 and not member.has_left:
                kind = "no-such-mailbox" if chance < 0.005 else "mailbox-full"
                handle_message(ctx, bounce_message(kind, senders[recipient][-1], self.emails), now)
                member.has_left = kind == "no-such-mailbox"
                mails.pop()  # it came back: nobody has read it
            for mail in mails:
                member.received.update(set(ABSTRACT.findall(text_of(mail))))

    def _figures(self, day: int) -> DayReport:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
        bounded = ("source_fetch", "bounce_record", "http_cache_entry", "rate_limit_counter", "shared_token_bucket")
        with closing(sqlite3.connect(self.folder / "digest.db")) as connection:
            size = connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            store = int(size.fetchone()[0])
            counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in bounded]
        return DayReport(day, self.emails, resident, store, sum(counts))


def find_faults(soak: Soak) -> list[str]:
    """Return what must not be: papers that came twice or never, and figures that grow without bound."""
    faults = []
    for email, member in soak.members.items():
        faults += [f"{email} got {paper} {count} times" for paper, count in member.received.items() if count > 1]
        strange = sorted(paper for paper in member.received if soak.topics[paper] != member.topic)
        faults += [f"{email} got {paper}, which is on {soak.topics[paper]}" for paper in strange]
        if not member.has_left:
            faults += [f"{email} never got {paper}" for paper in sorted(member.due - set(member.received))]
    return faults + find_growth(soak.reports)


def find_growth(reports: list[DayReport]) -> list[str]:
    """Compare the last quarter with the one before: only the record of e-mails and papers may grow, and steadily."""
    quarter = len(reports) // 4
    if quarter < RETENTION_DAYS:
        return []  # what pruning bounds has not come to its bound yet
    before, middle, last = (reports[-1 - n * quarter] for n in (2, 1, 0))
    faults = []
    if last.resident_bytes > middle.resident_bytes * 1.05 + (8 << 20):
        grown = (last.resident_bytes - middle.resident_bytes) >> 20
        faults.append(f"memory grew by {grown} MB in the last {quarter} days")
    if last.store_bytes - middle.store_bytes > 1.25 * (middle.store_bytes - before.store_bytes) + (1 << 20):
        faults.append(f"the store grows faster and faster: {last.store_bytes >> 10} KB")
    if last.rows > middle.rows * 1.25 + 50:
        faults.append(f"rows that pruning bounds grew from {middle.rows} to {last.rows}")
    return faults
