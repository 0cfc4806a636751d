"""Both sources against the bundled sample days, and against the recorded days where they are present."""

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.cli.demo_server import SampleServer
from digest.config import Settings
from digest.errors import NotListedError
from digest.sources import ArxivSource, ListedPaper, SourceAnswer, SourceClient, build_sources
from digest.sources.huggingface import HuggingFaceSource
from tests.support.hosts import MONDAY, NOON, TUESDAY, arxiv, face, filling_in, with_client
from tests.support.ports import free_port, listening

TOOLS = Path(__file__).parents[3] / "../shared/tools"


def test_the_list_days_are_the_last_three_weekdays() -> None:
    face = with_client(lambda client: _days(HuggingFaceSource(client), datetime(2026, 1, 11, 3, tzinfo=UTC)))
    assert face == (date(2026, 1, 7), date(2026, 1, 8), date(2026, 1, 9))
    assert with_client(lambda client: _days(HuggingFaceSource(client), NOON)) == (date(2026, 1, 2), MONDAY, TUESDAY)
    # At 03:00 UTC arXiv still shows Monday's batch, at 06:00 Tuesday's; nothing at weekends.
    early, late = datetime(2026, 1, 6, 3, tzinfo=UTC), datetime(2026, 1, 6, 6, tzinfo=UTC)
    assert with_client(lambda client: _days(ArxivSource(client, ["cs.CL"]), early)) == (MONDAY,)
    assert with_client(lambda client: _days(ArxivSource(client, ["cs.CL"]), late)) == (TUESDAY,)
    assert (
        with_client(lambda client: _days(ArxivSource(client, ["cs.CL"]), datetime(2026, 1, 10, 12, tzinfo=UTC))) == ()
    )


async def _days(source: HuggingFaceSource | ArxivSource, now: datetime) -> tuple[date, ...]:
    return source.current_days(now)


def test_the_settings_choose_the_sources() -> None:
    chosen = Settings(sources="arxiv", _env_file=None)
    assert [source.name for source in with_client(lambda client: _build(chosen, client))] == ["arxiv"]


async def _build(chosen: Settings, client: SourceClient) -> tuple[Any, ...]:
    return build_sources(chosen, client)


@pytest.mark.parametrize("now", [datetime(2026, 11, 23, 2, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)])
def test_the_sample_days_look_the_same_on_any_day(now: datetime) -> None:
    async def whole(client: SourceClient) -> tuple[list[SourceAnswer], list[SourceAnswer], tuple[ListedPaper, ...]]:
        face, arxiv = HuggingFaceSource(client, host.url), ArxivSource(client, ["cs.CL"], host.url, host.url)
        lists = [await face.fetch_day(day, now) for day in face.current_days(now)]
        batches = [await arxiv.backfill_day(day, now) for day in host.days]
        names = [str(each.arxiv_id) for answer in lists for each in answer.papers]
        return lists, batches, await arxiv.fetch_texts(names)

    with SampleServer(now) as host:
        lists, batches, texts = with_client(whole)
    with SampleServer(host.days[-1]) as host:
        feed = arxiv(host.url, day=host.days[-1])
    assert {each.kind for each in feed.papers} == {"new", "cross", "replace"}
    listed = {each.key for each in feed.papers if each.kind != "replace"}
    assert {each.key for each in batches[-1].papers} == listed
    assert [len(answer.papers) for answer in lists] == [12, 13, 13]
    assert all(each.abstract for answer in lists for each in answer.papers)
    assert len(texts) == 36
    every = {each.key: each for answer in (*lists, *batches) for each in answer.papers}
    assert len(every) >= 60
    prose = [f"{each.title} {each.abstract}" for each in every.values()]
    assert not [text for text in prose if "\\" in text]
    known = (
        "retrieval.augmented generation|diffusion model|large language model|reinforcement learning|protein|\\brag\\b"
    )
    for keyword in known.split("|"):
        assert sum(bool(re.search(keyword, text, re.IGNORECASE)) for text in prose) >= 2, keyword
    assert [text for text in prose if "storage" in text and not re.search(r"\bRAG\b", text)]


def test_the_sample_host_refuses_what_the_real_ones_refuse() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with SampleServer(now) as host:
        with pytest.raises(NotListedError):
            face(host.url, date(2026, 11, 24), now)
        with pytest.raises(NotListedError):
            face(host.url, date(2026, 11, 12), now)
        assert (
            with_client(lambda client: HuggingFaceSource(client, host.url).fetch_day(host.days[1], now)).endpoint
            == "api"
        )


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    if not (TOOLS / "replay.py").exists():
        pytest.skip("no recorded days beside the repository")
    port = free_port()
    command = [sys.executable, str(TOOLS / "replay.py"), "--port", str(port), "--today", "2026-07-31"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        listening(port)
        yield url
    finally:
        running.terminate()
        running.wait()


def move(url: str, day: date) -> None:
    with urllib.request.urlopen(f"{url}/__today?date={day}") as answer:
        assert answer.status == 200


def test_the_recorded_july_is_read_by_api_and_by_page(replay: str) -> None:
    async def both(client: SourceClient) -> list[tuple[int, int]]:
        source = HuggingFaceSource(client, replay)
        days = [date(2026, 7, 6) + timedelta(days=n) for n in range(26)]
        found = []
        for day in (each for each in days if each.weekday() < 5):
            by_api, by_page = await source.fetch_day(day, now), await source._fetch_from_page(day)
            assert by_api.papers == by_page.papers
            found.append((len(by_api.papers), by_api.skipped_entries))
        return found

    now = datetime(2026, 7, 31, 18, tzinfo=UTC)
    move(replay, now.date())
    found = with_client(both)
    assert (len(found), sum(listed for listed, _ in found), sum(skipped for _, skipped in found)) == (20, 356, 0)
    with pytest.raises(NotListedError):
        face(replay, date(2026, 8, 3), now)
    with pytest.raises(NotListedError):
        face(replay, date(2026, 7, 26), now)


def test_the_recorded_week_of_arxiv_is_read(replay: str) -> None:
    counts = {}
    for number in range(17, 26):
        day = date(2026, 4, number)
        move(replay, day)
        try:
            answer = arxiv(replay, "cs.CV", day=day)
            counts[number] = len(answer.papers)
            assert all(each.abstract and each.authors and each.categories for each in answer.papers)
        except NotListedError:
            counts[number] = 0
    assert counts == {17: 186, 18: 0, 19: 0, 20: 171, 21: 501, 22: 199, 23: 171, 24: 172, 25: 0}
    assert len(filling_in(replay, "2604.21313", "2604.20594", "2604.99999")) == 2
