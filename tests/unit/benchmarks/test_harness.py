"""The harness of the benchmark, on rows whose figures are known."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.benchmarks.__main__ import ALIASES, BY_NAME
from tests.benchmarks.__main__ import ROWS as ALL_ROWS
from tests.benchmarks.harness import Result, Row, measure_in_turn, row_name, run


def quick_row() -> Result:
    return Result(measured=12_345.5, baseline=1_000, unit="papers/s", goal=10)


def slow_row() -> Result:
    return Result(measured=4, baseline=2, unit="s", goal=1, less=True)


ROWS: tuple[Row, ...] = (quick_row, slow_row)


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=100)


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_all_rows_are_measured_shown_and_written(tmp_path: Path, screen: Console) -> None:
    assert run(ROWS, None, tmp_path / "var" / "bench.json", screen) == 0
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
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in printed(screen).splitlines() if "row " in line
    ]
    assert cells[-2:] == [
        ["quick-row", "papers/s", "12,346", "1,000", "12.3x", "10x", "yes"],
        ["slow-row", "s", "4", "2", "0.5x", "1x", "no"],
    ]


@pytest.mark.parametrize("name", ["quick-row", "quick_row"])
def test_one_row_can_be_measured(tmp_path: Path, screen: Console, name: str) -> None:
    assert run(ROWS, name, tmp_path / "bench.json", screen) == 0
    assert [line["row"] for line in json.loads((tmp_path / "bench.json").read_text())] == ["quick-row"]


def test_an_unknown_row_is_answered_with_all_names(tmp_path: Path, screen: Console) -> None:
    assert run(ROWS, "speed", tmp_path / "bench.json", screen) == 2
    assert printed(screen) == "no row is called 'speed'; rows: quick-row, slow-row\n"
    assert not (tmp_path / "bench.json").exists()


def test_without_rows_there_is_nothing_to_miss(tmp_path: Path, screen: Console) -> None:
    assert run((), None, tmp_path / "bench.json", screen) == 0
    assert printed(screen) == "no rows\n"


def test_a_missed_goal_is_an_error_only_if_strict(tmp_path: Path, screen: Console) -> None:
    assert run(ROWS, "slow-row", tmp_path / "bench.json", screen) == 0
    assert run(ROWS, "slow-row", tmp_path / "bench.json", screen, strict=True) == 1
    assert run(ROWS, "quick-row", tmp_path / "bench.json", screen, strict=True) == 0


def test_a_row_is_found_by_its_old_name(tmp_path: Path, screen: Console) -> None:
    assert run(ROWS, "fast_row", tmp_path / "bench.json", screen, aliases={"fast-row": "quick-row"}) == 0
    assert [line["row"] for line in json.loads((tmp_path / "bench.json").read_text())] == ["quick-row"]


def test_old_names_lead_to_rows_that_exist() -> None:
    names = {row_name(row) for row in (*ALL_ROWS, *BY_NAME)}
    assert set(ALIASES.values()) <= names
    assert not ALIASES.keys() & names


def test_both_sides_take_turns_and_their_medians_count() -> None:
    order: list[str] = []
    ticks = iter([0, 3, 10, 11, 20, 25, 30, 31, 40, 44, 50, 59])
    ours, baseline = measure_in_turn(
        lambda: order.append("ours"), lambda: order.append("baseline"), repeats=3, clock=lambda: float(next(ticks))
    )
    assert order == ["ours", "baseline"] * 3
    assert (ours, baseline) == (4, 1)
