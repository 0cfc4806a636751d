"""One whole day on this machine, through the same code as the service.

    subscribe -> confirm by the mailed link -> collect -> plan -> deliver into a local inbox -> look at the letters

Nothing is pretended: the store is SQLite, the inbox a real SMTP server on loopback. Only the hosts may be stood in for,
by bundled days in their exact shapes, when none of them can be reached.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import col, select

from digest import __version__
from digest.cli.demo_server import SampleServer
from digest.config import Settings, load_settings
from digest.context import AppContext, create_context
from digest.database import read_session
from digest.database.models import Delivery, Subscriber
from digest.jobs import RunReport, SourceReport, collect, deliver, run_once
from digest.mail import list_messages
from digest.matching import Matcher, PaperDocument, parse
from digest.monitoring.checks import source_hosts
from digest.papers import latest_listing_id, papers_listed_after
from digest.subscribers import Preferences, confirm, parse_keywords, subscribe

DEMO_DIRECTORY = Path("var/demo")


DEMO_ADDRESS = "ada@example.org"


KEYWORDS = (
    "retrieval-augmented generation",
    "diffusion model",
    "large language model",
    "reinforcement learning",
    "protein",
)


SATURDAY = 5


HOST_TIMEOUT = 4.0  # seconds in which a host must answer to count as reachable


@dataclass(frozen=True, slots=True)
class DemoEmail:
    """A letter of this run: what it is, what became of it, and where its .eml lies (.html and .txt beside it)."""

    kind: str
    subject: str
    state: str
    file: str


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demo run came to."""

    offline: bool
    report: RunReport
    keywords: dict[str, int]
    emails: list[DemoEmail]

    def to_dict(self) -> dict[str, Any]:
        """For scripts."""
        letters = [asdict(each) for each in self.emails]
        return {**self.report.to_dict(), "offline": self.offline, "keywords": self.keywords, "demo_letters": letters}


async def run_demo(clock: Callable[[], datetime], on_progress: Callable[[str], None]) -> DemoResult:
    """The day. A second time there is nothing new, and nothing is sent."""
    chosen = load_demo_settings()
    on_progress("looking for the sources")
    offline = not await any_source_available(chosen)
    if offline:
        clock = last_weekday_clock(clock())
    with SampleServer(clock()) if offline else nullcontext() as host:
        ctx = create_context(load_demo_settings(host.url if host else None))
        try:
            with read_session(ctx.engine) as session:
                after = latest_listing_id(session)
            before = {each.name for each in list_messages(ctx.mailbox_directory)}
            await subscribe_demo_address(ctx, clock, on_progress)
            earlier = await collect_earlier_days(ctx, host, on_progress) if host else []
            report = await run_once(ctx, clock, on_progress=on_progress)
            collected = merge_reports([*earlier, *report.collected])
            return DemoResult(
                offline, replace(report, collected=collected), count_matches(ctx, after), write_emails(ctx, before)
            )
        finally:
            ctx.engine.dispose()


def load_demo_settings(host: str | None = None) -> Settings:
    """The settings of the environment, but with a store of the demo's own, no relay, and perhaps another host."""
    demo = {
        "database_url": f"sqlite:///{DEMO_DIRECTORY}/digest.db",
        "smtp_host": "",
        "secret_key": "",
        "send_hour": "0",
    }
    names = ("huggingface_url", "arxiv_feed_url", "arxiv_api_url") if host else ()
    return load_settings(**demo, **dict.fromkeys(names, host))


async def any_source_available(settings: Settings) -> bool:
    """Whether at least one host of the sources answers as it should."""

    async def answers(url: str) -> bool:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    agent = {"User-Agent": f"digest/{__version__} (demo)"}
    async with httpx.AsyncClient(timeout=HOST_TIMEOUT, headers=agent) as client:
        return any(await asyncio.gather(*(answers(url) for _, url in source_hosts(settings))))


def last_weekday_clock(now: datetime) -> Callable[[], datetime]:
    """18:00 UTC of the last weekday that is over: then every sample list of that day is out, whatever today is."""
    day = now.date() - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return lambda: collection_time(day)


def collection_time(day: date) -> datetime:
    """When the lists of a day are long enough to be read."""
    return datetime.combine(day, time(18), tzinfo=UTC)


async def collect_earlier_days(
    ctx: AppContext, host: SampleServer, on_progress: Callable[[str], None]
) -> list[SourceReport]:
    """Read the sample days before the last as the service would have: each on its own evening."""
    *earlier, last = host.days
    collected = []
    for day in earlier:
        host.set_day(day)
        collected += await collect(ctx, collection_time(day), on_progress=on_progress)
    host.set_day(last)
    return collected


def merge_reports(reports: Sequence[SourceReport]) -> list[SourceReport]:
    """Several readings of a source as one line."""
    lines: dict[str, SourceReport] = {}
    for each in reports:
        line = lines.setdefault(each.source, SourceReport(each.source))
        line.listed += each.listed
        line.new += each.new
        line.failed += each.failed
        line.seconds = round(line.seconds + each.seconds, 2)
        line.problems += each.problems
    return list(lines.values())


async def subscribe_demo_address(
    ctx: AppContext, clock: Callable[[], datetime], on_progress: Callable[[str], None]
) -> None:
    """As a person would: ask, open the mail, follow its link, press the button."""
    on_progress("subscribing the demo reader")
    with read_session(ctx.engine) as session:
        if session.exec(select(Subscriber.id)).first():
            return
    saved, _ = parse_keywords(KEYWORDS)
    wish = Preferences(send_hour=ctx.settings.send_hour, timezone=ctx.settings.default_timezone)
    subscribe(ctx, DEMO_ADDRESS, wish, saved, clock())
    await deliver(ctx, clock)
    mail = list_messages(ctx.mailbox_directory)[-1]
    found = re.search(r"/confirm/(\S+)", mail.part("plain"))
    if found is None:
        raise RuntimeError("the confirmation mail has no link")
    confirm(ctx, found[1], clock())


def count_matches(ctx: AppContext, after: int) -> dict[str, int]:
    """How many of the papers that are new in this run each keyword matches."""
    with read_session(ctx.engine) as session:
        new = papers_listed_after(session, after)
    hits = Matcher([parse(keyword) for keyword in KEYWORDS]).match([PaperDocument.from_paper(paper) for paper in new])
    return {keyword: len(row) for keyword, row in zip(KEYWORDS, hits, strict=True)}


def write_emails(ctx: AppContext, before: Collection[str]) -> list[DemoEmail]:
    """The letters that came in this run, each also written out as .html and .txt beside its .eml."""
    with read_session(ctx.engine) as session:
        states = {
            message_id: (kind, state)
            for message_id, kind, state in session.exec(
                select(col(Delivery.message_id), col(Delivery.kind), col(Delivery.state))
            ).all()
        }
    shown = []
    for mail in list_messages(ctx.mailbox_directory):
        if mail.name in before:
            continue
        file = ctx.mailbox_directory / f"{mail.name}.eml"
        file.with_suffix(".html").write_text(mail.part("html"), encoding="utf-8")
        file.with_suffix(".txt").write_text(mail.part("plain"), encoding="utf-8")
        kind, state = states[str(mail.message["Message-ID"])]
        shown.append(DemoEmail(kind, mail.subject, state, str(file)))
    return shown
