"""What it costs to know that papers are one: listings stored with resolving, and a plan with published versions."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from sqlalchemy import Engine, delete, update

from digest import planning
from digest.database import connect, write_session
from digest.database.models import Delivery, Subscriber
from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.benchmarks.harness import Result, RowSkipped, measure_in_turn
from tests.benchmarks.population import NOW, fill_store, paper_texts

ROOT = Path(__file__).parents[2]
FORMER = "d364e5e"  # the last release that knew papers by their arXiv id or DOI alone
LISTINGS, BATCH, REPEATS = 10_000, 1000, 3
SUBSCRIBERS, PAPERS, VERSIONS = 20_000, 1000, 50
STORE = """
import json, sys, time
from datetime import UTC, date, datetime
{imports}
rows = json.load(open(sys.argv[1]))
day, now = date(2026, 7, 28), datetime(2026, 7, 28, 8, tzinfo=UTC)
listings = [
    {listing}(
        source="arxiv", list_day=day, rank=n, kind="new", title=title, abstract=abstract, authors=("Ada Byron",),
        arxiv_id=f"2607.{{n:05}}", url="https://example.org",
    )
    for n, (title, abstract) in enumerate(rows)
]
engine = connect(f"sqlite:///{{sys.argv[2]}}")
{migrate}(engine)
begun = time.process_time()
for start in range(0, len(listings), int(sys.argv[3])):
    with {session}(engine) as session:
        {store}(session, listings[start : start + int(sys.argv[3])], now)
print(time.process_time() - begun)
"""
OURS = STORE.format(
    imports="from digest.database import connect, migrate, write_session\n"
    "from digest.papers import store_listings\nfrom digest.sources import ListedPaper",
    listing="ListedPaper",
    migrate="migrate",
    session="write_session",
    store="store_listings",
)
BEFORE = STORE.format(
    imports="from digest.db import connect, upgrade, writing\n"
    "from digest.papers.listing import remember\nfrom digest.sources.base import Listed",
    listing="Listed",
    migrate="upgrade",
    session="writing",
    store="remember",
)


def listings_stored() -> Result:
    """Store 10,000 new papers, their identifiers resolved; against the release that knew one name of a paper.

    Processor time of processes of their own, in turn.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        former = _check_out_former(folder / "former")
        texts = folder / "texts.json"
        texts.write_text(json.dumps(paper_texts(LISTINGS)))
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(REPEATS):
            for samples, program, tree in zip(seconds, (OURS, BEFORE), (ROOT, former), strict=True):
                samples.append(_store_in_process(program, tree, texts, folder / "store"))
    ours, baseline = map(statistics.median, seconds)
    return Result(measured=LISTINGS / ours, baseline=LISTINGS / baseline, unit="listings/s", goal=0.5)


def _check_out_former(folder: Path) -> Path:
    """Unpack the former release out of the history."""
    packed = subprocess.run(["git", "archive", FORMER, "digest"], cwd=ROOT, check=False, capture_output=True)
    if packed.returncode:
        raise RowSkipped(f"the history here has no {FORMER}")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _store_in_process(program: str, tree: Path, texts: Path, store: Path) -> float:
    """Store the listings in a new store; return the seconds of processor time."""
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    command = [sys.executable, "-c", program, str(texts), str(store / "digest.db"), str(BATCH)]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=store, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def versions_planned() -> Result:
    """Plan 1,000 new papers of which 50 are published versions of others; against the same ones without links."""
    with tempfile.TemporaryDirectory() as folder:
        engines = [_open_store(Path(folder) / name) for name in ("linked", "plain")]
        _link_versions(engines[0])
        ours, baseline = measure_in_turn(*(lambda engine=engine: _plan(engine) for engine in engines))
        for engine in engines:
            engine.dispose()
    return Result(measured=ours, baseline=baseline, unit="s", goal=0.9, less=True)


def _open_store(file: Path) -> Engine:
    url = f"sqlite:///{file}"
    fill_store(url, SUBSCRIBERS, PAPERS)
    return connect(url)


def _link_versions(engine: Engine) -> None:
    """Let every twentieth paper be the published version of the one before it."""
    step = PAPERS // VERSIONS
    preprints = [
        ListedPaper(
            source="arxiv",
            list_day=NOW.date() - timedelta(days=n // 1000),
            rank=n,
            kind="replace",
            title=paper.title,
            abstract=paper.abstract,
            arxiv_id=f"2607.{n:05}",
            links=(StatedLink(LinkRelation.PUBLISHED, Identifier("arxiv", f"2607.{n + 1:05}")),),
            url=f"https://example.org/{n}",
        )
        for n, paper in enumerate(paper_texts(PAPERS))
        if n % step == 0
    ]
    with write_session(engine) as session:
        store_listings(session, preprints, NOW)


def _plan(engine: Engine) -> None:
    with write_session(engine) as session:
        session.execute(delete(Delivery))
        session.execute(update(Subscriber).values(covered_listing_id=0, last_due_day=None))
    assert planning.plan(engine, "example.org", NOW).due == SUBSCRIBERS
