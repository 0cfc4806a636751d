"""One run: planners that die, a misbehaving relay, senders that die; and in the end the count."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from digest.context import AppContext
from digest.planning import plan
from tests.chaos import store
from tests.chaos.answers import collect_under_fire
from tests.chaos.count import Verdict, check_papers, count
from tests.chaos.environment import Environment
from tests.chaos.log import AcceptedMessage, BrokenConnection, FaultEntry, KillRequest, LogFile
from tests.chaos.other_emails import GROUPS, TWIN, OtherEmails
from tests.chaos.planning import PlanningUnderFire
from tests.chaos.processes import SenderPool, SenderProcess, sender_names
from tests.chaos.relay import RelayProcess
from tests.chaos.result import RunResult, RunSize, verdict_fields
from tests.chaos.rows import SpoiledRows
from tests.chaos.sender import SenderEnvironment, set_clock, shifted_clock
from tests.chaos.spoiled_deliveries import SpoiledDeliveries
from tests.support.contexts import KEY, TUESDAY

POLL_INTERVAL = 0.004  # seconds between polls
TIMEOUT = 0.3  # of the senders, for an answer of the relay
CONNECTIONS = 4
MOSTLY = 0.85  # of the emails: by then all events should have happened, lest the run be over first
PATIENCE = 90.0  # seconds without an email, an event or an end of a sender: then something hangs


class ChaosRun:
    """See `go`."""

    def __init__(
        self, seed: int, size: RunSize, ground: Environment, folder: Path, write_line: Callable[[str], None]
    ) -> None:
        self.seed, self.size, self.ground, self.folder, self._write_line = seed, size, ground, folder, write_line
        self.dice = random.Random(seed)
        self.events: Counter[str] = Counter()
        self.kills = 0
        self._log = LogFile(folder / "relay.log")
        self._accepted: list[AcceptedMessage] = []
        self._broken: list[BrokenConnection] = []
        self._struck: Counter[str] = Counter()
        self._clock_file = folder / "clock"
        self.clock = ground.now = shifted_clock(self._clock_file)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._moved = self._spoke = time.monotonic()
        self._stuck: list[str] = []
        self._ahead: list[str | Callable[[datetime], None]] = list(self._events())
        self._next = 0

    def go(self) -> RunResult:
        """Plan, send under fire, count; then resolve as an operator would, plan and send again in peace, count."""
        begun = time.monotonic()
        with ExitStack() as stack:
            engine = stack.enter_context(self.ground.engine())
            at = store.create_store(engine, self.size.emails)
            spoilt, faults = collect_under_fire(engine, TUESDAY, self.dice)
            self.events += spoilt
            self._stuck += faults
            self._rows = SpoiledRows(engine, self.dice)
            self._rows.spoil()
            self.events["rows spoiled"] += len(self._rows.addresses)
            self._set_clock((TUESDAY - datetime.now(UTC)).total_seconds())
            self._others = OtherEmails(at, self.dice, self.size.emails, self._rows.addresses)
            self._others.begin(self.clock())
            self._ahead += self._others.events()
            self.dice.shuffle(self._ahead)
            self._plan(engine)
            self._deliveries = SpoiledDeliveries(engine, self.dice)
            self._deliveries.spoil_some()
            relay = stack.enter_context(self._relay())
            self.processes = SenderPool(self._members(relay), self._how)
            stack.callback(self.processes.close)
            self._next = self._after()
            self._until_through()
            self._order("polite")
            verdict = self._count(engine)
            after = self._settle(at) if not verdict.left else Verdict()
        self._write_line(self._progress())
        return self._result(verdict, after, time.monotonic() - begun)

    def _plan(self, engine: Engine) -> None:
        """Queue the digests, with planners that die; whoever has none then is counted as lost."""
        around = SenderEnvironment(self.folder / "errors", next(iter(self.ground.places), ""))
        settings = {"database_url": self.ground.url, "secret_key": KEY, "mail_from": "Chaos <digest@planner.test>"}
        planning = PlanningUnderFire(engine, (settings, self._clock_file, around), self.size.emails)
        self._stuck += planning.go(self.dice, max(3, self.size.kills // 10))
        self.events += planning.events
        self._stuck += self._rows.find_faults()
        self._moved = time.monotonic()

    def _until_through(self) -> None:
        while True:
            self._hear()
            idle = self.processes.muster()
            if (idle or self.ground.check_progress()) and self._nothing_left():
                return
            self._act()
            if time.monotonic() - self._spoke > 2:
                self._spoke = time.monotonic()
                self._write_line(self._progress())
            if time.monotonic() - self._moved > PATIENCE:
                left = self.ground.query_store(store.count_open)
                self._stuck.append(f"nothing has happened for {PATIENCE:.0f} s, and these are left: {left}")
                self.processes.close()  # lest an email leave between counting at the relay and reading the record
                return
            time.sleep(POLL_INTERVAL)

    def _nothing_left(self) -> bool:
        """Tell whether every email has its outcome; else the clock goes on to where something may be tried."""
        left = self.ground.query_store(store.count_open)
        if left is None:
            return False
        if not left:
            return True
        ahead = self.ground.query_store(lambda engine: store.time_until_due(engine, self.clock()))
        if ahead and ahead > timedelta(0):
            self.move_clock(ahead.total_seconds() + 1)
            self._moved = time.monotonic()
        return False

    def _hear(self) -> None:
        for entry in self._log.read():
            self._moved = time.monotonic()
            match entry:
                case AcceptedMessage():
                    self._accepted.append(entry)
                case BrokenConnection():
                    self._broken.append(entry)
                case FaultEntry(place, what):
                    self._struck[f"{place}: {what.split(' ')[0]}"] += 1
                case KillRequest(place, client):
                    if (member := self.processes.named(client)) and self.kill(member):
                        self.events[f"killed at {place}"] += 1

    def _act(self) -> None:
        now = time.monotonic()
        for due in [change for change in self._later if change[0] <= now]:
            self._later.remove(due)
            due[1]()
        if self._ahead and len(self._accepted) >= self._next:
            what = self._ahead.pop()
            self._next = self._after()
            self.happen(what) if isinstance(what, str) else what(self.clock())

    def _after(self) -> int:
        """At how many accepted emails the next thing happens."""
        left = max(0.0, MOSTLY * self.size.emails - len(self._accepted))
        return len(self._accepted) + int(left / (len(self._ahead) + 1) * self.dice.uniform(0.3, 1.7))

    def _events(self) -> list[str]:
        kills = self.size.kills
        planned = ["kill"] * (kills - kills // 2) + ["aim"] * (kills // 2)
        others = self.dice.choices(list(self.ground.events), list(self.ground.events.values()), k=self._other_events())
        planned += [*others, *self.ground.once]
        self.dice.shuffle(planned)
        return planned

    def _other_events(self) -> int:
        return round(self.size.kills * self.size.others)

    def happen(self, what: str) -> None:
        """One event, now or in a moment."""
        self._moved = time.monotonic()
        member = self.dice.choice(self.processes.members)
        match what:
            case "kill":
                self.later(self.dice.uniform(0, 0.03), lambda: self._kill_surely(member))
            case "aim":
                self._order("kill")
            case "pause":
                self._pause(member)
            case "stop":
                self.events["told to stop"] += member.signal(signal.SIGTERM)
            case "spoil":
                self._deliveries.spoil_one()
            case "jump":
                self.move_clock(self.dice.uniform(-3 * 3600, 12 * 3600))
                self.events["clock jumped"] += 1
            case _:
                self.ground.happen(what, self)

    def report_fault(self, fault: str) -> None:
        """Note what must not be."""
        self._stuck.append(fault)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Do it in so many seconds."""
        self._later.append((time.monotonic() + seconds, what))

    def kill(self, member: SenderProcess) -> bool:
        done = member.signal(signal.SIGKILL)
        self.kills += done
        return done

    def _kill_surely(self, member: SenderProcess) -> None:
        if self.kill(member):
            self.events["killed anywhere"] += 1
        else:  # it has just ended by itself
            self.later(0.02, lambda: self._kill_surely(member))

    def _pause(self, member: SenderProcess) -> None:
        if not member.signal(signal.SIGSTOP):
            return
        self.events["paused"] += 1
        seconds = self.dice.choice((0.05, 0.3, 2 * TIMEOUT)) * self.dice.uniform(0.5, 1.5)
        self.later(seconds, member.resume)

    def _count(self, engine: Any) -> Verdict:
        self._order("end")
        time.sleep(0.2)  # the server still hears that connections have ended
        self._hear()
        unseen = self.ground.unseen(self.events) * CONNECTIONS
        orphaned = self._deliveries.orphaned_subscribers()
        addresses = set(store.load_addresses(engine, but=orphaned)) - self._rows.addresses
        self._stuck += self._deliveries.find_faults()
        self.events["queued deliveries spoiled"] += len(self._deliveries.find())
        return count(addresses, store.load_rows(engine), self._accepted, self._broken, unseen, self._others.former)

    def _settle(self, at: AppContext) -> Verdict:
        """The operator looks into the relay's log; the next edition brings what is owed."""
        for process in self.processes.members:
            process.signal(signal.SIGCONT)
        self.processes.close()
        self._later.clear()
        self._ahead.clear()
        self._rows.mend()
        self._deliveries.mend()
        self._others.finish(self.clock())
        store.resolve_uncertain(at.engine, {message.message_id for message in self._accepted}, self.clock())
        self.move_clock(store.NEXT.total_seconds())
        plan(at.engine, at.sender_domain, self.clock())
        self._hear()
        before = len(self._accepted)
        self._until_through()
        self._hear()
        if any(TWIN in message.parts for message in self._accepted[before:]):
            self._stuck.append("an email of the next edition has a paper under the name that was merged")
        self._stuck += self._others.find_faults()
        self.events += Counter(came=self._others.came, moved=self._others.moved, merged=self._others.is_merged)
        rows, addresses = store.load_rows(at.engine), store.load_addresses(at.engine, active=True)
        return check_papers(addresses, GROUPS, rows, self._accepted, self._others.former)

    def _members(self, port: int) -> list[SenderProcess]:
        settings = {
            "database_url": self.ground.url,
            "secret_key": KEY,
            "smtp_host": self.ground.host,
            "smtp_port": port,
            "smtp_timeout": TIMEOUT,
            "smtp_connections": CONNECTIONS,
        }
        given = (self.ground.target, settings, self._clock_file)
        places = self.ground.places or [""] * self.ground.senders
        around = [SenderEnvironment(self.folder / "errors", place, self.ground.certificate) for place in places]
        return [
            SenderProcess(name, *given, member_environment)
            for name, member_environment in zip(sender_names(self.ground.senders), around, strict=True)
        ]

    def _how(self) -> dict[str, Any]:
        """How the next sender speaks to the relay."""
        tls = self.ground.certificate and self.dice.random() < 0.5
        return {"smtp_tls": "starttls" if tls else "none", "smtp_reuse": self.dice.choice((3, 20, 100))}

    def _relay(self) -> RelayProcess:
        self._server = RelayProcess(self.folder / "relay.log", self.seed, self.size.rate, self.ground)
        return self._server

    def _order(self, word: str) -> None:
        self._server.order(word)

    def move_clock(self, seconds: float) -> None:
        """Everybody's, by so much."""
        self._set_clock(float(self._clock_file.read_text()) + seconds)

    def _set_clock(self, ahead: float) -> None:
        set_clock(self._clock_file, ahead)

    def _progress(self) -> str:
        return (
            f"    {len(self._accepted):>7,} of {self.size.emails:,} e-mails accepted, {self.kills:>4} of "
            f"{self.size.kills} kills, {sum(self._struck.values()):,} faults of the relay, "
            f"{self.processes.starts:,} starts"
        )

    def _untrusting(self) -> list[str]:
        # Then half of the senders would have sent nothing, and TLS would not have been tried.
        written = (self.folder / "errors").read_text() if (self.folder / "errors").exists() else ""
        return ["senders did not trust the relay's certificate"] if "CERTIFICATE_VERIFY_FAILED" in written else []

    def _result(self, verdict: Verdict, after: Verdict, seconds: float) -> RunResult:
        result = RunResult(self.seed, self.ground.name, self.size.emails, self.kills, round(seconds, 1))
        result.verdict, result.after = verdict_fields(verdict), verdict_fields(after)
        result.events, result.ends, result.struck = dict(self.events), dict(self.processes.ends), dict(self._struck)
        result.faults = [*self._stuck, *self._untrusting(), *verdict.faults, *after.faults]
        return result
