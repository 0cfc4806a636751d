"""A real PgBouncer before a PostgreSQL of the tests, where the machine has one (Debian: pgbouncer)."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.ports import free_port, listening
from tests.support.postgres import Postgres

PROGRAM = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextmanager
def pooler(postgres: Postgres, mode: str) -> Iterator[int]:
    """The port of a pooler in `mode`, with its usual settings but for the names of databases and users."""
    assert PROGRAM is not None
    folder = Path(tempfile.mkdtemp(prefix="digest-pgbouncer-"))
    port = free_port()
    (folder / "users").write_text('"digest" ""\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host={postgres.socket} user=digest\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\nauth_file = {folder}/users\npool_mode = {mode}\n"
    )
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:  # it refuses to run as root
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o755)
        owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    log = folder.with_suffix(".log")
    try:
        with log.open("wb") as output:
            process = subprocess.Popen([PROGRAM, str(folder / "ini")], stdout=output, stderr=output, **owner)
        try:
            listening(port)
            yield port
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder)
        log.unlink()
