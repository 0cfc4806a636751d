"""Stores of both kinds for every test that asks: real PostgreSQL, real SQLite files, never a stand-in."""

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import Engine

from digest import database
from tests.support.compiled_statements import share_compiled_statements
from tests.support.postgres import DatabasePool, Postgres, server
from tests.support.relay import Relay, relay

Connect = Callable[[str], Engine]

# How long an example takes is the machine's affair: the first one may read templates, and other tests run beside it.
settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("patient")
share_compiled_statements()


def pytest_collection_finish() -> None:
    """Take what was imported and collected out of every later garbage collection: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that runs a command in this process sets up logs; the next one must not write to its closed streams."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`db.connect`, with every engine closed at the end of the test."""
    engines: list[Engine] = []

    def opened(url: str) -> Engine:
        engines.append(database.connect(url))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for each test process, started by the first test that needs it."""
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> str:
    url = postgres.database()
    migrate(url)
    return postgres.name(url)


@pytest.fixture(scope="session")
def _postgres_pool(postgres: Postgres, _postgres_template: str) -> DatabasePool:
    return DatabasePool(postgres, _postgres_template)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "digest.db"
    migrate(f"sqlite:///{path}")
    return path


def migrate(url: str) -> None:
    engine = database.connect(url)
    database.migrate(engine)
    engine.dispose()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    url = postgres.database()
    yield url
    postgres.drop(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'digest.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Both kinds of store, one after the other, without tables."""
    return str(request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Both kinds of store, one after the other, with the tables of today and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "digest.db"
        shutil.copy(request.getfixturevalue("_sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    pool: DatabasePool = request.getfixturevalue("_postgres_pool")
    url = pool.take()
    yield url
    pool.give_back(url)


@pytest.fixture
def store(store_url: str, connect: Connect) -> Engine:
    """An engine on both kinds of store, one after the other; the tables are there and empty."""
    return connect(store_url)


@pytest.fixture
def sqlite_store(_sqlite_template: Path, sqlite_url: str, tmp_path: Path, connect: Connect) -> Engine:
    """As `store`, on SQLite alone: for tests of what stands above the store."""
    shutil.copy(_sqlite_template, tmp_path / "digest.db")
    return connect(sqlite_url)


@pytest.fixture
def polite() -> Iterator[Relay]:
    """A relay that takes every email."""
    with relay() as running:
        yield running
