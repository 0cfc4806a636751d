"""The commands that stay: the service itself, and one day of it played on this machine."""

import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.output import (
    JsonOption,
    UsageError,
    configure_logging,
    open_context,
    print_json,
    print_note,
    print_table,
    utc_now,
)
from digest.cli.run import (
    configure_garbage_collector,
    exit_with_problems,
    print_source_reports,
    run_coroutine,
    run_until_stopped,
    show_progress,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

    from digest.cli.demo import DemoResult
    from digest.config import Settings
    from digest.context import AppContext


SERVE_EPILOG = """\
$ digest serve

$ digest serve --port 8080 --no-scheduler

Where workers do the work (PostgreSQL), leave it to them:

$ digest serve --no-work
"""


WORKER_EPILOG = """\
As many as you like, on as many machines as you like, with the same DIGEST_* settings:

$ DIGEST_DATABASE_URL=postgresql+psycopg://digest@db.example.org/digest digest worker
"""


DEMO_EPILOG = """\
$ digest demo

$ digest demo --reset
"""


EXIT_NOT_STARTED = 3  # the status of uvicorn's own command, when the port is taken say


def serve(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; keep 127.0.0.1 behind a reverse proxy.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    scheduler: Annotated[bool, typer.Option(help="Read sources and send letters by the clock.")] = True,
    work: Annotated[bool, typer.Option(help="Plan and send here; without it, that is left to `digest worker`.")] = True,
) -> None:
    """The pages, and the clock that reads the sources and sends the letters."""
    import uvicorn

    from digest.web import server_of

    ctx = with_local_base_url(open_context(logging.INFO), host, port)
    if not work:
        require_server_database(ctx.settings)
    said = (
        "relay " + ctx.settings.smtp_host
        if ctx.settings.has_relay
        else f"no relay is set: letters go to {ctx.absolute_url('/inbox')}"
    )
    print_note(f"digest on http://{host}:{port} ({said})")
    app = create_service(ctx, scheduler=scheduler, run_jobs=work)
    server = uvicorn.Server(server_of(app, host=host, port=port, proxies=ctx.settings.trusted_proxies))
    app.state.ending = lambda: server.should_exit  # streams end by it: a server waits for every answer to be over
    configure_garbage_collector()
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(EXIT_NOT_STARTED)


def with_local_base_url(ctx: "AppContext", host: str, port: int) -> "AppContext":
    """Where no base address is set, links lead to where the pages really are: a first try on another port works."""
    if "base_url" in ctx.settings.model_fields_set:
        return ctx
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  - compared, not bound
    base = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    return replace(ctx, settings=ctx.settings.model_copy(update={"base_url": base}))


def worker(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when no work is left; for cron.")] = False,
) -> None:
    """Plan and send what `digest serve` hands out: one of many processes on PostgreSQL.

    Waits while the database is away or of another version. SIGTERM ends it after the letters on the wire.
    """
    from digest.config import load_settings
    from digest.jobs import run_worker

    configure_logging(logging.INFO)
    require_server_database(load_settings())
    run_coroutine(
        run_until_stopped(
            lambda stop: run_worker(lambda: open_context(logging.INFO), utc_now, stop, until_idle=until_idle)
        )
    )


def require_server_database(settings: "Settings") -> None:
    """Many processes share a store only on a server."""
    if settings.uses_sqlite:
        said = (
            "many processes need PostgreSQL; set DIGEST_DATABASE_URL, and bring your data with: digest migrate --from"
        )
        raise UsageError(said)


def create_service(ctx: "AppContext", *, scheduler: bool, run_jobs: bool = True) -> "FastAPI":
    """The pages, with the clock inside their lifespan: it starts with them and ends before the process does."""
    from digest.jobs import run_scheduler
    from digest.web import create_app

    @asynccontextmanager
    async def lifespan(_app: "FastAPI") -> AsyncIterator[None]:
        if scheduler:
            async with run_scheduler(ctx, utc_now, run_jobs=run_jobs):
                yield
        else:
            yield
        ctx.engine.dispose()

    app = create_app(ctx, clock=utc_now)
    app.router.lifespan_context = lifespan
    return app


def demo(
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the last demo and start over.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play one whole day on this machine: subscribe, confirm, read, match, write, send to a local inbox, record.

    Reads the real hosts; when none can be reached, bundled sample days. Everything it keeps is in var/demo.
    """
    from digest.cli.demo import DEMO_DIRECTORY, run_demo

    configure_logging()
    if reset:
        shutil.rmtree(DEMO_DIRECTORY, ignore_errors=True)
    with show_progress("starting") as tell:
        played = run_coroutine(run_demo(utc_now, tell))
    if as_json:
        print_json(played.to_dict())
    else:
        _print_demo(played)
    exit_with_problems(played.report.problems)


def _print_demo(result: "DemoResult") -> None:
    if result.offline:
        typer.echo("No source can be reached from here, so the bundled sample days are read instead.")
    print_source_reports(result.report.collected)
    print_table("Keywords", ("keyword", "papers matched"), result.keywords.items())
    if not result.emails:
        typer.echo(
            "Nothing new for the demo reader since the last digest; nothing was sent. Start over: make demo RESET=1"
        )
        return
    print_table(
        "Letters", ("kind", "subject", "state"), ((each.kind, each.subject, each.state) for each in result.emails)
    )
    for each in result.emails:
        typer.echo(
            f"{each.kind}: " + "  ".join(str(Path(each.file).with_suffix(kind)) for kind in (".eml", ".html", ".txt"))
        )
