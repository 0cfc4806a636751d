"""Where a run takes place: the store, what may happen to it, and where the relay is reached."""

import contextlib
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from digest.database import check_integrity, connect
from digest.errors import StoreError
from tests.chaos import sender
from tests.chaos.damage import overwrite_pages, restore_pages

if TYPE_CHECKING:
    from tests.chaos.run import ChaosRun

Answer = TypeVar("Answer")
USUAL = {"pause": 4.0, "stop": 3.0, "jump": 3.0, "spoil": 3.0}
FEW = 1000  # emails; in a run of so few nothing lasts long
CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=chaos"


class Environment(ABC):
    """What differs between one process on SQLite and many on PostgreSQL."""

    name: str
    url: str
    senders = 1
    host = "127.0.0.1"  # as senders reach the relay
    bind = "127.0.0.1"  # as the relay listens
    certificate: Path | None = None
    events: Mapping[str, float] = USUAL  # beside kills, with their weights
    once: Sequence[str] = ()  # events that happen in every run
    places: Sequence[str] = ()  # network namespaces, one for each sender
    target = staticmethod(sender.run_sender)
    now: Callable[[], datetime]  # the clock of the senders

    def __init__(self) -> None:
        self._engine: Engine | None = None

    @abstractmethod
    def engine(self) -> AbstractContextManager[Engine]:
        """A new store."""

    def check_progress(self) -> bool:
        """Whether it is time to look what is left, though no sender has ended."""
        return False

    @abstractmethod
    def happen(self, what: str, run: "ChaosRun") -> None:
        """An event that only this ground knows."""

    @abstractmethod
    def unseen(self, events: Counter[str]) -> int:
        """How many senders may have had an answer that the store did not take, with all their connections."""

    def query_store(self, question: Callable[[Engine], Answer]) -> Answer | None:
        """An answer of the store; None while it cannot be asked."""
        assert self._engine
        try:
            return question(self._engine)
        except StoreError:
            return None


class SqliteEnvironment(Environment):
    """SQLite and one process; on a small disk of its own where we may make one."""

    name = "sqlite"
    once = ("damage",)

    def __init__(self, folder: Path, emails: int, certificate: Path | None, *, small_disk: bool) -> None:
        super().__init__()
        self._disk = folder / "disk"
        self._megabytes = 24 + emails * 8 // 1000 if small_disk else 0
        self.certificate = certificate
        self.url = f"sqlite:///{self._disk / 'digest.db'}"
        self.events = USUAL | {"second": 1, "damage": 1} | ({"full": 2} if self._megabytes else {})

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        with small_disk(self._disk, self._megabytes):
            self._engine = connect(self.url)
            try:
                yield self._engine
            finally:
                self._engine.dispose()

    def happen(self, what: str, run: "ChaosRun") -> None:
        """The disk is full for a while, pages of the file are damaged, or somebody starts a second sender."""
        if what == "damage":
            self._damage(run)
        elif what == "full":
            ballast = self._disk / "ballast"
            fill_disk(ballast)
            run.events["disk full"] += 1
            seconds = run.dice.choice((0.3, 2, 7) if run.size.emails > FEW else (0.3, 1)) * run.dice.uniform(0.7, 1.3)
            run.later(seconds, lambda: ballast.unlink(missing_ok=True))
        else:
            run.events["a second sender"] += 1
            run.processes.second()

    def _damage(self, run: "ChaosRun") -> None:
        """Kill all, damage the file, see that it is known for damaged, and restore it."""
        run.processes.close()
        assert self._engine
        self._engine.dispose()
        file = self._disk / "digest.db"
        before = overwrite_pages(file, run.dice)
        if not before:
            return
        run.events["pages of the file damaged"] += 1
        try:
            check_integrity(self._engine)
        except StoreError as error:
            if "the file is damaged" not in str(error):
                run.report_fault(f"a damaged file was called: {error}")
        else:
            run.report_fault("a damaged file was taken for whole")
        self._engine.dispose()
        restore_pages(file, before)

    def unseen(self, events: Counter[str]) -> int:
        return events["disk full"]


def fill_disk(file: Path) -> None:
    """Until nothing more goes in."""
    with file.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))
    with file.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(512))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of its own at `folder`, in memory; 0 megabytes is only a folder."""
    folder.mkdir()
    if not megabytes:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def can_mount(folder: Path) -> bool:
    """Whether a small disk can be made here."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    tried = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True)
    if tried.returncode == 0:
        subprocess.run(["umount", folder], check=True)
    folder.rmdir()
    return tried.returncode == 0


def certificate(folder: Path, *addresses: str) -> Path | None:
    """A key and a certificate for these addresses, in one file; None where there is no openssl."""
    if not shutil.which("openssl"):
        return None
    names = "subjectAltName=" + ",".join(f"IP:{address}" for address in addresses)
    subprocess.run(
        ["openssl", *CERTIFICATE.split(), "-addext", names, "-keyout", "key", "-out", "cert"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return both
