"""Deliveries through a third-party MTA that refuses some recipients and defers others, compared with its log."""

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
from tests.chaos.count import RecordRow, count
from tests.chaos.log import AcceptedMessage
from tests.support.contexts import KEY, TUESDAY

SUBSCRIBERS_PER_GROUP = 100  # one subscriber of each group
CONNECTIONS = 8
LONG_DELAY = timedelta(hours=12)  # longer than any retry waits
INTERRUPTED_CODES = (0, 421)  # codes of deliveries that were under way when the MTA stopped
MAX_DELIVERIES = 20  # until the circuit is closed and nothing is due


@dataclass(frozen=True, slots=True)
class ReplyGroup:
    """Subscribers to whom the MTA gives the same reply, at `command`: rcpt or data."""

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
    """Return the group of a subscriber, by the number that the address begins with."""
    number = int(address.partition("@")[0]) % SUBSCRIBERS_PER_GROUP
    return REPLY_GROUPS[number - 1] if 1 <= number <= len(REPLY_GROUPS) else None


def refused_addresses(count: int, command: str) -> Iterator[tuple[str, ReplyGroup]]:
    """Yield the addresses that the MTA refuses or defers at that command, with their group."""
    for number in range(count):
        group = reply_group(address := f"{number}@example.org")
        if group and group.command == command:
            yield address, group


@dataclass(slots=True)
class CheckResult:
    """Deliveries by state after the first run and in the end, and problems as sentences."""

    name: str
    first_states: Counter[str] = field(default_factory=Counter)
    final_states: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


class DeliveryCheck:
    """Subscribers with a digest each, an MTA as relay, and a clock that moves only when told to."""

    def __init__(self, ctx: AppContext) -> None:
        self.ctx = ctx
        self.now = TUESDAY

    def clock(self) -> datetime:
        return self.now

    def deliver(self, on_progress: Callable[[str], None] = lambda _: None, limit: int | None = None) -> DeliveryReport:
        """Deliver once."""
        return asyncio.run(pipeline.deliver(self.ctx, self.clock, on_progress=on_progress, force=True, limit=limit))

    def deliver_all(self, on_progress: Callable[[str], None] = lambda _: None) -> None:
        """Deliver until nothing is due. An open circuit is tried again."""
        for _ in range(MAX_DELIVERIES):
            if not self.deliver(on_progress).relay_error:
                return
            time.sleep(1)
        raise TimeoutError("the circuit of the MTA stays open")

    def rows(self) -> list[RecordRow]:
        return store.load_rows(self.ctx.engine)

    def compare(self, result: CheckResult, accepted: Sequence[AcceptedMessage], unseen: int = 0) -> None:
        """Compare the MTA's log with the record of deliveries."""
        rows = self.rows()
        verdict = count(store.load_addresses(self.ctx.engine), rows, accepted, (), unseen)
        result.accepted, result.final_states = len(accepted), Counter(row.state for row in rows)
        result.problems += verdict.faults


@contextmanager
def planned_check(count: int, folder: Path, port: int) -> Iterator[DeliveryCheck]:
    """Create a check with planned digests, in a store of its own."""
    engine = connect(f"sqlite:///{folder / 'digest.db'}")
    relay = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", "smtp_timeout": 10}
    try:
        ctx, _ = store.create_planned_store(engine, count, secret_key=KEY, smtp_connections=CONNECTIONS, **relay)
        yield DeliveryCheck(ctx)
    finally:
        engine.dispose()


def check_first_states(rows: Iterable[RecordRow]) -> Iterator[str]:
    """Yield what contradicts the MTA's replies: refused deliveries fail with their code, deferred ones wait."""
    interrupted = [row for row in rows if row.state == DeliveryState.QUEUED and row.code in INTERRUPTED_CODES]
    if len(interrupted) > CONNECTIONS:
        yield f"{len(interrupted)} deliveries were interrupted by the restart, with {CONNECTIONS} connections"
    for row in rows:
        if row in interrupted:
            continue
        group = reply_group(row.recipient)
        if row.state == DeliveryState.UNCERTAIN:
            continue  # counted elsewhere
        if group is None:
            if row.state != DeliveryState.SENT:
                yield f"{row.recipient}'s delivery is {row.state} with {row.code}"
        elif (row.state, row.code) != (group.expected_state, group.code):
            expected = f"{group.expected_state} with {group.code}"
            yield f"{row.recipient}'s delivery is {row.state} with {row.code}, not {expected}"
        elif row.code == 550 and group.command == "rcpt" and row.wanted:
            yield f"{row.recipient} is unknown there, and still a subscriber"


def deliver_through(name: str, check: DeliveryCheck, mta: "Mta") -> CheckResult:
    """Deliver, restart the MTA in the middle, then deliver the rest while it accepts everything."""
    result, started_at = CheckResult(name), time.monotonic()
    restarted: list[str] = []

    def restart_once(progress: str) -> None:
        if not restarted and int(progress.split(" ", maxsplit=1)[0]) > 500:
            restarted.append(progress)
            mta.restart()

    check.deliver_all(restart_once)
    rows = check.rows()
    result.first_states = Counter(row.state for row in rows)
    result.problems += check_first_states(rows)
    if not restarted:
        result.problems.append("the MTA was not restarted")
    mta.accept_all()
    check.now += LONG_DELAY
    check.deliver_all()
    check.compare(result, mta.accepted(), unseen=CONNECTIONS * len(restarted))
    result.seconds = time.monotonic() - started_at
    return result


class Mta(Protocol):
    """Mail transfer agent, as a check needs it."""

    port: int

    def restart(self) -> None:
        """Stop at once and start again."""

    def accept_all(self) -> None:
        """Accept everything from now on."""

    def accepted(self) -> list[AcceptedMessage]:
        """Return what it accepted."""
