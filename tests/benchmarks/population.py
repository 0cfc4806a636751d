"""Store with any number of subscribers; papers and keywords are real ones where they lie beside the checkout.

python -m tests.benchmarks.population URL    plans once there and prints, as JSON, seconds and peak memory
"""

import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Engine, text
from sqlmodel import Session

from digest import planning
from digest.config import Settings
from digest.context import AppContext
from digest.database import connect, migrate, write_session
from digest.errors import QueryError
from digest.matching import Query, parse
from digest.papers import store_listings
from digest.sources import ListedPaper
from digest.tokens import TokenSigner
from tests.benchmarks.memory import peak_bytes

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "../shared/data"
KEYWORDS_EACH, DRAWS_EACH = 5, 16  # keywords of a subscriber, and how many are drawn to find as many distinct ones
CHUNK = 20_000  # rows
SUBSCRIBER_COLUMNS = (
    *("id", "email", "email_key", "nonce", "status", "frequency", "send_hour", "timezone", "cap", "trending"),
    *("covered_listing_id", "consent", "reason", "created_at"),
)
PHRASES = (
    *("retrieval-augmented generation", "diffusion model", "large language model", "reinforcement learning", "protein"),
    *("speech", "robot", "graph neural network", "time series", "benchmark", "vision language model", "fine tuning"),
    *("privacy", "translation", "3D reconstruction", "weather forecasting", "music", "code generation", "agent"),
)


class PaperText(NamedTuple):
    """Text of a paper."""

    title: str
    abstract: str


class PlanResult(NamedTuple):
    """What planning came to, and what it took."""

    due: int
    digests: int
    seconds: float
    cpu_seconds: float  # of the process, whatever else the machine does
    peak_bytes: int


def size(name: str, default: int) -> int:
    """Return a size from the environment: BENCH_READERS=1000000 and the like."""
    return int(os.environ.get(f"BENCH_{name}", default))


@cache
def keywords() -> tuple[str, ...]:
    """Return keywords in a fixed, shuffled order, every tenth of them a boolean of two others."""
    file = DATA / "keywords/keywords.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else list(PHRASES)
    plain = list({query.canonical: line for line in lines if (query := parse_or_none(line))}.values())
    rng = random.Random(7)
    rng.shuffle(plain)
    pairs = [rng.sample(plain, 2) for _ in range(len(plain) // 9)]
    joined = (f"({a}) {rng.choice(('AND', 'OR', 'ANDNOT'))} ({b})" for a, b in pairs)
    booleans = [line for line in joined if parse_or_none(line)]
    for number, line in enumerate(booleans):
        plain.insert(number * 10 + 9, line)
    return tuple(plain)


def parse_or_none(line: str) -> Query | None:
    try:
        return parse(line)
    except QueryError:
        return None


@cache
def paper_texts(count: int) -> tuple[PaperText, ...]:
    """Return real papers, or made up ones; the same again where there are too few."""
    file = DATA / "corpus/arxiv_papers.jsonl.gz"
    if not file.is_file():
        rng = random.Random(7)
        return tuple(
            PaperText(" ".join(rng.sample(PHRASES, 2)), ". ".join(rng.choices(PHRASES, k=25))) for _ in range(count)
        )
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, count)]
    return tuple(PaperText(row["title"], row["abstract"]) for row in itertools.islice(itertools.cycle(rows), count))


def fill_store(url: str, subscribers: int, paper_count: int) -> None:
    """Make a store of so many subscribers and papers."""
    engine = connect(url)
    migrate(engine)
    add_papers(engine, paper_count, NOW)
    with write_session(engine) as session:
        canonical = list(dict.fromkeys(parse(line).canonical for line in keywords()))
        bulk_insert(session, "keyword", ("id", "canonical"), enumerate(canonical, 1))
        instant = NOW.isoformat() if engine.dialect.name == "postgresql" else NOW.replace(tzinfo=None).isoformat(" ")
        defaults = ("active", "daily", 8, "UTC", 20, 0, 0, "", "", instant)
        rows = ((n, f"{n}@example.org", f"{n}@example.org", f"nonce{n}", *defaults) for n in range(1, subscribers + 1))
        bulk_insert(session, "subscriber", SUBSCRIBER_COLUMNS, rows)
        bulk_insert(
            session,
            "saved_keyword",
            ("subscriber_id", "position", "keyword_id", "text"),
            ((*row, "") for row in draw_keywords(subscribers, len(canonical))),
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def draw_keywords(subscribers: int, keyword_count: int) -> Iterator[tuple[int, int, int]]:
    """Yield (subscriber, position, keyword) by Zipf's law, the first keyword the most often."""
    rng = np.random.default_rng(7)
    weights = 1 / np.arange(1, keyword_count + 1)
    weights /= weights.sum()
    for start in range(1, subscribers + 1, CHUNK):
        drawn = rng.choice(keyword_count, size=(CHUNK, DRAWS_EACH), p=weights) + 1
        for subscriber, row in zip(range(start, min(start + CHUNK, subscribers + 1)), drawn.tolist(), strict=False):
            for position, number in enumerate(itertools.islice(dict.fromkeys(row), KEYWORDS_EACH)):
                yield subscriber, position, number


def add_papers(engine: Engine, count: int, now: datetime) -> None:
    """Store papers, a thousand a list day, the latest first."""
    for start in range(0, count, CHUNK):
        chunk = enumerate(paper_texts(count)[start : start + CHUNK], start)
        with write_session(engine) as session:
            store_listings(session, [make_listing(number, paper, now) for number, paper in chunk], now)


def make_listing(number: int, paper: PaperText, now: datetime) -> ListedPaper:
    return ListedPaper(
        source="arxiv",
        list_day=now.date() - timedelta(days=number // 1000),
        rank=number,
        kind="new",
        title=paper.title,
        abstract=paper.abstract,
        arxiv_id=f"2607.{number:05}",
        url=f"https://example.org/{number}",
    )


def bulk_insert(session: Session, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows by the hundred thousand."""
    target = f"{table} ({', '.join(columns)})"
    driver: Any = session.connection().connection.driver_connection
    if session.get_bind().dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            while chunk := list(itertools.islice(rows := iter(rows), CHUNK)):
                copy.write("".join("\t".join(map(str, row)) + "\n" for row in chunk))
        return
    driver.executemany(f"INSERT INTO {target} VALUES ({', '.join('?' * len(columns))})", rows)


def plan(url: str) -> PlanResult:
    """Plan in this process."""
    engine = connect(url)
    settings = Settings(_env_file=None, database_url=url, mail_from="digest@example.org")
    ctx = AppContext(settings, engine, TokenSigner(["x" * 32]))
    started, cpu_started = time.perf_counter(), time.process_time()
    report = planning.plan(ctx.engine, ctx.sender_domain, NOW)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    engine.dispose()
    return PlanResult(report.due, report.digests, seconds, cpu_seconds, peak_bytes())


def plan_in_processes(url: str, count: int = 1) -> list[PlanResult]:
    """Plan in processes of their own, so that memory is theirs alone."""
    command = [sys.executable, "-m", "tests.benchmarks.population", url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    results = []
    for process in processes:
        output, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"planning {url} failed")
        results.append(PlanResult(*json.loads(output)))
    return results


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan(sys.argv[1])))
