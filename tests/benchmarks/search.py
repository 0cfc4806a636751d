"""The row of a search: a page of results for real keywords, in as many papers as the environment says."""

import statistics
import tempfile
import time

from sqlalchemy import Engine, text

from digest.database import connect, migrate, read_session, write_session
from digest.errors import QueryError
from digest.matching import Query, parse
from digest.papers import INDEX_BATCH_SIZE, search_papers, update_index
from tests.benchmarks.crowd import NOW, add_papers, keywords, size
from tests.benchmarks.harness import Result
from tests.support.postgres import server

PAPERS, YEAR, SEARCHES, A_PAGE = size("SEARCHED", 15_000), size("YEAR", 300_000), 200, 25
LONGEST = 0.100  # seconds, the median of all searches


def papers_searched() -> Result:
    """The median of many searches on the slower of both stores, against the 100 ms that people do not mind."""
    return _slower(PAPERS)


def year_searched() -> Result:
    """The same over a year of papers. Filling both stores takes half an hour, so it is measured by name only."""
    return _slower(YEAR)


def _slower(papers: int) -> Result:
    measured = 1000 * max(on_sqlite(papers), on_postgresql(papers))
    return Result(measured=measured, baseline=1000 * LONGEST, unit="ms", goal=1, less=True)


def on_sqlite(papers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return _median(f"sqlite:///{folder}/digest.db", papers)


def on_postgresql(papers: int) -> float:
    with server(shared_buffers="512MB") as postgres:
        return _median(postgres.database(), papers)


def _median(url: str, papers: int) -> float:
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
        _search(engine, query)
    taken = sorted(_search(engine, query) for query in queries())
    engine.dispose()
    return statistics.median(taken)


def queries() -> list[Query]:
    """Those that can be read; real ones, every tenth of them a boolean."""
    found: list[Query] = []
    for line in keywords()[: 2 * SEARCHES]:
        try:
            found.append(parse(line))
        except QueryError:
            continue
    return found[:SEARCHES]


def _search(engine: Engine, query: Query) -> float:
    begun = time.perf_counter()
    with read_session(engine) as session:
        search_papers(session, query, limit=A_PAGE)
    return time.perf_counter() - begun
