"""Rows of the benchmark. A row measures our code and a baseline in turn, so that a busy machine slows both.

def subscribers_planned() -> Result:
    ours, baseline = measure_in_turn(plan, plan_naively, repeats=5)
    return Result(measured=SUBSCRIBERS / ours, baseline=SUBSCRIBERS / baseline, unit="subscribers/s", goal=5)
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Figures of a row, both in `unit`. `goal` is the lowest ratio that counts as reached.

    Where less is better (seconds, bytes), set `less`: the ratio then says how many times less ours needs.
    """

    measured: float
    baseline: float
    unit: str
    goal: float
    less: bool = False

    @property
    def ratio(self) -> float:
        above, below = (self.baseline, self.measured) if self.less else (self.measured, self.baseline)
        return above / below


class RowSkipped(Exception):
    """This machine lacks what the row needs; the text names it."""


Row = Callable[[], Result]


@dataclass(frozen=True, slots=True)
class ReportLine:
    """Row of the table and of the file."""

    row: str
    measured: float
    baseline: float
    ratio: float
    goal: float
    reached: bool
    unit: str


def measure_in_turn(
    ours: Callable[[], object],
    baseline: Callable[[], object],
    *,
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Run both in turn; return the median seconds of each."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, samples in zip((ours, baseline), seconds, strict=True):
            started = clock()
            function()
            samples.append(clock() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def measure(row: Row) -> ReportLine:
    """Run one row."""
    result = row()
    ratio = result.ratio
    return ReportLine(
        row_name(row), result.measured, result.baseline, ratio, result.goal, ratio >= result.goal, result.unit
    )


def row_name(row: Row) -> str:
    """Return the name that a row is called by: its function's, with hyphens."""
    return str(getattr(row, "__name__", row)).replace("_", "-")


def run(
    rows: Sequence[Row],
    requested: str | None,
    file: Path,
    console: Console,
    *,
    aliases: Mapping[str, str] | None = None,
    strict: bool = False,
) -> int:
    """Measure, show and write rows. Return the exit status: 2 for an unknown row; 1 for a missed goal, if strict."""
    by_name = {row_name(row): row for row in rows}
    selected = list(rows)
    if requested:
        name = requested.replace("_", "-")
        row = by_name.get((aliases or {}).get(name, name))
        if row is None:
            console.print(f"no row is called {requested!r}; rows: {', '.join(by_name) or 'none'}", soft_wrap=True)
            return 2
        selected = [row]
    lines = []
    for row in selected:
        try:
            with console.status(f"measuring {row_name(row)}"):
                lines.append(measure(row))
        except RowSkipped as reason:
            console.print(f"[bold red]NOT MEASURED[/] {row_name(row)}: {reason}", soft_wrap=True)
    console.print(report_table(lines) if lines else "no rows")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(line) for line in lines], indent=2) + "\n", encoding="utf-8")
    return 1 if strict and not all(line.reached for line in lines) else 0


def report_table(lines: Sequence[ReportLine]) -> Table:
    """Lay out the lines for people."""
    table = Table("row", "unit")
    for heading in ("measured", "baseline", "ratio", "goal", "reached"):
        table.add_column(heading, justify="right")
    for line in lines:
        figures = (format_figure(line.measured), format_figure(line.baseline))
        ratios = (f"{format_figure(line.ratio)}x", f"{format_figure(line.goal)}x")
        table.add_row(line.row, line.unit, *figures, *ratios, "[green]yes[/]" if line.reached else "[red]no[/]")
    return table


def format_figure(number: float) -> str:
    """Return three significant digits: 12,345 and 0.0123."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
