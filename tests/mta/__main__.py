"""make check-mta: a round of letters through MTAs that no one here wrote, counted in what they accepted.

    the service -> Postfix's smtp-sink, doing wrong in every way that it can
                -> Postfix, with maps that defer and refuse, killed and started anew in the middle
                -> Exim, the same, with few letters a connection and few connections

Exits with 1 when a letter was lost or doubled, or is not in the state that the MTA's answer asks for; with 2 when
nothing could be tried. What is missing is said.
"""

import logging
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from tests.mta import exim, postfix
from tests.mta.delivery_check import CheckResult, deliver_through, planned_check
from tests.support.ports import free_port

EMAIL_COUNT = 5_000
MAX_SHOWN = 10


def main() -> int:
    letters = int(sys.argv[1]) if sys.argv[1:] else EMAIL_COUNT
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where servers are, also for who is not root
    results = [one for way in (check_sink, check_postfix, check_exim) for one in way(letters)]
    for each in results:
        print_result(each)
    return 2 if not results else int(any(each.problems for each in results))


def check_sink(letters: int) -> Iterator[CheckResult]:
    if not shutil.which("smtp-sink"):
        print_line("SKIPPED: smtp-sink; on Debian it is in the package postfix")
        return
    with shared_folder() as folder, planned_check(letters, folder, port := free_port()) as at:
        yield postfix.check_sink_faults(at, folder, port)


def check_postfix(letters: int) -> Iterator[CheckResult]:
    if not shutil.which("postfix") or os.geteuid() != 0:
        print_line("SKIPPED: Postfix; that needs the package postfix, and root (best in a container)")
        return
    with (
        shared_folder() as folder,
        postfix.running_postfix(folder / "mx", letters) as mta,
        planned_check(letters, folder, mta.port) as at,
    ):
        yield deliver_through("Postfix", at, mta)


def check_exim(letters: int) -> Iterator[CheckResult]:
    if why := exim.missing_requirement():
        print_line(f"SKIPPED: Exim; {why}")
        return
    with (
        shared_folder() as folder,
        exim.running_exim(folder / "mx", letters) as mta,
        planned_check(letters, folder, mta.port) as at,
    ):
        yield deliver_through("Exim", at, mta)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that every user reaches."""
    with tempfile.TemporaryDirectory(prefix="check-mta-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def print_result(result: CheckResult) -> None:
    """A line, and what is wrong."""
    status = "ok" if not result.problems else "WRONG"
    print_line(f"{result.name:<10} {status:<6} {result.accepted:,} accepted, {result.seconds:.0f} s")
    print_line(f"    at first {format_counts(result.first_states)}; in the end {format_counts(result.final_states)}")
    for each in result.problems[:MAX_SHOWN]:
        print_line(f"    {each}")
    if len(result.problems) > MAX_SHOWN:
        print_line(f"    and {len(result.problems) - MAX_SHOWN} more")


def format_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{many:,} {name}" for name, many in counts.most_common())


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
