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

from digest.context import AppContext
from digest.database import connect
from digest.database.models import DeliveryState
from digest.delivery import DeliveryReport
from digest.jobs import pipeline
from tests.chaos import store
from tests.chaos.count import Row, count
from tests.chaos.log import Accepted
from tests.support.contexts import KEY, TUESDAY

SUBSCRIBERS_PER_GROUP = 100  # one reader in so many is of each sort
CONNECTIONS = 8
LONG_DELAY = timedelta(hours=12)  # longer than any letter is put off
INTERRUPTED_CODES = (0, 421)  # codes of letters that were under way when the MTA went
MAX_DELIVERIES = 20  # deliveries, until the way is open and nothing is left that may go


@dataclass(frozen=True, slots=True)
class ReplyGroup:
    """Readers of whom the MTA says the same, at `place`: rcpt or data."""

    command: str
    code: int
    reply: str  # without the code

    @property
    def expected_state(self) -> DeliveryState:
        return DeliveryState.FAILED if self.code >= 500 else DeliveryState.QUEUED


REPLY_GROUPS = (
    ReplyGroup("rcpt", 450, "4.2.1 mailbox busy"),
    ReplyGroup("rcpt", 550, "5.1.1 no such user"),
    ReplyGroup("rcpt", 554, "5.7.1 not wanted here"),
    ReplyGroup("data", 451, "4.3.0 come again"),
    ReplyGroup("data", 550, "5.7.0 looks like spam"),
)


def reply_group(address: str) -> ReplyGroup | None:
    """Which sort a reader is of, by the number that the address begins with."""
    number = int(address.partition("@")[0]) % SUBSCRIBERS_PER_GROUP
    return REPLY_GROUPS[number - 1] if 1 <= number <= len(REPLY_GROUPS) else None


def refused_addresses(count: int, command: str) -> Iterator[tuple[str, ReplyGroup]]:
    """Addresses of whom the MTA has something to say there, and what."""
    for number in range(count):
        sort = reply_group(address := f"{number}@example.org")
        if sort and sort.command == command:
            yield address, sort


@dataclass(slots=True)
class CheckResult:
    """What a round came to: how many letters were in which state after the first delivery and in the end, and what is
    wrong, in sentences.
    """

    name: str
    first_states: Counter[str] = field(default_factory=Counter)
    final_states: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


class DeliveryCheck:
    """Readers with a letter each, a way to an MTA, and a clock that stands still until it is moved."""

    def __init__(self, at: AppContext) -> None:
        self.ctx = at
        self.now = TUESDAY

    def clock(self) -> datetime:
        return self.now

    def deliver(self, tell: Callable[[str], None] = lambda _: None, most: int | None = None) -> DeliveryReport:
        """One delivery."""
        return asyncio.run(pipeline.deliver(self.ctx, self.clock, on_progress=tell, force=True, limit=most))

    def deliver_all(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Until nothing is left that may go now. A way that has closed is tried again."""
        for _ in range(MAX_DELIVERIES):
            if not self.deliver(tell).relay_error:
                return
            time.sleep(1)
        raise TimeoutError("the way to the MTA stays closed")

    def rows(self) -> list[Row]:
        return store.rows(self.ctx.engine)

    def compare(self, result: CheckResult, accepted: Sequence[Accepted], unseen: int = 0) -> None:
        """The MTA's log against the record."""
        rows = self.rows()
        verdict = count(store.readers(self.ctx.engine), rows, accepted, (), unseen)
        result.accepted, result.final_states = len(accepted), Counter(each.state for each in rows)
        result.problems += verdict.faults


@contextmanager
def planned_check(count: int, folder: Path, port: int) -> Iterator[DeliveryCheck]:
    """Planned, in a store of its own."""
    engine = connect(f"sqlite:///{folder / 'digest.db'}")
    way = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", "smtp_timeout": 10}
    try:
        at, _ = store.planned(engine, count, secret_key=KEY, smtp_connections=CONNECTIONS, **way)
        yield DeliveryCheck(at)
    finally:
        engine.dispose()


def check_first_states(rows: Iterable[Row]) -> Iterator[str]:
    """What is not as the MTA's words ask for: refused letters failed with their code, the put off wait."""
    cut = [row for row in rows if row.state == DeliveryState.QUEUED and row.code in INTERRUPTED_CODES]
    if len(cut) > CONNECTIONS:
        yield f"{len(cut)} letters were put off because the MTA went, with {CONNECTIONS} connections"
    for row in rows:
        if row in cut:
            continue
        sort = reply_group(row.recipient)
        if row.state == DeliveryState.UNCERTAIN:
            continue  # counted elsewhere
        if sort is None:
            if row.state != DeliveryState.SENT:
                yield f"{row.recipient}'s letter is {row.state} with {row.code}"
        elif (row.state, row.code) != (sort.expected_state, sort.code):
            yield f"{row.recipient}'s letter is {row.state} with {row.code}, not {sort.expected_state} with {sort.code}"
        elif row.code == 550 and sort.command == "rcpt" and row.wanted:
            yield f"{row.recipient} is unknown there, and still a reader"


def deliver_through(name: str, check: DeliveryCheck, mta: "Mta") -> CheckResult:
    """Deliver, with the MTA started anew in the middle; then it has nothing against anybody any more."""
    result, started_at = CheckResult(name), time.monotonic()
    restarted: list[str] = []

    def tell(said: str) -> None:
        if not restarted and int(said.split(" ", maxsplit=1)[0]) > 500:
            restarted.append(said)
            mta.restart()

    check.deliver_all(tell)
    rows = check.rows()
    result.first_states = Counter(each.state for each in rows)
    result.problems += check_first_states(rows)
    if not restarted:
        result.problems.append("the MTA was not started anew")
    mta.accept_all()
    check.now += LONG_DELAY
    check.deliver_all()
    check.compare(result, mta.accepted(), unseen=CONNECTIONS * len(restarted))
    result.seconds = time.monotonic() - started_at
    return result


class Mta(Protocol):
    """What a round needs of one."""

    port: int

    def restart(self) -> None:
        """Stop, whatever it is doing, and start again."""

    def accept_all(self) -> None:
        """Take letters to everybody from now on."""

    def accepted(self) -> list[Accepted]:
        """What it answers for."""
