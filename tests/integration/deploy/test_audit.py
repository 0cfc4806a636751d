"""`make audit`: vulnerabilities of locked packages are named; a database that cannot be asked is no clean result."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

LOCK = "jinja2==3.1.0 \\\n    --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
FLAW = {
    "id": "GHSA-0000-test-0000",
    "published": "2026-01-01T00:00:00Z",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}],
            "versions": ["3.1.0"],
        }
    ],
}


class AdvisoryHandler(BaseHTTPRequestHandler):
    """Answers as OSV does: one flaw of jinja2 3.1.0."""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_flawed = (query["package"]["name"], query["version"]) == ("jinja2", "3.1.0")
        body = json.dumps({"vulns": [FLAW]} if is_flawed else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), AdvisoryHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    server.shutdown()
    server.server_close()
    thread.join()


def run_audit(lock_file: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.checks.audit", str(lock_file)]
    environment = {**os.environ, "OSV_URL": url, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("version", "status", "output"),
    [
        ("3.1.0", 1, "jinja2 3.1.0: GHSA-0000-test-0000, fixed in 3.1.3"),
        ("3.1.6", 0, "0 known vulnerabilities in requirements.lock"),
    ],
)
def test_a_known_vulnerability_is_named(database: str, tmp_path: Path, version: str, status: int, output: str) -> None:
    lock_file = tmp_path / "requirements.lock"
    lock_file.write_text(LOCK.replace("3.1.0", version))
    done = run_audit(lock_file, database)
    assert (done.returncode, output in done.stdout) == (status, True), done


def test_a_database_that_does_not_answer_is_no_clean_result(tmp_path: Path) -> None:
    lock_file = tmp_path / "requirements.lock"
    lock_file.write_text(LOCK)
    done = run_audit(lock_file, f"http://127.0.0.1:{free_port()}/v1/query")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("NOTHING WAS CHECKED: no advisory database could be asked")
