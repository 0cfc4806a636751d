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

from digest import __version__, daily, db, desk, papers
from digest.collecting import Collected
from digest.daily import Report
from digest.demo.host import SampleHost
from digest.doctor import hosts
from digest.house import House, build
from digest.mail import inbox
from digest.matching import Document, Matcher, parse
from digest.models import Delivery, Subscriber
from digest.settings import Settings, load
from digest.subscribers import Wish

HOME = Path("var/demo")
READER = "ada@example.org"
KEYWORDS = (
    "retrieval-augmented generation",
    "diffusion model",
    "large language model",
    "reinforcement learning",
    "protein",
)
SATURDAY = 5
PATIENCE = 4.0  # seconds in which a host must answer to count as reachable


@dataclass(frozen=True, slots=True)
class Shown:
    """A letter of this run: what it is, what became of it, and where its .eml lies (.html and .txt beside it)."""

    kind: str
    subject: str
    state: str
    file: str


@dataclass(frozen=True, slots=True)
class Played:
    """What a demo run came to."""

    offline: bool
    report: Report
    keywords: dict[str, int]
    letters: list[Shown]

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        letters = [asdict(each) for each in self.letters]
        return {**self.report.as_json(), "offline": self.offline, "keywords": self.keywords, "demo_letters": letters}


async def play(clock: Callable[[], datetime], tell: Callable[[str], None]) -> Played:
    """The day. A second time there is nothing new, and nothing is sent."""
    chosen = settings()
    tell("looking for the sources")
    offline = not await any_reachable(chosen)
    if offline:
        clock = at_the_end_of_a_list_day(clock())
    with SampleHost(clock()) if offline else nullcontext() as host:
        house = build(settings(host.url if host else None))
        try:
            with db.reading(house.engine) as session:
                after = papers.top_listing(session)
            before = {each.name for each in inbox.kept(house.inbox)}
            await subscribe(house, clock, tell)
            earlier = await live_through(house, host, tell) if host else []
            report = await daily.run(house, clock, tell=tell)
            collected = together([*earlier, *report.collected])
            return Played(offline, replace(report, collected=collected), matches(house, after), letters(house, before))
        finally:
            house.engine.dispose()


def settings(host: str | None = None) -> Settings:
    """The settings of the environment, but with a store of the demo's own, no relay, and perhaps another host."""
    demo = {"database_url": f"sqlite:///{HOME}/digest.db", "smtp_host": "", "secret_key": "", "send_hour": "0"}
    names = ("huggingface_url", "arxiv_feed_url", "arxiv_api_url") if host else ()
    return load(**demo, **dict.fromkeys(names, host))


async def any_reachable(chosen: Settings) -> bool:
    """Whether at least one host of the sources answers as it should."""

    async def answers(url: str) -> bool:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    agent = {"User-Agent": f"digest/{__version__} (demo)"}
    async with httpx.AsyncClient(timeout=PATIENCE, headers=agent) as client:
        return any(await asyncio.gather(*(answers(url) for _, url in hosts(chosen))))


def at_the_end_of_a_list_day(now: datetime) -> Callable[[], datetime]:
    """18:00 UTC of the last weekday that is over: then every sample list of that day is out, whatever today is."""
    day = now.date() - timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return lambda: evening_of(day)


def evening_of(day: date) -> datetime:
    """When the lists of a day are long enough to be read."""
    return datetime.combine(day, time(18), tzinfo=UTC)


async def live_through(house: House, host: SampleHost, tell: Callable[[str], None]) -> list[Collected]:
    """Read the sample days before the last as the service would have: each on its own evening."""
    *earlier, last = host.days
    collected = []
    for day in earlier:
        host.turn_to(day)
        collected += await daily.collect(house, evening_of(day), tell=tell)
    host.turn_to(last)
    return collected


def together(collected: Sequence[Collected]) -> list[Collected]:
    """Several readings of a source as one line."""
    lines: dict[str, Collected] = {}
    for each in collected:
        line = lines.setdefault(each.source, Collected(each.source))
        line.listed += each.listed
        line.new += each.new
        line.failed += each.failed
        line.seconds = round(line.seconds + each.seconds, 2)
        line.problems += each.problems
    return list(lines.values())


async def subscribe(house: House, clock: Callable[[], datetime], tell: Callable[[str], None]) -> None:
    """As a person would: ask, open the mail, follow its link, press the button."""
    tell("subscribing the demo reader")
    with db.reading(house.engine) as session:
        if session.exec(select(Subscriber.id)).first():
            return
    saved, _ = desk.understand(KEYWORDS)
    wish = Wish(send_hour=house.settings.send_hour, timezone=house.settings.default_timezone)
    desk.subscribe(house, READER, wish, saved, clock())
    await daily.deliver(house, clock)
    mail = inbox.kept(house.inbox)[-1]
    found = re.search(r"/confirm/(\S+)", mail.part("plain"))
    if found is None:
        raise RuntimeError("the confirmation mail has no link")
    desk.confirm(house, found[1], clock())


def matches(house: House, after: int) -> dict[str, int]:
    """How many of the papers that are new in this run each keyword matches."""
    with db.reading(house.engine) as session:
        new = papers.entered_after(session, after)
    hits = Matcher([parse(keyword) for keyword in KEYWORDS]).match([Document.of(paper) for paper in new])
    return {keyword: len(row) for keyword, row in zip(KEYWORDS, hits, strict=True)}


def letters(house: House, before: Collection[str]) -> list[Shown]:
    """The letters that came in this run, each also written out as .html and .txt beside its .eml."""
    with db.reading(house.engine) as session:
        states = {
            message_id: (kind, state)
            for message_id, kind, state in session.exec(
                select(col(Delivery.message_id), col(Delivery.kind), col(Delivery.state))
            ).all()
        }
    shown = []
    for mail in inbox.kept(house.inbox):
        if mail.name in before:
            continue
        file = house.inbox / f"{mail.name}.eml"
        file.with_suffix(".html").write_text(mail.part("html"), encoding="utf-8")
        file.with_suffix(".txt").write_text(mail.part("plain"), encoding="utf-8")
        kind, state = states[str(mail.message["Message-ID"])]
        shown.append(Shown(kind, mail.subject, state, str(file)))
    return shown
