"""Recorded days of medRxiv through the whole service while its host fails: every preprint reaches everybody once."""

import asyncio
import gzip
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session
from digest.database.models import DeliveryState, Paper, SourceFetch
from digest.jobs.collect import collect_sources
from tests.support.contexts import ADA, StoreView, add_active_subscriber, mailed_paper_ids, make_context, plan_digests

SHARED = Path(__file__).parents[2] / "../shared"
FIRST = datetime(2024, 1, 1, 20, tzinfo=UTC)
DAY = timedelta(days=1)
RECORDED_DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
DETAILS = "/api.biorxiv.org/details/medrxiv"
FAULTS = (
    f"{DETAILS}/2024-01-01=html:2",
    f"{DETAILS}/2024-01-02/2024-01-02/5=empty:1",
    f"{DETAILS}/2024-01-02/2024-01-02/10=truncated:2",
    f"{DETAILS}/2024-01-03=503:4",
    f"{DETAILS}/2024-01-03/2024-01-03/5=drop:1",
)


@pytest.fixture
def replay() -> Iterator[str]:
    """Recorded records, five a page, and faults in between."""
    tool = SHARED / "tools" / "replay_more.py"
    if not tool.exists():
        pytest.skip("the recorded answers are not available")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(tool), "--port", str(port), "--page", "5", "--today", str(FIRST.date())]
    process = subprocess.Popen([*command, *(f"--fault={fault}" for fault in FAULTS)], stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                ask(f"{url}/__log")
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def ask(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        body: bytes = response.read()
        return body


def recorded_preprints() -> dict[str, dict[str, Any]]:
    """Return the first versions of these days by DOI."""
    paths = sorted((SHARED / "data/sources/biorxiv").glob("details_medrxiv*.json.gz"))
    records = [record for path in paths for record in json.loads(gzip.decompress(path.read_bytes()))["collection"]]
    return {
        record["doi"]: record for record in records if record["date"] in RECORDED_DAYS and str(record["version"]) == "1"
    }


def test_recorded_days_come_whole_and_each_preprint_once(replay: str, sqlite_store: Engine) -> None:
    ctx = make_context(
        sqlite_store,
        sources="biorxiv",
        biorxiv_url=f"{replay}/api.biorxiv.org",
        biorxiv_servers="medrxiv",
        host_gaps="127.0.0.1=0",
    )
    record = StoreView(sqlite_store)
    add_active_subscriber(ctx, ADA, '"patients"', now=FIRST - DAY)
    failures = []
    for number in range(9):
        now = FIRST + number * DAY
        ask(f"{replay}/__today?date={now.date()}")
        (report,) = asyncio.run(collect_sources(ctx, now, days=None))
        failures += [problem for problem in report.problems if "journals published" not in problem]
        plan_digests(ctx, now + timedelta(hours=1))
        record.set_state(DeliveryState.SENT)
    preprints = recorded_preprints()
    assert len(preprints) == 26
    assert len(failures) >= 3, "the faults were not met"
    with read_session(sqlite_store) as session:
        papers = {paper.doi: paper for paper in session.exec(select(Paper))}
        assert papers.keys() == preprints.keys()
        last = {
            day: session.exec(
                select(SourceFetch).where(SourceFetch.list_day == day).order_by(col(SourceFetch.id).desc())
            ).first()
            for day in (FIRST.date() + n * DAY for n in range(3))
        }
    assert [fetch.whole for fetch in last.values() if fetch] == [True, True, True]
    assert [fetch.started_at - FIRST for fetch in last.values() if fetch] == [4 * DAY, 5 * DAY, 6 * DAY], "settled"
    wanted = {
        doi
        for doi, row in preprints.items()
        if re.search(r"\bpatients\b", row["title"] + row["abstract"], re.IGNORECASE)
    }
    mailed = [number for digest in mailed_paper_ids(record) for number in digest]
    assert len(mailed) == len(set(mailed)) == len(wanted) > 5
    assert {doi for doi, paper in papers.items() if paper.id in mailed} == wanted
