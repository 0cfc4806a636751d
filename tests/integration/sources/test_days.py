"""Both sources against the bundled sample days, and against recorded days where they are at hand."""

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.cli.demo import server as sample_server
from digest.config import Settings
from digest.errors import NotListedError
from digest.sources import ArxivSource, HuggingFaceSource, ListedPaper, SourceAnswer, SourceClient, build_sources
from tests.support.hosts import (
    MONDAY,
    NOON,
    TUESDAY,
    fetch_arxiv,
    fetch_arxiv_texts,
    fetch_huggingface,
    run_with_client,
)
from tests.support.ports import free_port, listening

TOOLS = Path(__file__).parents[3] / "../shared/tools"


def test_the_list_days_are_the_last_three_weekdays() -> None:
    huggingface_days = run_with_client(
        lambda client: _days(HuggingFaceSource(client), datetime(2026, 1, 11, 3, tzinfo=UTC))
    )
    assert huggingface_days == (date(2026, 1, 7), date(2026, 1, 8), date(2026, 1, 9))
    assert run_with_client(lambda client: _days(HuggingFaceSource(client), NOON)) == (date(2026, 1, 2), MONDAY, TUESDAY)
    # At 03:00 UTC arXiv still shows Monday's batch, at 06:00 Tuesday's; nothing at weekends.
    early, late = datetime(2026, 1, 6, 3, tzinfo=UTC), datetime(2026, 1, 6, 6, tzinfo=UTC)
    assert run_with_client(lambda client: _days(ArxivSource(client, ["cs.CL"]), early)) == (MONDAY,)
    assert run_with_client(lambda client: _days(ArxivSource(client, ["cs.CL"]), late)) == (TUESDAY,)
    assert (
        run_with_client(lambda client: _days(ArxivSource(client, ["cs.CL"]), datetime(2026, 1, 10, 12, tzinfo=UTC)))
        == ()
    )


async def _days(source: HuggingFaceSource | ArxivSource, now: datetime) -> tuple[date, ...]:
    return source.days(now)


def test_settings_choose_the_sources() -> None:
    settings = Settings(sources="arxiv", _env_file=None)
    assert [source.name for source in run_with_client(lambda client: _build(settings, client))] == ["arxiv"]


async def _build(settings: Settings, client: SourceClient) -> tuple[Any, ...]:
    return build_sources(settings, client)


@pytest.mark.parametrize("now", [datetime(2026, 11, 23, 2, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)])
def test_the_sample_days_are_the_same_on_any_day(now: datetime) -> None:
    async def fetch_all(client: SourceClient) -> tuple[list[SourceAnswer], list[SourceAnswer], tuple[ListedPaper, ...]]:
        huggingface, arxiv = HuggingFaceSource(client, host.url), ArxivSource(client, ["cs.CL"], host.url, host.url)
        lists = [await huggingface.fetch(day, now) for day in huggingface.days(now)]
        batches = [await arxiv.backfill(day, now) for day in host.days]
        arxiv_ids = [str(paper.arxiv_id) for answer in lists for paper in answer.papers]
        return lists, batches, await arxiv.fetch_texts(arxiv_ids)

    with sample_server.SampleServer(now) as host:
        lists, batches, texts = run_with_client(fetch_all)
    with sample_server.SampleServer(host.days[-1]) as host:
        feed = fetch_arxiv(host.url, day=host.days[-1])
    assert {paper.kind for paper in feed.papers} == {"new", "cross", "replace"}
    announced = {paper.key for paper in feed.papers if paper.kind != "replace"}
    assert {paper.key for paper in batches[-1].papers} == announced
    assert [len(answer.papers) for answer in lists] == [12, 13, 13]  # of the last three days
    assert all(paper.abstract for answer in lists for paper in answer.papers)
    assert len(texts) == 38
    papers = {paper.key: paper for answer in (*lists, *batches) for paper in answer.papers}
    assert len(papers) >= 90
    prose = [f"{paper.title} {paper.abstract}" for paper in papers.values()]
    assert not [text for text in prose if "\\" in text]
    keywords = (
        "retrieval.augmented generation|diffusion model|large language model|reinforcement learning|protein|\\brag\\b"
    )
    for keyword in keywords.split("|"):
        assert sum(bool(re.search(keyword, text, re.IGNORECASE)) for text in prose) >= 2, keyword
    assert [text for text in prose if "storage" in text and not re.search(r"\bRAG\b", text)]


def test_the_sample_server_refuses_what_the_real_ones_refuse() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with sample_server.SampleServer(now) as host:
        with pytest.raises(NotListedError):
            fetch_huggingface(host.url, date(2026, 11, 24), now)
        with pytest.raises(NotListedError):
            fetch_huggingface(host.url, date(2026, 11, 12), now)
        assert (
            run_with_client(lambda client: HuggingFaceSource(client, host.url).fetch(host.days[1], now)).endpoint
            == "api"
        )


def test_a_demonstration_has_no_lists_after_those_that_were_read() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)  # Monday
    with sample_server.SampleServer(now) as host:
        host.set_last_list_day(date(2026, 11, 27))
        assert host.days == tuple(date(2026, 11, day) for day in range(23, 28))
        with pytest.raises(NotListedError):
            fetch_huggingface(host.url, date(2026, 11, 30), now)
        assert not fetch_arxiv(host.url, day=date(2026, 11, 30)).papers
        assert len(fetch_huggingface(host.url, date(2026, 11, 27), now).papers) == 13


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    if not (TOOLS / "replay.py").exists():
        pytest.skip("no recorded days beside the repository")
    port = free_port()
    command = [sys.executable, str(TOOLS / "replay.py"), "--port", str(port), "--today", "2026-07-31"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        listening(port)
        yield url
    finally:
        process.terminate()
        process.wait()


def set_today(url: str, day: date) -> None:
    with urllib.request.urlopen(f"{url}/__today?date={day}") as answer:
        assert answer.status == 200


def test_the_recorded_july_is_read_by_api_and_by_page(replay: str) -> None:
    async def both(client: SourceClient) -> list[tuple[int, int]]:
        source = HuggingFaceSource(client, replay)
        days = [date(2026, 7, 6) + timedelta(days=n) for n in range(26)]
        counts = []
        for day in (day for day in days if day.weekday() < 5):
            by_api, by_page = await source.fetch(day, now), await source._fetch_from_page(day)
            assert by_api.papers == by_page.papers
            counts.append((len(by_api.papers), by_api.parts[0].unreadable))
        return counts

    now = datetime(2026, 7, 31, 18, tzinfo=UTC)
    set_today(replay, now.date())
    counts = run_with_client(both)
    assert (len(counts), sum(count for count, _ in counts), sum(skipped for _, skipped in counts)) == (20, 356, 0)
    with pytest.raises(NotListedError):
        fetch_huggingface(replay, date(2026, 8, 3), now)
    with pytest.raises(NotListedError):
        fetch_huggingface(replay, date(2026, 7, 26), now)


def test_the_recorded_week_of_arxiv_is_read(replay: str) -> None:
    counts = {}
    for number in range(17, 26):
        day = date(2026, 4, number)
        set_today(replay, day)
        try:
            answer = fetch_arxiv(replay, "cs.CV", day=day)
            counts[number] = len(answer.papers)
            assert all(paper.abstract and paper.authors and paper.categories for paper in answer.papers)
        except NotListedError:
            counts[number] = 0
    assert counts == {17: 186, 18: 0, 19: 0, 20: 171, 21: 501, 22: 199, 23: 171, 24: 172, 25: 0}
    assert len(fetch_arxiv_texts(replay, "2604.21313", "2604.20594", "2604.99999")) == 2
