"""`python -m tests.benchmarks [ROW]`: exits with 0 when every goal is reached, 1 when one is missed, 2 for no such row.

A row of your own is a function as harness.py shows, and one line here.
"""

import sys
from pathlib import Path

from rich.console import Console

from tests.benchmarks.harness import Row, run
from tests.benchmarks.letters import letters_written
from tests.benchmarks.month import previews
from tests.benchmarks.pages import previews_p99, previews_served, subscribe_page_served
from tests.benchmarks.rounds import letters_sent, readers_planned
from tests.benchmarks.scale import (
    growth_of_papers,
    growth_of_readers,
    memory_of_a_round,
    round_on_postgresql,
    round_on_sqlite,
    two_planners,
)
from tests.benchmarks.search import papers_searched, year_searched
from tests.benchmarks.sending import (
    letters_by_script,
    letters_recorded,
    letters_to_a_far_relay,
    letters_to_a_sink,
    memory_of_a_long_queue,
    memory_of_a_sender,
)
from tests.benchmarks.words import folded_words_matched, keywords_matched
from tests.benchmarks.workers import memory_of_a_worker, two_senders

ROWS: tuple[Row, ...] = (
    readers_planned,
    letters_written,
    letters_sent,
    letters_to_a_sink,
    letters_by_script,
    letters_to_a_far_relay,
    letters_recorded,
    memory_of_a_sender,
    memory_of_a_long_queue,
    memory_of_a_worker,
    two_senders,
    keywords_matched,
    folded_words_matched,
    round_on_sqlite,
    memory_of_a_round,
    round_on_postgresql,
    growth_of_readers,
    growth_of_papers,
    two_planners,
    previews,
    papers_searched,
    subscribe_page_served,
    previews_served,
    previews_p99,
)

BY_NAME: tuple[Row, ...] = (year_searched,)  # these take too long to be measured with the others


if __name__ == "__main__":
    wanted = " ".join(sys.argv[1:]) or None
    sys.exit(run(ROWS + BY_NAME if wanted else ROWS, wanted, Path("var/bench.json"), Console()))
