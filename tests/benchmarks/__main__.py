"""`python -m tests.benchmarks [ROW]`: exits with 0 when every goal is reached, 1 when one is missed, 2 for no such row.

A row of your own is a function as harness.py shows, and one line here.
"""

import sys
from pathlib import Path

from rich.console import Console

from tests.benchmarks.harness import Row, run
from tests.benchmarks.rounds import letters_sent, readers_planned

ROWS: tuple[Row, ...] = (readers_planned, letters_sent)


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:]) or None
    sys.exit(run(ROWS, wanted, Path("var/bench.json"), Console()))
