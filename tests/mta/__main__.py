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
from tests.mta.round import Told, round_of, through
from tests.support.ports import free_port

LETTERS = 5_000
SHOWN = 10


def main() -> int:
    letters = int(sys.argv[1]) if sys.argv[1:] else LETTERS
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where servers are, also for who is not root
    results = [one for way in (by_sink, by_postfix, by_exim) for one in way(letters)]
    for each in results:
        tell(each)
    return 2 if not results else int(any(each.wrong for each in results))


def by_sink(letters: int) -> Iterator[Told]:
    if not shutil.which("smtp-sink"):
        say("SKIPPED: smtp-sink; on Debian it is in the package postfix")
        return
    with place() as folder, round_of(letters, folder, port := free_port()) as at:
        yield postfix.sink_round(at, folder, port)


def by_postfix(letters: int) -> Iterator[Told]:
    if not shutil.which("postfix") or os.geteuid() != 0:
        say("SKIPPED: Postfix; that needs the package postfix, and root (best in a container)")
        return
    with place() as folder, postfix.queue(folder / "mx", letters) as mta, round_of(letters, folder, mta.port) as at:
        yield through("Postfix", at, mta)


def by_exim(letters: int) -> Iterator[Told]:
    if why := exim.missing():
        say(f"SKIPPED: Exim; {why}")
        return
    with place() as folder, exim.queue(folder / "mx", letters) as mta, round_of(letters, folder, mta.port) as at:
        yield through("Exim", at, mta)


@contextmanager
def place() -> Iterator[Path]:
    """A folder that every user reaches."""
    with tempfile.TemporaryDirectory(prefix="check-mta-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def tell(told: Told) -> None:
    """A line, and what is wrong."""
    say(f"{told.name:<10} {'ok' if not told.wrong else 'WRONG':<6} {told.accepted:,} accepted, {told.seconds:.0f} s")
    say(f"    at first {listed(told.first)}; in the end {listed(told.last)}")
    for each in told.wrong[:SHOWN]:
        say(f"    {each}")
    if len(told.wrong) > SHOWN:
        say(f"    and {len(told.wrong) - SHOWN} more")


def listed(counts: Counter[str]) -> str:
    return ", ".join(f"{many:,} {name}" for name, many in counts.most_common())


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
