"""Demo of one whole day on this machine, through the same code as the service.

    subscribe -> confirm by the mailed link -> collect -> plan -> deliver to a local mailbox

With the sample papers there is a second subscriber, who gives two papers of earlier days as examples.

Nothing is pretended: the database is SQLite, the mailbox a real SMTP server on loopback. Only the hosts of the sources
are replaced, by bundled days in their exact shapes, when none of them can be reached.
"""

import asyncio
import re
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
from sqlmodel import col, func, select

from digest import __version__
from digest.cli.demo.journals import JOURNAL_PATH
from digest.cli.demo.preprints import SATURDAY
from digest.cli.demo.server import SampleServer
from digest.cli.demo.store import DEMO_DATABASE
from digest.config import Settings, load_settings
from digest.context import AppContext, create_context
from digest.database import read_session
from digest.database.models import Delivery, Paper, Subscriber
from digest.jobs import RunReport, SourceReport, pipeline
from digest.mail import list_messages
from digest.matching import Matcher, PaperDocument, parse
from digest.monitoring.checks import source_hosts
from digest.papers import latest_listing_id, papers_listed_after
from digest.subscribers import (
    Preferences,
    add_seeds,
    add_subscriber,
    confirm,
    parse_keywords,
    parse_references,
    subscribe,
)
from digest.tokens import TokenPurpose

DEMO_ADDRESS = "ada@example.org"
KEYWORDS = (
    "retrieval-augmented generation",
    "diffusion model",
    "large language model",
    "reinforcement learning",
    "protein",
)
EXAMPLES_ADDRESS, EXAMPLES_KEYWORDS = "grace@example.org", ("diffusion model", "protein")
EXAMPLES = "arXiv:2607.91102\narXiv:2607.90211"  # of the sample days before the last: both about speech
HOST_TIMEOUT = 4.0  # seconds in which a host must answer to count as reachable
ProgressCallback = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MailboxEmail:
    """E-mail of this run. `file` is its .eml, with .html and .txt beside it; `close_papers` counts that section."""

    kind: str
    to: str
    subject: str
    state: str
    file: str
    close_papers: int = 0


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Result of a demo run. `stored_papers` and `stored_emails` count those of earlier runs, too."""

    offline: bool
    report: RunReport
    keywords: dict[str, int]
    emails: list[MailboxEmail]
    stored_papers: int
    stored_emails: int

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        emails = [asdict(email) for email in self.emails]
        return {**self.report.to_dict(), "offline": self.offline, "keywords": self.keywords, "demo_emails": emails}


async def run_demo(clock: Callable[[], datetime], on_progress: ProgressCallback) -> DemoResult:
    """Run the day. A second time there is nothing new, and nothing is sent."""
    settings = load_demo_settings()
    on_progress("Looking for the sources")
    offline = not await any_source_available(settings)
    if offline:
        clock = last_weekday_clock(clock())
    with SampleServer(clock()) if offline else nullcontext() as server:
        ctx = create_context(load_demo_settings(server.url if server else None))
        try:
            with read_session(ctx.engine) as session:
                last_listing = latest_listing_id(session)
            old_messages = {message.name for message in list_messages(ctx.mailbox_directory)}
            is_first_run = await subscribe_demo_address(ctx, clock, on_progress)
            earlier = await collect_earlier_days(ctx, server, on_progress) if server else []
            if server and is_first_run:
                await add_subscriber_with_examples(ctx, collection_time(server.days[-2]))
            report = await pipeline.run_once(ctx, clock, on_progress=on_progress)
            report = replace(report, source_reports=merge_reports([*earlier, *report.source_reports]))
            emails = write_emails(ctx, old_messages)
            with read_session(ctx.engine) as session:
                papers = session.exec(select(func.count(col(Paper.id)))).one()
            matches, stored = count_matches(ctx, last_listing), len(list_messages(ctx.mailbox_directory))
            return DemoResult(offline, report, matches, emails, papers, stored)
        finally:
            ctx.engine.dispose()


def load_demo_settings(host: str | None = None) -> Settings:
    """Load the settings, but with a database of the demo's own, no relay, and perhaps another host for all sources."""
    overrides = {
        "database_url": f"sqlite:///{DEMO_DATABASE}",
        "smtp_host": "",
        "imap_host": "",
        "secret_key": "",
        "send_hour": "0",
    }
    if host:
        overrides["thumbnails"] = "no"  # their hosts cannot be reached either
        overrides["sources"] = "huggingface,arxiv,pubmed,feeds"
        overrides["feeds"] = f"machine-biology = {host}{JOURNAL_PATH}"
    names = ("huggingface_url", "arxiv_feed_url", "arxiv_api_url", "pubmed_url") if host else ()
    return load_settings(**overrides, **dict.fromkeys(names, host))


async def any_source_available(settings: Settings) -> bool:
    """Return whether at least one host of the sources answers as it should."""

    async def is_available(url: str) -> bool:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    headers = {"User-Agent": f"digest/{__version__} (demo)"}
    async with httpx.AsyncClient(timeout=HOST_TIMEOUT, headers=headers) as client:
        return any(await asyncio.gather(*(is_available(url) for _, url in source_hosts(settings))))


def last_weekday_clock(now: datetime) -> Callable[[], datetime]:
    """Create a clock that stands at the evening of the last weekday before `now`, when every sample list is out."""
    day = now.date() - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return lambda: collection_time(day)


def collection_time(day: date) -> datetime:
    """Return an instant at which the lists of a day are long enough."""
    return datetime.combine(day, time(18), tzinfo=UTC)


async def collect_earlier_days(
    ctx: AppContext, server: SampleServer, on_progress: ProgressCallback
) -> list[SourceReport]:
    """Collect the sample days before the last, each on its own evening, as the service would have."""
    *earlier, last = server.days
    reports = []
    for day in earlier:
        server.set_day(day)
        reports += await pipeline.collect(ctx, collection_time(day), on_progress=on_progress)
    server.set_day(last)
    return reports


def merge_reports(reports: list[SourceReport]) -> list[SourceReport]:
    """Merge several reports of a source into one."""
    merged: dict[str, SourceReport] = {}
    for report in reports:
        total = merged.setdefault(report.source, SourceReport(report.source))
        total.listed += report.listed
        total.new += report.new
        total.failed += report.failed
        total.unreadable += report.unreadable
        total.seconds = round(total.seconds + report.seconds, 2)
        total.problems += report.problems
    return list(merged.values())


async def subscribe_demo_address(ctx: AppContext, clock: Callable[[], datetime], on_progress: ProgressCallback) -> bool:
    """Subscribe as a person would: send the form, open the e-mail, follow its link, press the button.

    Return whether that was new.
    """
    on_progress("Subscribing the demo address")
    with read_session(ctx.engine) as session:
        if session.exec(select(Subscriber.id)).first():
            return False
    keywords, _ = parse_keywords(KEYWORDS)
    subscribe(ctx, DEMO_ADDRESS, demo_preferences(ctx), keywords, clock())
    await pipeline.deliver(ctx, clock)
    link = re.search(r"/confirm/(\S+)", list_messages(ctx.mailbox_directory)[-1].part("plain"))
    if link is None:
        raise RuntimeError("the confirmation e-mail has no link")
    confirm(ctx, link[1], clock())
    return True


async def add_subscriber_with_examples(ctx: AppContext, now: datetime) -> None:
    """Add a subscriber as an operator would, and give papers as examples as that subscriber would."""
    await pipeline.learn(ctx, now)  # examples are worth something once the words of papers are counted
    keywords, _ = parse_keywords(EXAMPLES_KEYWORDS)
    add_subscriber(ctx, EXAMPLES_ADDRESS, demo_preferences(ctx), keywords, now, confirmed=True)
    with read_session(ctx.engine) as session:
        nonce = session.exec(select(Subscriber.nonce).where(Subscriber.email == EXAMPLES_ADDRESS)).one()
    add_seeds(ctx, ctx.token_signer.sign(TokenPurpose.PREFERENCES, nonce, now), parse_references(EXAMPLES), now)


def demo_preferences(ctx: AppContext) -> Preferences:
    """Return the preferences that the form offers."""
    return Preferences(send_hour=ctx.settings.send_hour, timezone=ctx.settings.default_timezone)


def count_matches(ctx: AppContext, last_listing: int) -> dict[str, int]:
    """Count the papers listed after `last_listing` that each keyword matches."""
    with read_session(ctx.engine) as session:
        papers = papers_listed_after(session, last_listing)
    matches = Matcher([parse(keyword) for keyword in KEYWORDS]).match([PaperDocument.from_paper(p) for p in papers])
    return {keyword: len(hits) for keyword, hits in zip(KEYWORDS, matches, strict=True)}


def write_emails(ctx: AppContext, old_messages: Collection[str]) -> list[MailboxEmail]:
    """Return the e-mails of this run, and write each as .html and .txt beside its .eml."""
    columns = (col(Delivery.message_id), col(Delivery.kind), col(Delivery.state), col(Delivery.close_papers))
    with read_session(ctx.engine) as session:
        rows = {
            message_id: (kind, state, len(close)) for message_id, kind, state, close in session.exec(select(*columns))
        }
    emails = []
    for message in list_messages(ctx.mailbox_directory):
        if message.name in old_messages:
            continue
        file = ctx.mailbox_directory / f"{message.name}.eml"
        file.with_suffix(".html").write_text(message.part("html"), encoding="utf-8")
        file.with_suffix(".txt").write_text(message.part("plain"), encoding="utf-8")
        kind, state, close_count = rows[str(message.message["Message-ID"])]
        emails.append(MailboxEmail(kind, message.recipient, message.subject, state, str(file), close_count))
    return emails
