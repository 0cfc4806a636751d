"""Rows of planning for very many subscribers. Sizes come from the environment: BENCH_READERS, BENCH_PAPERS."""

import json
import random
import tempfile
import time
from collections.abc import Sequence
from functools import cache

from digest.matching import TermCounter, TermSpace, build_profile, parse
from digest.planning import CHUNK_SIZE
from digest.planning.profile_matches import ProfilePapers, accept_all
from tests.benchmarks.harness import Result
from tests.benchmarks.population import (
    PlanResult,
    draw_keywords,
    fill_store,
    keywords,
    paper_texts,
    plan_in_processes,
    size,
)
from tests.support.postgres import server

SUBSCRIBERS, PAPERS = size("READERS", 1_000_000), size("PAPERS", 1000)
FEW_SUBSCRIBERS, FEW_PAPERS = max(SUBSCRIBERS // 100, 1), max(PAPERS // 4, 1)
USUAL_DAY, BUSY_DAY = 1000, 6500  # papers
SAMPLE_PROFILES = 200  # that repeat
SAMPLE = 10  # subscribers whom the baseline serves; its cost grows with their number
CAP = 20
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB"}


@cache
def plan_on_sqlite(subscribers: int, papers: int) -> PlanResult:
    """Plan in a process of its own: load, match, fan out, rank, cut, write."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/digest.db"
        fill_store(url, subscribers, papers)
        [result] = plan_in_processes(url)
        return result


@cache
def plan_on_postgresql(subscribers: int, papers: int, processes: int = 1) -> PlanResult:
    """Plan on a durable PostgreSQL; several processes take as long as the longest of them."""
    with server(**DURABLE) as postgres:
        url = postgres.database()
        fill_store(url, subscribers, papers)
        results = plan_in_processes(url, processes)
    return PlanResult(
        sum(result.due for result in results),
        sum(result.digests for result in results),
        max(result.seconds for result in results),
        sum(result.cpu_seconds for result in results),
        max(result.peak_bytes for result in results),
    )


def profiles_compared() -> Result:
    """Compare the profiles of a tenth of all subscribers with the papers; against a plan for all of them.

    A profile has 50 words and is read as it is stored. Memory is that of a chunk of them.
    """
    papers = [(paper.title, paper.abstract) for paper in paper_texts(PAPERS)]
    stored = sample_profiles(papers)
    started = time.perf_counter()
    matching, pairs = ProfilePapers.build(dict(enumerate(papers, 1))), 0
    for first in range(0, SUBSCRIBERS // 10, CHUNK_SIZE):
        rows = range(first, min(first + CHUNK_SIZE, SUBSCRIBERS // 10))
        profiles = [json.loads(stored[row % len(stored)]) for row in rows]
        pairs += len(matching.match(profiles, accept_all).shares)
    seconds = time.perf_counter() - started
    assert pairs
    plan = plan_on_sqlite(SUBSCRIBERS, PAPERS)
    return Result(measured=seconds, baseline=plan.seconds, unit="s", goal=1, less=True)


def sample_profiles(texts: Sequence[tuple[str, str]]) -> list[str]:
    """Learn profiles from ten papers each, as they are stored."""
    counter = TermCounter()
    counter.read_titles(title for title, _ in texts)
    counter.read_papers(texts)
    space, rng = TermSpace.from_counts(counter.choose(), counter.paper_count), random.Random(11)
    return [json.dumps(build_profile(space, rng.sample(texts, 10))) for _ in range(SAMPLE_PROFILES)]


def run_on_sqlite() -> Result:
    """Subscribers of five keywords each, a thousand papers; against a loop that looks for each one's words itself."""
    result = plan_on_sqlite(SUBSCRIBERS, PAPERS)
    assert result.due == SUBSCRIBERS
    return Result(
        measured=SUBSCRIBERS / result.seconds, baseline=SAMPLE / loop_seconds(), unit="subscribers/s", goal=300
    )


def loop_seconds() -> float:
    """Time the loop that a script has: for each subscriber, each keyword, each paper."""
    sample = sample_keywords(SAMPLE)
    texts = [(paper.title.lower(), paper.abstract.lower(), n) for n, paper in enumerate(paper_texts(PAPERS))]
    started = time.perf_counter()
    for words in sample:
        scores = []
        for title, abstract, number in texts:
            in_title = sum(word in title for word in words)
            matched = sum(word in title or word in abstract for word in words)
            if matched:
                scores.append((matched, in_title, number))
        scores.sort(reverse=True)
        del scores[CAP:]
    return time.perf_counter() - started


def sample_keywords(subscribers: int) -> list[list[str]]:
    """Return the first subscribers' keywords in lower case; of a boolean the words on its left."""
    lines = list({parse(line).canonical: line for line in keywords()}.values())
    rows: list[list[str]] = [[] for _ in range(subscribers)]
    for subscriber, _, number in draw_keywords(subscribers, len(lines)):
        rows[subscriber - 1].append(lines[number - 1].lower().partition(")")[0].lstrip("("))
    return rows


def run_memory() -> Result:
    """Peak of the planning process, against the gibibyte that it may have."""
    result = plan_on_sqlite(SUBSCRIBERS, PAPERS)
    return Result(measured=result.peak_bytes / 2**20, baseline=1024, unit="MiB", goal=1, less=True)


def run_on_postgresql() -> Result:
    """Do the same work on both kinds of store."""
    postgresql, sqlite = plan_on_postgresql(SUBSCRIBERS, PAPERS), plan_on_sqlite(SUBSCRIBERS, PAPERS)
    assert (postgresql.due, postgresql.digests) == (sqlite.due, sqlite.digests)
    return Result(
        measured=SUBSCRIBERS / postgresql.seconds,
        baseline=SUBSCRIBERS / sqlite.seconds,
        unit="subscribers/s",
        goal=0.5,
    )


def subscriber_growth() -> Result:
    """Plan for a hundred times as many subscribers; the cost of one may not grow."""
    few, many = plan_on_sqlite(FEW_SUBSCRIBERS, PAPERS), plan_on_sqlite(SUBSCRIBERS, PAPERS)
    return Result(
        measured=SUBSCRIBERS / many.seconds, baseline=FEW_SUBSCRIBERS / few.seconds, unit="subscribers/s", goal=1
    )


def paper_growth() -> Result:
    """Plan four times as many papers for the same subscribers; the cost of one may not grow."""
    subscribers = SUBSCRIBERS // 10
    few, many = plan_on_sqlite(subscribers, FEW_PAPERS), plan_on_sqlite(subscribers, PAPERS)
    return Result(measured=PAPERS / many.seconds, baseline=FEW_PAPERS / few.seconds, unit="papers/s", goal=1)


def busy_day_planned() -> Result:
    """Plan a day of 6,500 new papers, as PubMed and the preprint servers list them, against one of 1,000.

    The cost of a paper may not grow.
    """
    subscribers = SUBSCRIBERS // 10
    usual, busy = plan_on_sqlite(subscribers, USUAL_DAY), plan_on_sqlite(subscribers, BUSY_DAY)
    assert busy.due == usual.due == subscribers
    return Result(measured=BUSY_DAY / busy.seconds, baseline=USUAL_DAY / usual.seconds, unit="papers/s", goal=1)


def two_planners() -> Result:
    """Plan in two processes on one PostgreSQL, against one."""
    subscribers = SUBSCRIBERS // 4
    two, one = plan_on_postgresql(subscribers, PAPERS, 2), plan_on_postgresql(subscribers, PAPERS)
    assert two.due == one.due == subscribers
    return Result(
        measured=subscribers / two.seconds, baseline=subscribers / one.seconds, unit="subscribers/s", goal=1.6
    )
