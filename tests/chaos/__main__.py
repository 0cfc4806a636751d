"""make chaos: delivery under fire, counted in the relay's own log.

python -m tests.chaos --store sqlite --messages 10000 --kills 100 --seed 7

A long run is made in pieces of up to 10,000 emails with a seed each. What is done is kept in var/chaos; the same
command with the same seed goes on where the last one ended. Exits with 1 when an email was lost or doubled, or is in
doubt without a reason; with 3 when `--minutes` were over before the last piece.
"""

import argparse
import json
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from tests.chaos import net, processes
from tests.chaos.cluster import WORKERS, PostgresEnvironment
from tests.chaos.environment import Environment, SqliteEnvironment, can_mount, certificate
from tests.chaos.result import RunSize
from tests.chaos.run import ChaosRun

PIECE = 10_000
SHOWN = 15
NOT_OVER = 3


def main() -> int:
    wanted = create_parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # by way of all that has to be cleared up
    seed = wanted.seed if wanted.seed is not None else random.randrange(1_000_000)
    pieces = max(1, round(wanted.messages / PIECE))
    size = RunSize(wanted.messages // pieces, wanted.kills // pieces, wanted.rate, wanted.others, wanted.plain)
    log_copy = wanted.keep / f"{wanted.store}-{wanted.messages}x{wanted.kills}-{wanted.rate:g}-{seed}.jsonl"
    log_copy.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in log_copy.read_text().splitlines()] if log_copy.is_file() else []
    if len(done) >= pieces:  # that one is over: this is another
        log_copy.unlink()
        done = []
    write_line(
        f"chaos on {wanted.store}, seed {seed}: {wanted.messages:,} letters, {wanted.kills:,} kills, {pieces} pieces"
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    begun = time.monotonic()
    processes.prepare()
    for number in range(len(done), pieces):
        if wanted.minutes and time.monotonic() - begun > 60 * wanted.minutes:
            write_line(f"{number} of {pieces} pieces are done; the same command with SEED={seed} goes on")
            return NOT_OVER
        write_line(f"  piece {number + 1} of {pieces}, seed {seed + number}")
        done.append(run_piece(wanted.store, seed + number, size, wanted.keep))
        with log_copy.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
    return print_results(done)


def run_piece(kind: str, seed: int, size: RunSize, keep: Path) -> dict[str, Any]:
    """One run, in a folder of its own; where it found fault the relay's log is kept."""
    folder = Path(tempfile.mkdtemp(prefix="digest-chaos-"))
    try:
        with open_environment(kind, folder, size) as place:
            result = asdict(ChaosRun(seed, size, place, folder, write_line).go())
        if result["faults"]:
            shutil.copytree(folder, keep / f"{kind}-{seed}", dirs_exist_ok=True)
    finally:
        shutil.rmtree(folder)
    return result


@contextmanager
def open_environment(kind: str, folder: Path, size: RunSize) -> Iterator[Environment]:
    """Where it takes place, with what this machine lets us have."""
    with ExitStack() as stack:
        line = None
        if kind == "postgresql" and not size.plain and net.is_available():
            line = stack.enter_context(net.create_network(WORKERS))
        trusted = certificate(folder, "127.0.0.1", *([line.host] if line else []))
        if not trusted:
            write_line("    SKIPPED: TLS; there is no openssl here")
        if kind == "postgresql":
            if not line and not size.plain:
                write_line("    SKIPPED: networks of their own, and lines that are cut; that needs root and ip")
            yield PostgresEnvironment(trusted, line)
            return
        yield sqlite_environment(folder, size, trusted)


def sqlite_environment(folder: Path, size: RunSize, trusted: Path | None) -> Environment:
    mounts = not size.plain and can_mount(folder / "tried")
    if not mounts and not size.plain:
        write_line("    SKIPPED: a disk that is full; a small one can be made by root alone")
    return SqliteEnvironment(folder, size.emails, trusted, small_disk=mounts)


def print_results(done: list[dict[str, Any]]) -> int:
    """What all pieces came to, as a table; the exit status."""
    states: Counter[str] = Counter()
    sums: dict[str, Counter[str]] = {"events": Counter(), "ends": Counter(), "struck": Counter()}
    for result in done:
        states.update(result["verdict"]["states"])
        for name, counter in sums.items():
            counter.update(result[name])
    verdicts = [result["verdict"] for result in done]
    faults = [fault for result in done for fault in result["faults"]]
    total: Callable[[str], int] = lambda name: sum(verdict[name] for verdict in verdicts)  # noqa: E731
    lines: list[tuple[str, object]] = [
        ("emails", sum(result["emails"] for result in done)),
        ("kills", sum(result["kills"] for result in done)),
        ("events", format_counts(sums["events"])),
        ("senders ended", format_counts(sums["ends"])),
        ("faults of the relay", sum(sums["struck"].values())),
        ("accepted by the relay", total("accepted")),
        ("in the record", format_counts(states)),
        ("in doubt", f"{total('uncertain')}, of which {total('arrived')} had arrived; at most {total('allowed')}"),
        ("in doubt because", format_counts(sum((Counter(verdict["why"]) for verdict in verdicts), Counter()))),
        ("in doubt without reason", sum(len(verdict["unexplained"]) for verdict in verdicts)),
        ("doubled", sum(len(verdict["doubled"]) for verdict in verdicts)),
        ("lost", sum(len(verdict["lost"]) for verdict in verdicts)),
        ("left sending, on the wire", sum(len(verdict["left"]) for verdict in verdicts)),
        (
            "after the next edition",
            "{} papers doubled, {} lost".format(
                *(sum(len(run["after"][name]) for run in done) for name in ("doubled", "lost"))
            ),
        ),
        ("seconds", round(sum(result["seconds"] for result in done))),
    ]
    for name, value in lines:
        write_line(f"{name:<28}{value:,}" if isinstance(value, int) else f"{name:<28}{value}")
    for fault in faults[:SHOWN]:
        write_line(f"FAULT {fault}")
    if len(faults) > SHOWN:
        write_line(f"and {len(faults) - SHOWN:,} faults more")
    return 1 if faults else 0


def format_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {many:,}" for name, many in counts.most_common())


def write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def create_parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument(
        "--messages", "--letters", dest="messages", type=int, default=PIECE
    )  # the latter is the old name
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--seed", type=int)
    arguments.add_argument("--rate", type=float, default=1.0, help="how often the relay misbehaves; 0 is never")
    arguments.add_argument("--others", type=float, default=0.35, help="pauses and the like, for each kill")
    arguments.add_argument("--plain", action="store_true", help="nothing that only root may do")
    arguments.add_argument("--minutes", type=float, default=0, help="begin no piece after so many; 0 is no limit")
    arguments.add_argument("--keep", type=Path, default=Path("var/chaos"))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
