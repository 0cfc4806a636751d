"""The row of a preview: what one reader's keywords find in the papers of the last 30 list days, kept ready."""

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
from tests.benchmarks.crowd import NOW, add_papers, keywords, saved, size
from tests.benchmarks.harness import Result

DAYS, PAPERS, READERS = 30, size("MONTH", 30_000), 200
LONGEST = 0.020  # seconds, the median of all readers


@contextmanager
def month() -> Iterator[Engine]:
    """A store with the papers of thirty days."""
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/digest.db")
        migrate(engine)
        add_papers(engine, PAPERS, NOW)
        yield engine
        engine.dispose()


def wishes() -> list[list[KeywordInput]]:
    """Five keywords each, as the readers of the great round have them."""
    lines = keywords()
    chosen: list[list[str]] = [[] for _ in range(READERS)]
    for reader, _, number in saved(READERS, len(lines)):
        chosen[reader - 1].append(lines[number - 1])
    return [parse_keywords_or_raise(each) for each in chosen]


def previews() -> Result:
    """The median of many readers' previews, the ten papers explained; against the 20 ms that people do not notice."""
    taken = []
    with month() as engine:
        recent = RecentPapersIndex(DAYS)
        for number, wish in enumerate([*wishes()[:5], *wishes()]):
            begun = time.perf_counter()
            with read_session(engine) as session:
                seen = preview_from_index(session, wish, recent, NOW.date(), NOW, cap=10)
            if number >= 5:  # the first ones make it warm
                taken.append(time.perf_counter() - begun)
            assert seen.considered_count == PAPERS
    return Result(measured=1000 * statistics.median(taken), baseline=1000 * LONGEST, unit="ms", goal=1, less=True)
