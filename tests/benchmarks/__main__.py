"""`python -m tests.benchmarks [ROW] [--strict]`: measure all rows, or one.

Exits with 0 also where a goal is missed, because machines differ; with --strict, or STRICT=1 in the environment, then
with 1. With 2 for an unknown row. A row of your own is a function as harness.py shows, and one line here.
"""

import os
import sys
from pathlib import Path

from rich.console import Console

from tests.benchmarks.delivery import (
    deliveries_recorded,
    emails_by_script,
    emails_to_a_distant_relay,
    emails_to_a_sink,
    long_queue_memory,
    sender_memory,
)
from tests.benchmarks.harness import Row, run
from tests.benchmarks.identity import listings_stored, versions_planned
from tests.benchmarks.matching import keywords_matched, normalized_words_matched
from tests.benchmarks.pages import (
    first_preview,
    previews_p99,
    previews_served,
    serving_memory,
    subscribe_page_served,
)
from tests.benchmarks.previews import preview_latency
from tests.benchmarks.ranking import ranked_relevance, rare_keywords_shown
from tests.benchmarks.rendering import emails_rendered
from tests.benchmarks.runs import emails_sent, subscribers_planned
from tests.benchmarks.scale import (
    busy_day_planned,
    paper_growth,
    profiles_compared,
    run_memory,
    run_on_postgresql,
    run_on_sqlite,
    subscriber_growth,
    two_planners,
)
from tests.benchmarks.search import papers_searched, year_searched
from tests.benchmarks.sources import (
    europepmc_entries_read,
    feed_entries_read,
    preprint_entries_read,
    pubmed_entries_read,
)
from tests.benchmarks.workers import two_senders, worker_memory

ROWS: tuple[Row, ...] = (
    subscribers_planned,
    emails_rendered,
    emails_sent,
    emails_to_a_sink,
    emails_by_script,
    emails_to_a_distant_relay,
    deliveries_recorded,
    sender_memory,
    long_queue_memory,
    worker_memory,
    two_senders,
    keywords_matched,
    normalized_words_matched,
    run_on_sqlite,
    profiles_compared,
    run_memory,
    run_on_postgresql,
    subscriber_growth,
    paper_growth,
    busy_day_planned,
    two_planners,
    preview_latency,
    ranked_relevance,
    rare_keywords_shown,
    papers_searched,
    subscribe_page_served,
    previews_served,
    previews_p99,
    first_preview,
    serving_memory,
    preprint_entries_read,
    pubmed_entries_read,
    europepmc_entries_read,
    feed_entries_read,
    listings_stored,
    versions_planned,
)

BY_NAME: tuple[Row, ...] = (year_searched,)  # these take too long to be measured with the others

ALIASES = {  # names of rows until the next release
    "readers-planned": "subscribers-planned",
    "letters-written": "emails-rendered",
    "letters-sent": "emails-sent",
    "letters-to-a-sink": "emails-to-a-sink",
    "letters-by-script": "emails-by-script",
    "letters-to-a-far-relay": "emails-to-a-distant-relay",
    "letters-recorded": "deliveries-recorded",
    "memory-of-a-sender": "sender-memory",
    "memory-of-a-long-queue": "long-queue-memory",
    "memory-of-a-worker": "worker-memory",
    "folded-words-matched": "normalized-words-matched",
    "round-on-sqlite": "run-on-sqlite",
    "memory-of-a-round": "run-memory",
    "round-on-postgresql": "run-on-postgresql",
    "growth-of-readers": "subscriber-growth",
    "growth-of-papers": "paper-growth",
    "previews": "preview-latency",
}


if __name__ == "__main__":
    strict = "--strict" in sys.argv or os.environ.get("STRICT", "") not in {"", "0"}
    requested = " ".join(argument for argument in sys.argv[1:] if argument != "--strict") or None
    rows = ROWS + BY_NAME if requested else ROWS
    sys.exit(run(rows, requested, Path("var/bench.json"), Console(), aliases=ALIASES, strict=strict))
