"""The bench harness, on rows whose figures are known."""

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks.harness import Result, Row, alternating, run


def quick_row() -> Result:
    return Result(measured=12_345.5, baseline=1_000, unit="papers/s", goal=10)


def slow_row() -> Result:
    return Result(measured=4, baseline=2, unit="s", goal=1, less=True)


ROWS: tuple[Row, ...] = (quick_row, slow_row)


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=100)


def seen(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_all_rows_are_measured_shown_and_written(tmp_path: Path, screen: Console) -> None:
    status = run(ROWS, None, tmp_path / "var" / "bench.json", screen)
    assert status == 1
    assert json.loads((tmp_path / "var" / "bench.json").read_text()) == [
        {
            "row": "quick-row",
            "measured": 12345.5,
            "baseline": 1000,
            "ratio": 12.3455,
            "goal": 10,
            "reached": True,
            "unit": "papers/s",
        },
        {"row": "slow-row", "measured": 4, "baseline": 2, "ratio": 0.5, "goal": 1, "reached": False, "unit": "s"},
    ]
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in seen(screen).splitlines() if "row " in line]
    assert cells[-2:] == [
        ["quick-row", "papers/s", "12,346", "1,000", "12.3x", "10x", "yes"],
        ["slow-row", "s", "4", "2", "0.5x", "1x", "no"],
    ]


@pytest.mark.parametrize("asked", ["quick-row", "quick_row"])
def test_one_row_can_be_asked_for(tmp_path: Path, screen: Console, asked: str) -> None:
    assert run(ROWS, asked, tmp_path / "bench.json", screen) == 0
    assert [line["row"] for line in json.loads((tmp_path / "bench.json").read_text())] == ["quick-row"]


def test_an_unknown_row_is_answered_with_the_known_ones(tmp_path: Path, screen: Console) -> None:
    assert run(ROWS, "speed", tmp_path / "bench.json", screen) == 2
    assert seen(screen) == "no row is called 'speed'; rows: quick-row, slow-row\n"
    assert not (tmp_path / "bench.json").exists()


def test_without_rows_there_is_nothing_to_miss(tmp_path: Path, screen: Console) -> None:
    assert run((), None, tmp_path / "bench.json", screen) == 0
    assert seen(screen) == "no rows\n"


def test_ours_and_the_naive_way_take_turns_and_the_median_counts() -> None:
    order: list[str] = []
    waits = iter([0.3, 0.0, 0.0])

    def ours() -> None:
        order.append("ours")
        time.sleep(next(waits))

    seconds, naive = alternating(ours, lambda: order.append("naive"), repeats=3)
    assert order == ["ours", "naive"] * 3
    assert seconds < 0.3
    assert naive < 0.3
