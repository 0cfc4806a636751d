"""Output of commands: tables for people, JSON for scripts, tab-separated lines in a pipe, errors on standard error."""

import json
import logging
import os
import pwd
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import messages
from digest.errors import QueryError, SettingError, SubscriberError, UsageError, one_line_reason
from digest.tokens import redact_tokens

if TYPE_CHECKING:
    from rich.console import Console

    from digest.config import Settings
    from digest.context import AppContext

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table, for scripts.")]
NowOption = Annotated[
    str | None,
    typer.Option(metavar="ISO", help="Run as if it were this time, for example 2026-07-31T08:00:00Z. Default: now."),
]
EXIT_FAILURE, EXIT_USAGE = 1, 2
ADDRESS_PATTERN = re.compile(r"[^\s<>\"'()\[\]{}:;,]+@[^\s<>\"'()\[\]{}:;,]+")


def system_user() -> str:
    """Return who runs this command, for the record of what operators do."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return f"user {os.getuid()}"


def utc_now() -> datetime:
    """Return the current instant."""
    return datetime.now(UTC)


def create_clock(now: datetime | None) -> Callable[[], datetime]:
    """Create the clock of a run: a given instant for all of it, else the machine's."""
    return (lambda: now) if now else utc_now


def open_context(
    level: int = logging.CRITICAL, settings: "Settings | None" = None, *, fetches: bool = False
) -> "AppContext":
    """Read the settings unless they are given, configure logging and create the context.

    What `fetches` also reads the settings of the sources. The service logs every outcome; a command prints itself what
    failed.
    """
    from digest.cli.demo.store import is_demo_store
    from digest.config import load_settings
    from digest.context import create_context

    configure_logging(level)
    settings = settings or load_settings()
    is_demo_store(settings)  # raises for one with a relay
    configure_logging(level, settings.log_format)
    if fetches:
        from digest.sources import check_source_settings

        check_source_settings(settings)
    return create_context(settings)


def configure_logging(level: int = logging.CRITICAL, log_format: str = "auto") -> None:
    """Log one line an event: `console` for people, `json` for collectors, `auto` by whether there is a terminal."""
    import structlog

    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    encode = json.JSONEncoder(default=str).encode  # one for all lines: json.dumps would create one for each
    as_json = structlog.processors.JSONRenderer(serializer=lambda event, **_: encode(event))
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(format_traceback),
            console if is_console else as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.lastResort = LibraryLogHandler(logging.WARNING)
    # A pool logs each attempt to connect; whoever waits for the connection says once that the database is away.
    for name in ("psycopg.pool", "procrastinate.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def format_traceback(exc_info: Any) -> str:
    """Format a traceback without addresses and tokens: neither values of variables nor those that messages quote."""
    lines = "".join(traceback.format_exception(*exc_info)).rstrip()
    return redact_tokens(ADDRESS_PATTERN.sub("(address)", lines))


class LibraryLogHandler(logging.Handler):
    """Writes what libraries log as one line of ours, without tracebacks."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the message, and why it was logged."""
        import structlog

        error = record.exc_info[1] if record.exc_info else None
        reason = {"reason": one_line_reason(error)} if error else {}
        message = record.getMessage().strip().partition("\n")[0]
        structlog.get_logger().log(record.levelno, "library.message", library=record.name, message=message, **reason)


def parse_datetime(value: str | None) -> datetime | None:
    """Parse an ISO 8601 instant; one without a zone is taken as UTC."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(messages.invalid_instant(value)) from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def parse_date(value: str | None) -> date | None:
    """Parse a day written as YYYY-MM-DD."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(messages.invalid_day(value)) from error


def require_past_day(day: date, now: datetime) -> date:
    """Return a list day unless it is still to come. Raises typer.BadParameter."""
    if day > now.date():
        raise typer.BadParameter(messages.future_day(day, f"{now:%Y-%m-%d %H:%M}"), param_hint="'--day'")
    return day


def print_json(value: Any, old_names: Mapping[str, str] | None = None) -> None:
    """Print one JSON value on standard output, and nothing else.

    `old_names` maps keys to those of the release before: objects get both, so that scripts go on to work until the next
    release.
    """

    def add_old_names(part: Any) -> Any:
        if isinstance(part, Mapping):
            named = {key: add_old_names(item) for key, item in part.items()}
            return named | {old: named[new] for new, old in (old_names or {}).items() if new in named}
        return [add_old_names(item) for item in part] if isinstance(part, list) else part

    def encode(part: Any) -> Any:
        if isinstance(part, datetime | date):
            return part.isoformat()
        if isinstance(part, set | tuple | frozenset):
            return list(part)
        raise TypeError(f"no JSON for {type(part).__name__}")

    sys.stdout.write(json.dumps(add_old_names(value), ensure_ascii=False, indent=2, default=encode) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings, numbers to the right and local times to the minute.

    In a pipe: tab-separated lines, with times in full.
    """
    if not sys.stdout.isatty():
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        for line in ([*columns], *cells):
            sys.stdout.write("\t".join(" ".join(cell.split()) for cell in line) + "\n")
        return
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    cells = [[format_cell(cell) for cell in row] for row in rows]
    for index, name in enumerate(columns):
        is_numeric = bool(cells) and all(row[index].replace(".", "").isdigit() or not row[index] for row in cells)
        table.add_column(name.replace("_", " "), justify="right" if is_numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    create_console().print(table)


def format_cell(cell: object) -> str:
    """Return a value as tables show it, an instant as local time to the minute."""
    if isinstance(cell, datetime):
        return f"{cell.astimezone():%Y-%m-%d %H:%M}"
    return "" if cell is None else str(cell)


def print_note(message: str) -> None:
    """Print something beside the result, on standard error."""
    sys.stderr.write(message + "\n")


def print_error(message: object) -> None:
    """Print what went wrong, on standard error."""
    for line in str(message).splitlines():
        sys.stderr.write(f"digest: {line}\n")


def exit_with_errors(problems: Sequence[str]) -> None:
    """Print what failed and exit with 1; do nothing without problems."""
    for problem in problems:
        print_error(problem)
    if problems:
        raise typer.Exit(EXIT_FAILURE)


def exit_code(error: Exception) -> int:
    """Return the exit status for an error that ends a command."""
    return EXIT_USAGE if isinstance(error, SettingError | QueryError | SubscriberError | UsageError) else EXIT_FAILURE


def create_console(*, stderr: bool = False) -> "Console":
    """Create a console that wraps no lines in a pipe."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, soft_wrap=True, width=10_000)


@contextmanager
def show_progress(description: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with a text that the yielded function replaces; show nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=create_console(stderr=True), transient=True) as progress:
        task = progress.add_task(description)
        yield lambda text: progress.update(task, description=text)
