"""make soak DAYS=200: the service, day after day by a fixed clock; is anything doubled, lost, or without bound?

python -m tests.soak --days 200 --subscribers 40 --seed 7

Collects from a host of its own, plans, sends to a relay on loopback, handles bounces and prunes. Exits with 1 when a
paper came twice or never to somebody, or when memory or the store grow without bound.
"""

import argparse
import logging
import random
import sys
import tempfile
import time
from pathlib import Path

import structlog

from tests.soak.simulation import DayReport, Soak, find_faults

SHOWN = 15
EVERY = 20  # days between two lines


def main() -> int:
    arguments = argparse.ArgumentParser(description="Run the service for many days by a fixed clock.")
    arguments.add_argument("--days", type=int, default=200)
    arguments.add_argument("--subscribers", type=int, default=40)
    arguments.add_argument("--seed", type=int)
    wanted = arguments.parse_args()
    seed = wanted.seed if wanted.seed is not None else random.randrange(1_000_000)
    write_line(f"{wanted.days} days, {wanted.subscribers} subscribers, seed {seed}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), seed, wanted.subscribers)
        for report in soak.run(wanted.days):
            if report.day % EVERY == 0 or report.day == wanted.days:
                write_line(format_report(report))
    faults = find_faults(soak)
    write_line(f"{soak.emails:,} e-mails to {len(soak.members):,} subscribers, {len(faults):,} faults")
    write_line(f"{time.monotonic() - begun:.0f} s; problems named: {dict(soak.problems) or 'none'}")
    for fault in faults[:SHOWN]:
        write_line(f"FAULT {fault}")
    return 1 if faults else 0


def format_report(report: DayReport) -> str:
    return (
        f"  day {report.day:>4}: {report.emails:>7,} e-mails, {report.resident_bytes >> 20:>5,} MB of memory, "
        f"store {report.store_bytes >> 10:>7,} KB, {report.rows:>6,} rows that pruning bounds"
    )


def write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
