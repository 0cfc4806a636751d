"""How commands show things: tables for people, JSON for scripts, plain lines when piped, errors on standard error."""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.errors import DigestError, QueryError, SettingError, SubscriberError

if TYPE_CHECKING:
    from rich.console import Console

    from digest.context import AppContext


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")]


NowOption = Annotated[
    str | None,
    typer.Option(metavar="ISO", help="Take this instant as the clock of the whole run, like 2026-07-31T08:00:00Z."),
]


EXIT_FAILURE, EXIT_USAGE = 1, 2


class UsageError(DigestError):
    """An argument that cannot be used: an unknown number, a file that cannot be read."""


def utc_now() -> datetime:
    """The clock of commands."""
    return datetime.now(UTC)


def create_console(*, stderr: bool = False) -> "Console":
    """A console that wraps nothing when it is read by a program."""
    from rich.console import Console

    shown = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return shown if shown.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=10_000)


def open_context(level: int = logging.CRITICAL) -> "AppContext":
    """Settings, store and keys of this start. The service logs every outcome; a command says itself what failed."""
    from digest.config import load_settings
    from digest.context import create_context

    configure_logging(level)
    chosen = load_settings()
    configure_logging(level, chosen.log_format)
    return create_context(chosen)


def configure_logging(level: int = logging.CRITICAL, log_format: str = "auto") -> None:
    """One line an event: console for people, JSON for collectors: by `form`, or (auto) whether there is a terminal."""
    import structlog

    # Tracebacks never show values of variables: there are addresses and tokens among them.
    people = [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]
    encode = json.JSONEncoder(default=str).encode  # one for all lines: json.dumps would make one for each
    programs = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=lambda event, **_: encode(event)),
    ]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(people if log_format == "console" or (log_format == "auto" and sys.stderr.isatty()) else programs),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def parse_datetime(value: str | None) -> datetime | None:
    """An instant as ISO 8601; one without a zone is taken as UTC."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is not an instant; write it like 2026-07-31T08:00:00Z") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def parse_date(value: str | None) -> date | None:
    """A day as YYYY-MM-DD."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is not a day; write it like 2026-07-31") from error


def print_json(value: Any) -> None:
    """JSON on standard output: one value, nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_encode_json) + "\n")


def _encode_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | tuple | frozenset):
        return list(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings; tab-separated lines when piped. Numbers stand at the right."""
    listed = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in ([*columns], *listed):
            sys.stdout.write("\t".join(" ".join(cell.split()) for cell in line) + "\n")
        return
    from rich import box
    from rich.table import Table

    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, name in enumerate(columns):
        numeric = all(row[number].replace(".", "").isdigit() or not row[number] for row in listed) and bool(listed)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        drawn.add_row(*(cell.replace("[", r"\[") for cell in row))
    create_console().print(drawn)


def print_note(message: str) -> None:
    """Something beside the result, on standard error."""
    sys.stderr.write(message + "\n")


def print_error(message: object) -> None:
    """What went wrong, on standard error."""
    for line in str(message).splitlines():
        sys.stderr.write(f"digest: {line}\n")


def exit_code(error: Exception) -> int:
    """The status for an error that ends a command."""
    return EXIT_USAGE if isinstance(error, SettingError | QueryError | SubscriberError | UsageError) else EXIT_FAILURE
