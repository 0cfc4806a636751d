"""Rows of one round for very many readers. Sizes come from the environment: BENCH_READERS, BENCH_PAPERS."""

import tempfile
import time
from functools import cache

from digest.matching import parse
from tests.benchmarks.crowd import Round, fill, keywords, planned_apart, saved, size, texts
from tests.benchmarks.harness import Result
from tests.support.postgres import server

READERS, PAPERS = size("READERS", 1_000_000), size("PAPERS", 1000)
FEW_READERS, FEW_PAPERS = max(READERS // 100, 1), max(PAPERS // 4, 1)
SAMPLE = 10  # readers whom the naive loop serves; its cost grows with their number
CAP = 20
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB"}


@cache
def on_sqlite(readers: int, papers: int) -> Round:
    """One round in a process of its own: load, match, fan out, rank, cut, write."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/digest.db"
        fill(url, readers, papers)
        [done] = planned_apart(url)
        return done


@cache
def on_postgresql(readers: int, papers: int, processes: int = 1) -> Round:
    """The same on a durable PostgreSQL; with several processes, as long as the longest takes."""
    with server(**DURABLE) as postgres:
        url = postgres.database()
        fill(url, readers, papers)
        rounds = planned_apart(url, processes)
    return Round(
        sum(each.due for each in rounds),
        sum(each.letters for each in rounds),
        max(each.seconds for each in rounds),
        sum(each.cpu for each in rounds),
        max(each.bytes for each in rounds),
    )


def round_on_sqlite() -> Result:
    """Readers of five keywords each, a thousand papers; against a loop that looks for each reader's words itself."""
    done = on_sqlite(READERS, PAPERS)
    assert done.due == READERS
    return Result(measured=READERS / done.seconds, baseline=SAMPLE / naive(), unit="readers/s", goal=300)


def naive() -> float:
    """Seconds of the loop that a script has: for each reader, each keyword, each paper."""
    chosen = sample(SAMPLE)
    folded = [(each.title.lower(), each.abstract.lower(), number) for number, each in enumerate(texts(PAPERS))]
    begun = time.perf_counter()
    for words in chosen:
        scores = []
        for title, abstract, number in folded:
            titled = sum(word in title for word in words)
            matched = sum(word in title or word in abstract for word in words)
            if matched:
                scores.append((matched, titled, number))
        scores.sort(reverse=True)
        del scores[CAP:]
    return time.perf_counter() - begun


def sample(readers: int) -> list[list[str]]:
    """The first readers' keywords in small letters; of a boolean the words on its left."""
    lines = list({parse(line).canonical: line for line in keywords()}.values())
    rows: list[list[str]] = [[] for _ in range(readers)]
    for reader, _, number in saved(readers, len(lines)):
        rows[reader - 1].append(lines[number - 1].lower().partition(")")[0].lstrip("("))
    return rows


def memory_of_a_round() -> Result:
    """The peak of the planning process, against the gibibyte that it may have."""
    done = on_sqlite(READERS, PAPERS)
    return Result(measured=done.bytes / 2**20, baseline=1024, unit="MiB", goal=1, less=True)


def round_on_postgresql() -> Result:
    """The same work on both kinds of store."""
    ours, other = on_postgresql(READERS, PAPERS), on_sqlite(READERS, PAPERS)
    assert (ours.due, ours.letters) == (other.due, other.letters)
    return Result(measured=READERS / ours.seconds, baseline=READERS / other.seconds, unit="readers/s", goal=0.5)


def growth_of_readers() -> Result:
    """A hundred times as many readers; the cost of one reader may not grow."""
    few, many = on_sqlite(FEW_READERS, PAPERS), on_sqlite(READERS, PAPERS)
    return Result(measured=READERS / many.seconds, baseline=FEW_READERS / few.seconds, unit="readers/s", goal=1)


def growth_of_papers() -> Result:
    """Four times as many papers for the same readers; the cost of one paper may not grow."""
    readers = READERS // 10
    few, many = on_sqlite(readers, FEW_PAPERS), on_sqlite(readers, PAPERS)
    return Result(measured=PAPERS / many.seconds, baseline=FEW_PAPERS / few.seconds, unit="papers/s", goal=1)


def two_planners() -> Result:
    """Two processes on one PostgreSQL, against one."""
    readers = READERS // 4
    two, one = on_postgresql(readers, PAPERS, 2), on_postgresql(readers, PAPERS)
    assert two.due == one.due == readers
    return Result(measured=readers / two.seconds, baseline=readers / one.seconds, unit="readers/s", goal=1.6)
