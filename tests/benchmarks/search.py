"""Rows of search: a page of results for real keywords, in as many papers as the environment says."""

import statistics
import tempfile
import time

from sqlalchemy import Engine, text

from digest.database import connect, migrate, read_session, write_session
from digest.matching import Query
from digest.papers import INDEX_BATCH_SIZE, search_papers, update_index
from tests.benchmarks.harness import Result
from tests.benchmarks.population import NOW, add_papers, keywords, parse_or_none, size
from tests.support.postgres import server

PAPERS, PAPERS_OF_A_YEAR, SEARCHES, PAGE = size("SEARCHED", 15_000), size("YEAR", 300_000), 200, 25
LIMIT_SECONDS = 0.100  # for the median of all searches


def papers_searched() -> Result:
    """Median of many searches on the slower of both stores, against the 100 ms that people do not mind."""
    return _slower_store(PAPERS)


def year_searched() -> Result:
    """Median in a year of papers. Filling both stores takes half an hour, so it is measured by name only."""
    return _slower_store(PAPERS_OF_A_YEAR)


def _slower_store(papers: int) -> Result:
    seconds = max(median_on_sqlite(papers), median_on_postgresql(papers))
    return Result(measured=1000 * seconds, baseline=1000 * LIMIT_SECONDS, unit="ms", goal=1, less=True)


def median_on_sqlite(papers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return median_seconds(f"sqlite:///{folder}/digest.db", papers)


def median_on_postgresql(papers: int) -> float:
    with server(shared_buffers="512MB") as postgres:
        return median_seconds(postgres.database(), papers)


def median_seconds(url: str, papers: int) -> float:
    """Fill a store, index it, and search it twice."""
    engine = connect(url)
    migrate(engine)
    add_papers(engine, papers, NOW)
    while True:
        with write_session(engine) as session:
            if not update_index(session, INDEX_BATCH_SIZE):
                break
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE"))
    for query in queries():
        search_seconds(engine, query)
    median = statistics.median(search_seconds(engine, query) for query in queries())
    engine.dispose()
    return median


def queries() -> list[Query]:
    """Parse real keywords, every tenth of them a boolean."""
    parsed = [query for line in keywords()[: 2 * SEARCHES] if (query := parse_or_none(line))]
    return parsed[:SEARCHES]


def search_seconds(engine: Engine, query: Query) -> float:
    started = time.perf_counter()
    with read_session(engine) as session:
        search_papers(session, query, limit=PAGE)
    return time.perf_counter() - started
