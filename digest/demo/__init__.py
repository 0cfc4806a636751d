"""One whole day on this machine, through the same code as the service.

    subscribe -> confirm by the mailed link -> collect -> plan -> deliver into a local inbox -> look at the letters

Nothing is pretended: the store is SQLite, the inbox a real SMTP server on loopback. Only the hosts may be stood in for,
by bundled days in their exact shapes, when none of them can be reached.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import col, select

from digest import __version__, daily, db, desk, papers
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
    with stand_in(clock()) if offline else real() as overrides:
        house = build(settings(**overrides))
        try:
            with db.reading(house.engine) as session:
                after = papers.top_listing(session)
            before = {each.name for each in inbox.kept(house.inbox)}
            await subscribe(house, clock, tell)
            report = await daily.run(house, clock, tell=tell)
            return Played(offline, report, matches(house, after), letters(house, before))
        finally:
            house.engine.dispose()


def settings(**overrides: str) -> Settings:
    """The settings of the environment, but with a store of the demo's own and no relay."""
    demo = {"database_url": f"sqlite:///{HOME}/digest.db", "smtp_host": "", "secret_key": "", "send_hour": "0"}
    return load(**demo, **overrides)


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


@contextmanager
def real() -> Iterator[dict[str, str]]:
    """The hosts of the settings."""
    yield {}


@contextmanager
def stand_in(now: datetime) -> Iterator[dict[str, str]]:
    """The bundled days, served on loopback."""
    with SampleHost(now) as host:
        yield dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), host.url)


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
    hits = Matcher([parse(keyword) for keyword in KEYWORDS]).match(
        [Document(int(paper.id or 0), paper.title, paper.abstract) for paper in new]
    )
    return {keyword: len(row) for keyword, row in zip(KEYWORDS, hits, strict=True)}


def letters(house: House, before: Sequence[str] | set[str]) -> list[Shown]:
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
