"""Today's run in a running service: events as they happen, few streams at a time, and an end with the process."""

import itertools
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from digest.database import write_session
from digest.database.models import Delivery, DeliveryState
from digest.web.admin.live import MAX_STREAMS
from tests.support.command import Command
from tests.support.factories import delivery, subscriber
from tests.support.ports import free_port

TOKEN = "a-token-that-is-long-enough"


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@pytest.fixture
def service(sqlite_store: Engine, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a service and yield its URL and process."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    given = {"DIGEST_DATABASE_URL": str(sqlite_store.url), "DIGEST_OPERATOR_TOKEN": TOKEN, "DIGEST_BASE_URL": base}
    with Command(tmp_path, given).start("serve", "--no-scheduler", "--port", str(port)) as process:
        try:
            wait_for_service(base)
            yield base, process
        finally:
            process.kill()


def wait_for_service(base: str) -> None:
    for _ in range(600):
        with suppress(httpx.TransportError):
            httpx.get(f"{base}/robots.txt")
            return
        time.sleep(0.1)
    raise AssertionError("the service did not start")


def test_the_run_is_streamed_live_and_streams_end_with_the_process(
    service: tuple[str, subprocess.Popen[str]], sqlite_store: Engine
) -> None:
    base, process = service
    with httpx.Client(base_url=f"{base}/operator", timeout=10) as client:
        assert client.get("/live").headers["location"] == "/operator/login"
        client.post("/login", data={"token": TOKEN}, headers={"Origin": base})
        streams = [client.stream("GET", "/live") for _ in range(MAX_STREAMS)]
        opened = [stream.__enter__() for stream in streams]
        kinds = {
            (response.status_code, response.headers["content-type"], response.headers["cache-control"])
            for response in opened
        }
        assert kinds == {(200, "text/event-stream; charset=utf-8", "no-store")}
        full = client.get("/live")
        assert (full.status_code, full.headers["retry-after"]) == (503, "60")
        stream_events = events(opened[0].iter_lines())
        assert next(stream_events)["waiting"] == "0"
        with write_session(sqlite_store) as session:
            session.add(to := subscriber())
            session.flush()
            session.add(delivery(to, created_at=datetime.now(UTC)))
        assert next(stream_events)["waiting"] == "1"
        with write_session(sqlite_store) as session:
            session.get_one(Delivery, 1).state = DeliveryState.SENT
        values = next(stream_events)
        assert (values["waiting"], values["sent"], values["sent_share"]) == ("0", "1", "100.00")
        page = client.get(f"{base}/operator").text
        parts = {f"{part}_{end}" for part in re.findall(r'data-part="(\w+)"', page) for end in ("from", "share")}
        assert {*re.findall(r'data-show="(\w+)"', page), *parts} == set(values)
        # Who goes makes room.
        streams[-1].__exit__(None, None, None)
        for _ in range(60):
            with client.stream("GET", "/live") as again:
                if again.status_code == 200:
                    break
            time.sleep(0.1)
        assert again.status_code == 200
        # Who logs out sees nothing more.
        client.post("/logout", headers={"Origin": base})
        assert list(stream_events) == []
        client.post("/login", data={"token": TOKEN}, headers={"Origin": base})
        with client.stream("GET", "/live") as last:
            lines = last.iter_lines()
            assert next(events(lines))
            process.terminate()
            # An update every two seconds: a stream that went on would fill the slice.
            assert len(list(itertools.islice(lines, 20))) < 20
            _, log = process.communicate(timeout=20)
        assert process.returncode in {0, -signal.SIGTERM}
        assert TOKEN not in log
