"""How commands show things: tables for people, JSON for scripts, plain lines when piped, errors on standard error."""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

import structlog
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from digest.errors import QueryError, SettingError, SubscriberError
from digest.house import House, build
from digest.settings import load

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]
Now = Annotated[
    str | None,
    typer.Option(metavar="ISO", help="Take this instant as the clock of the whole run, like 2026-07-31T08:00:00Z."),
]

FAILED, USAGE = 1, 2


def console(*, stderr: bool = False) -> Console:
    """A console that wraps nothing when it is read by a program."""
    shown = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return shown if shown.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=10_000)


def open_house(level: int = logging.CRITICAL) -> House:
    """Settings, store and keys of this start. The service logs every outcome; a command says itself what failed."""
    configure_logs(level)
    return build(load())


def configure_logs(level: int = logging.CRITICAL) -> None:
    """One line an event: coloured for people, JSON for collectors."""
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def instant(written: str | None) -> datetime | None:
    """An instant as ISO 8601; one without a zone is taken as UTC."""
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise typer.BadParameter(f"{written!r} is not an instant; write it like 2026-07-31T08:00:00Z") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def day(written: str | None) -> date | None:
    """A day as YYYY-MM-DD."""
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as error:
        raise typer.BadParameter(f"{written!r} is not a day; write it like 2026-07-31") from error


def emit(value: Any) -> None:
    """JSON on standard output: one value, nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | tuple | frozenset):
        return list(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings; tab-separated lines when piped. Numbers stand at the right."""
    shown = console()
    listed = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not shown.is_terminal:
        for line in ([*columns], *listed):
            sys.stdout.write("\t".join(" ".join(cell.split()) for cell in line) + "\n")
        return
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, name in enumerate(columns):
        numeric = all(row[number].replace(".", "").isdigit() or not row[number] for row in listed) and bool(listed)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        drawn.add_row(*(cell.replace("[", r"\[") for cell in row))
    shown.print(drawn)


def complain(message: object) -> None:
    """What went wrong, on standard error."""
    for line in str(message).splitlines():
        sys.stderr.write(f"digest: {line}\n")


def exit_status(error: Exception) -> int:
    """The status for an error that ends a command."""
    return USAGE if isinstance(error, SettingError | QueryError | SubscriberError) else FAILED
