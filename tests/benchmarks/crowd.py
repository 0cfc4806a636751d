"""A store with as many readers as it takes: real papers and real keywords where they lie beside the checkout.

python -m tests.benchmarks.crowd URL    plans one round there and tells, as JSON, seconds and peak memory
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
from sqlalchemy import text
from sqlmodel import Session

from digest import planning
from digest.config import Settings
from digest.context import AppContext
from digest.database import connect, migrate, write_session
from digest.errors import QueryError
from digest.matching import parse
from digest.papers import store_listings
from digest.sources import ListedPaper
from digest.tokens import TokenSigner
from tests.benchmarks.memory import peak

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "../shared/data"
EACH, DRAWS = 5, 16  # keywords a reader, drawn until they are distinct
BATCH = 20_000
SUBSCRIBER = (
    *("id", "email", "email_key", "nonce", "status", "frequency", "send_hour", "timezone", "cap", "trending"),
    *("covered_listing_id", "consent", "reason", "created_at"),
)
WORDS = (
    *("retrieval-augmented generation", "diffusion model", "large language model", "reinforcement learning", "protein"),
    *("speech", "robot", "graph neural network", "time series", "benchmark", "vision language model", "fine tuning"),
    *("privacy", "translation", "3D reconstruction", "weather forecasting", "music", "code generation", "agent"),
)


class Text(NamedTuple):
    """A paper, as far as it is read."""

    title: str
    abstract: str


def size(name: str, usual: int) -> int:
    """How much of it: BENCH_READERS=1000000 and the like in the environment."""
    return int(os.environ.get(f"BENCH_{name}", usual))


@cache
def keywords() -> tuple[str, ...]:
    """Real keywords in a fixed, shuffled order, every tenth of them a boolean of two others."""
    file = DATA / "keywords/keywords.txt"
    found = file.read_text(encoding="utf-8").splitlines() if file.is_file() else list(WORDS)
    plain = list({query.canonical: line for line in found if (query := _read(line))}.values())
    dice = random.Random(7)
    dice.shuffle(plain)
    pairs = [dice.sample(plain, 2) for _ in range(len(plain) // 9)]
    joined = (f"({a}) {dice.choice(('AND', 'OR', 'ANDNOT'))} ({b})" for a, b in pairs)
    booleans = [line for line in joined if _read(line)]
    for number, line in enumerate(booleans):
        plain.insert(number * 10 + 9, line)
    return tuple(plain)


def _read(line: str) -> Any:
    try:
        return parse(line)
    except QueryError:
        return None


@cache
def texts(count: int) -> tuple[Text, ...]:
    """Real papers, or made up ones; the same again when there are too few."""
    file = DATA / "corpus/arxiv_papers.jsonl.gz"
    if not file.is_file():
        dice = random.Random(7)
        return tuple(Text(" ".join(dice.sample(WORDS, 2)), ". ".join(dice.choices(WORDS, k=25))) for _ in range(count))
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, count)]
    return tuple(Text(row["title"], row["abstract"]) for row in itertools.islice(itertools.cycle(rows), count))


def fill(url: str, readers: int, count: int) -> None:
    """Make a store of so many readers and papers."""
    engine = connect(url)
    migrate(engine)
    add_papers(engine, count, NOW)
    with write_session(engine) as session:
        canonicals = list(dict.fromkeys(parse(line).canonical for line in keywords()))
        pour(session, "keyword", ("id", "canonical"), enumerate(canonicals, 1))
        instant = NOW.isoformat() if engine.dialect.name == "postgresql" else NOW.replace(tzinfo=None).isoformat(" ")
        usual = ("active", "daily", 8, "UTC", 20, 0, 0, "", "", instant)
        rows = ((n, f"{n}@example.org", f"{n}@example.org", f"nonce{n}", *usual) for n in range(1, readers + 1))
        pour(session, "subscriber", SUBSCRIBER, rows)
        pour(
            session,
            "saved_keyword",
            ("subscriber_id", "position", "keyword_id", "text"),
            ((reader, place, number, "") for reader, place, number in saved(readers, len(canonicals))),
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def saved(readers: int, known: int) -> Iterator[tuple[int, int, int]]:
    """(reader, position, keyword): by Zipf's law, the first keyword the most often."""
    dice = np.random.default_rng(7)
    law = 1 / np.arange(1, known + 1)
    law /= law.sum()
    for start in range(1, readers + 1, BATCH):
        drawn = dice.choice(known, size=(BATCH, DRAWS), p=law) + 1
        for reader, row in zip(range(start, min(start + BATCH, readers + 1)), drawn.tolist(), strict=False):
            for place, number in enumerate(itertools.islice(dict.fromkeys(row), EACH)):
                yield reader, place, number


def add_papers(engine: Any, count: int, now: datetime) -> None:
    for start in range(0, count, BATCH):
        with write_session(engine) as session:
            store_listings(
                session,
                [listed(n, each, now) for n, each in enumerate(texts(count)[start : start + BATCH], start)],
                now,
            )


def listed(number: int, each: Text, now: datetime) -> ListedPaper:
    return ListedPaper(
        source="arxiv",
        list_day=now.date() - timedelta(days=number // 1000),
        rank=number,
        kind="new",
        title=each.title,
        abstract=each.abstract,
        arxiv_id=f"2607.{number:05}",
        url=f"https://example.org/{number}",
    )


def pour(session: Session, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows by the hundred thousand."""
    named = f"{table} ({', '.join(columns)})"
    driver: Any = session.connection().connection.driver_connection
    if session.get_bind().dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {named} FROM STDIN") as copy:
            while batch := list(itertools.islice(rows := iter(rows), BATCH)):
                copy.write("".join("\t".join(map(str, row)) + "\n" for row in batch))
        return
    driver.executemany(f"INSERT INTO {named} VALUES ({', '.join('?' * len(columns))})", rows)


class Round(NamedTuple):
    """What a round came to, and what it took."""

    due: int
    letters: int
    seconds: float
    cpu: float  # seconds of our own process, whatever else the machine does
    bytes: int


def plan(url: str) -> Round:
    """Plan here and now."""
    engine = connect(url)
    ctx = AppContext(
        Settings(_env_file=None, database_url=url, mail_from="digest@example.org"), engine, TokenSigner(["x" * 32])
    )
    begun, worked = time.perf_counter(), time.process_time()
    planned = planning.plan(ctx.engine, ctx.sender_domain, NOW)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    engine.dispose()
    return Round(planned.due, planned.digests, seconds, cpu, peak())


def planned_apart(url: str, processes: int = 1) -> list[Round]:
    """Plan in processes of their own, so that memory is theirs alone."""
    command = [sys.executable, "-m", "tests.benchmarks.crowd", url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    rounds = []
    for each in started:
        out, _ = each.communicate()
        if each.returncode:
            raise RuntimeError(f"planning {url} failed")
        rounds.append(Round(*json.loads(out)))
    return rounds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan(sys.argv[1])))
