"""PostgreSQL and four workers, each in a network namespace of its own where the machine allows it."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from digest.database import connect, write_session
from digest.errors import StoreError
from digest.jobs import prepare_tables
from digest.jobs.tasks import defer_tasks
from tests.chaos import net, sender
from tests.chaos.environment import USUAL, Environment
from tests.chaos.processes import SenderProcess
from tests.support.contexts import make_context
from tests.support.postgres import Postgres, server

if TYPE_CHECKING:
    from tests.chaos.run import ChaosRun

WORKERS = 4
TICK = 0.3  # seconds between handing out work
LEASES = 20 * 60  # seconds; after so many every lease has run out
EVERYBODY = "host all all 10.231.0.0/16 trust\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class PostgresEnvironment(Environment):
    """`apart`: in namespaces of their own."""

    name = "postgresql"
    senders = WORKERS
    target = staticmethod(sender.run_worker_process)

    def __init__(self, certificate: Path | None, line: net.Network | None) -> None:
        super().__init__()
        self._line = line
        self.certificate = certificate
        if line:
            self.host = self.bind = line.host
            self.places = line.places
        self.events = USUAL | {"gone": 3, "terminate": 3, "restart": 1} | ({"cut": 3} if line else {})
        self._ticked = 0.0

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        with ExitStack() as stack:
            # A crash of the server must lose nothing that it has confirmed.
            durable = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
            listening = {"listen_addresses": self.host} if self._line else {}
            self._server: Postgres = stack.enter_context(server(**durable, **listening))
            (self._server.socket / "data" / "pg_hba.conf").write_text(EVERYBODY)
            self._server.restart()
            own = make_url(self._server.database())
            address = own.set(host=self.host, query={}) if self._line else own
            self.url = address.render_as_string(hide_password=False)
            self._engine = connect(self.url)
            stack.callback(self._engine.dispose)
            prepare_tables(self._engine)
            yield self._engine

    def check_progress(self) -> bool:
        """A tick of the scheduler: work is handed out."""
        if time.monotonic() - self._ticked < TICK:
            return False
        self._ticked = time.monotonic()
        self.query_store(lambda engine: defer_tasks(make_context(engine), self.now(), plan=False))
        return True

    def happen(self, what: str, run: "ChaosRun") -> None:
        """A worker is away for longer than its leases, its line is cut, its connections; or the server crashes."""
        member = run.dice.choice(run.processes.members)
        match what:
            case "gone":
                self._gone(member, run)
            case "cut":
                self._cut(member, run)
            case "terminate":
                self._terminate(run.dice)
                run.events["connections to the database cut"] += 1
            case "restart":
                self._server.restart(run.dice.uniform(0, 1.5))
                run.events["database crashed"] += 1

    def unseen(self, events: Counter[str]) -> int:
        return WORKERS * (events["database crashed"] + events["connections to the database cut"]) + events["line cut"]

    def _gone(self, member: SenderProcess, run: "ChaosRun") -> None:
        if member.signal(signal.SIGSTOP):
            run.events["paused beyond its leases"] += 1
            run.later(0.2, lambda: run.move_clock(LEASES))
            run.later(run.dice.uniform(1, 8), member.resume)

    def _cut(self, member: SenderProcess, run: "ChaosRun") -> None:
        if self._line and member.place:
            line, place = self._line, member.place
            line.cut(place)
            run.events["line cut"] += 1
            if run.dice.random() < 0.5:
                run.later(0.2, lambda: run.move_clock(LEASES))
            run.later(run.dice.choice((1, 5, 30)) * run.dice.uniform(0.5, 1.2), lambda: line.mend(place))

    def _terminate(self, dice: random.Random) -> None:
        try:
            with write_session(self._engine_now()) as session:
                for pid in session.scalars(text(BACKENDS)).all():
                    if dice.random() < 0.5:
                        session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        except (StoreError, SQLAlchemyError):
            return  # it is down anyway

    def _engine_now(self) -> Engine:
        assert self._engine
        return self._engine
