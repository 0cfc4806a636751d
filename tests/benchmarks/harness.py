"""A row measures what we do and the naive way, alternately in the same run, so that a busy machine slows both.

def planned(repeats: int = 5) -> Result:
    ours, naive = alternating(plan_as_we_do, plan_naively, repeats=repeats)
    return Result(measured=READERS / ours, baseline=READERS / naive, unit="readers/s", goal=5)
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a row found. `goal` is the least ratio that counts as reached; figures of both sides are in `unit`.

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


class Skipped(Exception):
    """What the row needs is not here; in words."""


Row = Callable[[], Result]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table and of the file."""

    row: str
    measured: float
    baseline: float
    ratio: float
    goal: float
    reached: bool
    unit: str


def alternating(ours: Callable[[], object], naive: Callable[[], object], *, repeats: int = 5) -> tuple[float, float]:
    """The medians, in seconds, of `repeats` runs of each, one after the other in turn."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for one, seconds in zip((ours, naive), taken, strict=True):
            begun = time.perf_counter()
            one()
            seconds.append(time.perf_counter() - begun)
    return statistics.median(taken[0]), statistics.median(taken[1])


def measure(row: Row) -> Line:
    """Run one row. It is called by its function's name, with hyphens."""
    found = row()
    ratio = found.ratio
    return Line(name(row), found.measured, found.baseline, ratio, found.goal, ratio >= found.goal, found.unit)


def name(row: Row) -> str:
    """`readers_planned` is asked for as `readers-planned`."""
    return str(getattr(row, "__name__", row)).replace("_", "-")


def run(rows: Sequence[Row], wanted: str | None, file: Path, console: Console) -> int:
    """Measure, show, write. The exit status: 0 every goal reached, 1 one missed, 2 no such row."""
    known = {name(row): row for row in rows}
    if wanted and wanted.replace("_", "-") not in known:
        console.print(f"no row is called {wanted!r}; rows: {', '.join(known) or 'none'}", soft_wrap=True)
        return 2
    chosen = [known[wanted.replace("_", "-")]] if wanted else list(rows)
    lines = []
    for row in chosen:
        try:
            with console.status(f"measuring {name(row)}"):
                lines.append(measure(row))
        except Skipped as why:
            console.print(f"[bold red]NOT MEASURED[/] {name(row)}: {why}", soft_wrap=True)
    console.print(table(lines) if lines else "no rows")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(line) for line in lines], indent=2) + "\n", encoding="utf-8")
    return 0 if all(line.reached for line in lines) else 1


def table(lines: Sequence[Line]) -> Table:
    """As people read it."""
    shown = Table("row", "unit")
    for heading in ("measured", "baseline", "ratio", "goal", "reached"):
        shown.add_column(heading, justify="right")
    for line in lines:
        figures = (figure(line.measured), figure(line.baseline), f"{figure(line.ratio)}x", f"{figure(line.goal)}x")
        shown.add_row(line.row, line.unit, *figures, "[green]yes[/]" if line.reached else "[red]no[/]")
    return shown


def figure(number: float) -> str:
    """Three digits that count: 12,345 and 0.0123."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
