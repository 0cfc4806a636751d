"""A round of letters through somebody else's MTA: some readers it refuses, some it puts off, in its own words."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from digest import jobs
from digest.context import AppContext
from digest.database import connect
from digest.database.models import DeliveryState
from digest.delivery import DeliveryReport
from tests.chaos import store
from tests.chaos.count import Row, count
from tests.chaos.log import Accepted
from tests.support.contexts import KEY, TUESDAY

EACH = 100  # one reader in so many is of each sort
CONNECTIONS = 8
LONG = timedelta(hours=12)  # longer than any letter is put off
GOING = (0, 421)  # codes of letters that were under way when the MTA went
TRIES = 20  # deliveries, until the way is open and nothing is left that may go


@dataclass(frozen=True, slots=True)
class Sort:
    """Readers of whom the MTA says the same, at `place`: rcpt or data."""

    place: str
    code: int
    reply: str  # without the code

    @property
    def fate(self) -> DeliveryState:
        return DeliveryState.FAILED if self.code >= 500 else DeliveryState.QUEUED


SORTS = (
    Sort("rcpt", 450, "4.2.1 mailbox busy"),
    Sort("rcpt", 550, "5.1.1 no such user"),
    Sort("rcpt", 554, "5.7.1 not wanted here"),
    Sort("data", 451, "4.3.0 come again"),
    Sort("data", 550, "5.7.0 looks like spam"),
)


def sort_of(address: str) -> Sort | None:
    """Which sort a reader is of, by the number that the address begins with."""
    number = int(address.partition("@")[0]) % EACH
    return SORTS[number - 1] if 1 <= number <= len(SORTS) else None


def told_off(letters: int, place: str) -> Iterator[tuple[str, Sort]]:
    """Addresses of whom the MTA has something to say there, and what."""
    for number in range(letters):
        sort = sort_of(address := f"{number}@example.org")
        if sort and sort.place == place:
            yield address, sort


@dataclass(slots=True)
class Told:
    """What a round came to: how many letters were in which state after the first delivery and in the end, and what is
    wrong, in sentences.
    """

    name: str
    first: Counter[str] = field(default_factory=Counter)
    last: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Round:
    """Readers with a letter each, a way to an MTA, and a clock that stands still until it is moved."""

    def __init__(self, at: AppContext) -> None:
        self.ctx = at
        self.now = TUESDAY

    def clock(self) -> datetime:
        return self.now

    def deliver(self, tell: Callable[[str], None] = lambda _: None, most: int | None = None) -> DeliveryReport:
        """One delivery."""
        return asyncio.run(jobs.deliver(self.ctx, self.clock, on_progress=tell, force=True, limit=most))

    def deliver_all(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Until nothing is left that may go now. A way that has closed is tried again."""
        for _ in range(TRIES):
            if not self.deliver(tell).relay_error:
                return
            time.sleep(1)
        raise TimeoutError("the way to the MTA stays closed")

    def rows(self) -> list[Row]:
        return store.rows(self.ctx.engine)

    def judge(self, told: Told, accepted: Sequence[Accepted], unseen: int = 0) -> None:
        """The MTA's log against the record."""
        rows = self.rows()
        verdict = count(store.readers(self.ctx.engine), rows, accepted, (), unseen)
        told.accepted, told.last = len(accepted), Counter(each.state for each in rows)
        told.wrong += verdict.faults


@contextmanager
def round_of(letters: int, folder: Path, port: int) -> Iterator[Round]:
    """Planned, in a store of its own."""
    engine = connect(f"sqlite:///{folder / 'digest.db'}")
    way = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", "smtp_timeout": 10}
    try:
        at, _ = store.planned(engine, letters, secret_key=KEY, smtp_connections=CONNECTIONS, **way)
        yield Round(at)
    finally:
        engine.dispose()


def after_first(rows: Iterable[Row]) -> Iterator[str]:
    """What is not as the MTA's words ask for: refused letters failed with their code, the put off wait."""
    cut = [row for row in rows if row.state == DeliveryState.QUEUED and row.code in GOING]
    if len(cut) > CONNECTIONS:
        yield f"{len(cut)} letters were put off because the MTA went, with {CONNECTIONS} connections"
    for row in rows:
        if row in cut:
            continue
        sort = sort_of(row.recipient)
        if row.state == DeliveryState.UNCERTAIN:
            continue  # counted elsewhere
        if sort is None:
            if row.state != DeliveryState.SENT:
                yield f"{row.recipient}'s letter is {row.state} with {row.code}"
        elif (row.state, row.code) != (sort.fate, sort.code):
            yield f"{row.recipient}'s letter is {row.state} with {row.code}, not {sort.fate} with {sort.code}"
        elif row.code == 550 and sort.place == "rcpt" and row.wanted:
            yield f"{row.recipient} is unknown there, and still a reader"


def through(name: str, at: Round, mta: "Mta") -> Told:
    """Deliver, with the MTA started anew in the middle; then it has nothing against anybody any more."""
    told, begun = Told(name), time.monotonic()
    restarted: list[str] = []

    def tell(said: str) -> None:
        if not restarted and int(said.split(" ", maxsplit=1)[0]) > 500:
            restarted.append(said)
            mta.restart()

    at.deliver_all(tell)
    rows = at.rows()
    told.first = Counter(each.state for each in rows)
    told.wrong += after_first(rows)
    if not restarted:
        told.wrong.append("the MTA was not started anew")
    mta.forgive()
    at.now += LONG
    at.deliver_all()
    at.judge(told, mta.accepted(), unseen=CONNECTIONS * len(restarted))
    told.seconds = time.monotonic() - begun
    return told


class Mta(Protocol):
    """What a round needs of one."""

    port: int

    def restart(self) -> None:
        """Stop, whatever it is doing, and start again."""

    def forgive(self) -> None:
        """Take letters to everybody from now on."""

    def accepted(self) -> list[Accepted]:
        """What it answers for."""
