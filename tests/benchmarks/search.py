"""Rows of search: pages of results with their counts, filters and sorts, in as many papers as the environment says."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle

from sqlalchemy import Engine, text

from digest.database import connect, is_postgresql, migrate, read_session, write_session
from digest.matching import PaperDocument, Query
from digest.papers import INDEX_BATCH_SIZE, SearchOrder, SearchRequest, search_papers, update_index
from digest.papers.search.fulltext import MAX_REVISIONS
from digest.papers.search.index_terms import index_terms
from tests.benchmarks.harness import Result
from tests.benchmarks.population import NOW, add_papers, keywords, paper_texts, parse_or_none, size
from tests.support.postgres import server

PAPERS, PAPERS_OF_A_YEAR, SEARCHES, PAGE = size("SEARCHED", 15_000), size("YEAR", 300_000), 200, 25
STORED_PAPERS = 20_000  # stored as a source lists them; the others are copies of these
LIMIT_SECONDS = 0.050  # for the median of all searches
PAPER_COLUMNS = (
    *("title", "abstract", "authors", "categories", "url", "ai_keywords", "version", "text_source"),
    *("first_seen_at", "changed_at", "is_indexed"),
)


def papers_searched() -> Result:
    """Median search on the slower of both stores, each with its count and its sort: at most 50 ms."""
    return _slower_store(PAPERS)


def year_searched() -> Result:
    """Median in a year of papers. Filling both stores takes minutes, so it is measured by name only."""
    return _slower_store(PAPERS_OF_A_YEAR)


def _slower_store(papers: int) -> Result:
    medians = []
    for open_store in (sqlite_store, postgresql_store):
        with open_store() as url:
            engine = fill_store(url, papers)
            medians.append(median_seconds(engine))
            engine.dispose()
    return Result(measured=1000 * max(medians), baseline=1000 * LIMIT_SECONDS, unit="ms", goal=1, less=True)


@contextmanager
def sqlite_store() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/digest.db"


@contextmanager
def postgresql_store() -> Iterator[str]:
    with server(shared_buffers="512MB") as postgres:
        yield postgres.database()


def fill_store(url: str, count: int) -> Engine:
    """Store and index papers, copied from the first STORED_PAPERS; every 25th has upvotes."""
    engine = connect(url)
    migrate(engine)
    first = min(count, STORED_PAPERS)
    add_papers(engine, first, NOW)
    with write_session(engine) as session:
        update_index(session, INDEX_BATCH_SIZE)
    for offset in range(first, count, first):
        copy_papers(engine, offset, min(first, count - offset))
    with engine.begin() as connection:
        connection.execute(text("UPDATE paper SET upvotes = id % 200, code_stars = id % 900 WHERE id % 25 = 0"))
        connection.execute(text("UPDATE listing SET source = 'huggingface' WHERE paper_id % 25 = 0"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if is_postgresql(engine) else "ANALYZE"))
    return engine


def copy_papers(engine: Engine, offset: int, count: int) -> None:
    """Copy the first papers with their listings and terms, `offset` ids and as many thousand list days later."""
    later = f"+ {offset // 1000}" if is_postgresql(engine) else ""
    day = f"list_day {later}" if later else f"date(list_day, '+{offset // 1000} days')"
    instants = "first_seen_at, last_seen_at"
    columns = ", ".join(PAPER_COLUMNS)
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO paper (id, key, arxiv_id, first_listing_id, {columns}) "
                f"SELECT id + {offset}, 'arxiv:' || (id + {offset}), id + {offset}, id + {offset}, {columns} "
                f"FROM paper WHERE id <= {count}"
            )
        )
        connection.execute(
            text(
                f"INSERT INTO listing (id, paper_id, source, list_day, rank, kind, {instants}) "
                f"SELECT id + {offset}, paper_id + {offset}, source, {day}, rank, kind, {instants} "
                f"FROM listing WHERE id <= {count}"
            )
        )
        if is_postgresql(engine):
            words = f"SELECT paper_id + {offset}, words FROM paper_fulltext WHERE paper_id <= {count}"
            connection.execute(text(f"INSERT INTO paper_fulltext (paper_id, words) {words}"))
        else:
            rows = [
                {"id": (number + offset) * MAX_REVISIONS, "words": words}
                for number, words in enumerate(stored_terms()[:count], 1)
            ]
            connection.execute(text("INSERT INTO paper_fulltext (rowid, words) VALUES (:id, :words)"), rows)


@cache
def stored_terms() -> list[str]:
    """Return the terms of the stored papers; SQLite's index does not give them back."""
    papers = paper_texts(STORED_PAPERS)
    return [" ".join(index_terms(PaperDocument(0, paper.title, paper.abstract))) for paper in papers]


def median_seconds(engine: Engine) -> float:
    """Search twice, each query in one of the orders, and return the median of the second time."""
    requests = [SearchRequest(query, order=order) for query, order in zip(queries(), cycle(SearchOrder), strict=False)]
    for request in requests:
        search_seconds(engine, request)
    return statistics.median(search_seconds(engine, request) for request in requests)


def queries() -> list[Query]:
    """Parse real keywords, every tenth of them a boolean."""
    parsed = [query for line in keywords()[: 2 * SEARCHES] if (query := parse_or_none(line))]
    return parsed[:SEARCHES]


def search_seconds(engine: Engine, request: SearchRequest) -> float:
    started = time.perf_counter()
    with read_session(engine) as session:
        search_papers(session, request, limit=PAGE)
    return time.perf_counter() - started
