"""make check-mta: deliveries through third-party MTAs, compared with what they accepted.

    the service -> Postfix's smtp-sink, with every fault that it can make
                -> Postfix, with maps that defer and refuse, killed and restarted in the middle
                -> Exim, the same, with few messages a connection and few connections

Exits with 1 when an e-mail was lost or sent twice, or is not in the state that follows from the MTA's reply; with 2
when nothing could be checked. Missing packages are named.
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
    email_count = int(sys.argv[1]) if sys.argv[1:] else EMAIL_COUNT
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where servers are; the PATH of users lacks these
    results = [result for check in (check_sink, check_postfix, check_exim) for result in check(email_count)]
    for result in results:
        print_result(result)
    return 2 if not results else int(any(result.problems for result in results))


def check_sink(email_count: int) -> Iterator[CheckResult]:
    if not shutil.which("smtp-sink"):
        print_line("SKIPPED: smtp-sink; on Debian it is in the package postfix")
        return
    with shared_folder() as folder, planned_check(email_count, folder, port := free_port()) as check:
        yield postfix.check_sink_faults(check, folder, port)


def check_postfix(email_count: int) -> Iterator[CheckResult]:
    if not shutil.which("postfix") or os.geteuid() != 0:
        print_line("SKIPPED: Postfix; that needs the package postfix, and root (best in a container)")
        return
    with (
        shared_folder() as folder,
        postfix.running_postfix(folder / "mx", email_count) as mta,
        planned_check(email_count, folder, mta.port) as check,
    ):
        yield deliver_through("Postfix", check, mta)


def check_exim(email_count: int) -> Iterator[CheckResult]:
    if reason := exim.missing_requirement():
        print_line(f"SKIPPED: Exim; {reason}")
        return
    with (
        shared_folder() as folder,
        exim.running_exim(folder / "mx", email_count) as mta,
        planned_check(email_count, folder, mta.port) as check,
    ):
        yield deliver_through("Exim", check, mta)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Create a folder that every user can read."""
    with tempfile.TemporaryDirectory(prefix="check-mta-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def print_result(result: CheckResult) -> None:
    """Print one line, the states, and the problems."""
    status = "ok" if not result.problems else "WRONG"
    print_line(f"{result.name:<10} {status:<6} {result.accepted:,} accepted, {result.seconds:.0f} s")
    print_line(f"    at first {format_counts(result.first_states)}; in the end {format_counts(result.final_states)}")
    for problem in result.problems[:MAX_SHOWN]:
        print_line(f"    {problem}")
    if len(result.problems) > MAX_SHOWN:
        print_line(f"    and {len(result.problems) - MAX_SHOWN} more")


def format_counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in counts.most_common())


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
