"""Row of previews: what one subscriber's keywords find in the papers of the last 30 list days."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from digest.database import connect, migrate, read_session
from digest.matching import KeywordInput
from digest.papers import RecentPapersIndex
from digest.planning import preview_from_index
from digest.subscribers import parse_keywords_or_raise
from tests.benchmarks.harness import Result
from tests.benchmarks.population import NOW, add_papers, draw_keywords, keywords, size

DAYS, PAPERS, SUBSCRIBERS, WARM_UP = 30, size("MONTH", 30_000), 200, 5
LIMIT_SECONDS = 0.020  # for the median of all subscribers


@contextmanager
def store_of_a_month() -> Iterator[Engine]:
    """Yield a store with the papers of thirty days."""
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/digest.db")
        migrate(engine)
        add_papers(engine, PAPERS, NOW)
        yield engine
        engine.dispose()


def keywords_by_subscriber() -> list[list[KeywordInput]]:
    """Return five keywords for each, drawn as for the rows of scale."""
    lines = keywords()
    drawn: list[list[str]] = [[] for _ in range(SUBSCRIBERS)]
    for subscriber, _, number in draw_keywords(SUBSCRIBERS, len(lines)):
        drawn[subscriber - 1].append(lines[number - 1])
    return [parse_keywords_or_raise(texts) for texts in drawn]


def preview_latency() -> Result:
    """Median of many previews, their ten papers explained; against the 20 ms that people do not notice."""
    seconds = []
    with store_of_a_month() as engine:
        index = RecentPapersIndex(DAYS)
        wanted = keywords_by_subscriber()
        for number, inputs in enumerate([*wanted[:WARM_UP], *wanted]):
            started = time.perf_counter()
            with read_session(engine) as session:
                preview = preview_from_index(session, inputs, index, NOW.date(), NOW, cap=10)
            if number >= WARM_UP:
                seconds.append(time.perf_counter() - started)
            assert preview.considered_count == PAPERS
    return Result(
        measured=1000 * statistics.median(seconds), baseline=1000 * LIMIT_SECONDS, unit="ms", goal=1, less=True
    )
