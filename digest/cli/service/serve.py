"""Commands that run until they are stopped, `digest serve` and `digest worker`, and `digest demo`."""

import logging
import os
import shutil
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.operators.template_commands import require_sound_templates
from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    configure_logging,
    exit_with_errors,
    open_context,
    print_json,
    print_note,
    print_table,
    show_progress,
    utc_now,
)
from digest.cli.process import configure_garbage_collector, run_coroutine, run_until_stopped
from digest.cli.service.run import OLD_RUN_NAMES, print_source_reports
from digest.errors import UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from digest.cli.demo.scenario import DemoResult
    from digest.config import Settings
    from digest.context import AppContext

LOOPBACK = "127.0.0.1"
SERVE_EPILOG = """\
$ digest serve

$ digest serve --port 8080 --no-scheduler

With separate workers (PostgreSQL), serve only the pages and schedule the jobs:

$ digest serve --no-work
"""
WORKER_EPILOG = """\
Start any number of them, on any number of machines, with the same DIGEST_* settings:

$ DIGEST_DATABASE_URL=postgresql+psycopg://digest@db.example.org/digest digest worker
"""
DEMO_EPILOG = """\
$ digest demo

$ digest demo --open

$ digest demo --reset
"""


def serve(
    *,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. Keep 127.0.0.1 behind a reverse proxy; :: listens on IPv4 and IPv6."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    scheduler: Annotated[
        bool, typer.Option(help="Run the scheduler, which fetches sources and plans and sends e-mails.")
    ] = True,
    work: Annotated[
        bool, typer.Option(help="Plan and send e-mails in this process, or leave that to `digest worker`.")
    ] = True,
) -> None:
    """Run the web pages, the scheduler and the sender.

    Without settings in the environment or in .env, the database of `digest demo` is served, if it exists.
    """
    with open_service_context() as opened:
        ctx = with_local_base_url(opened, host, port)
        require_sound_templates(ctx.templates)
        run_service(ctx, host, port, scheduler=scheduler, run_jobs=work)


@contextmanager
def open_service_context() -> "Iterator[AppContext]":
    """Open the database of the settings; where nothing is set, that of `digest demo`, with sample days for sources."""
    from digest.cli.demo.store import is_demo_chosen, is_demo_store
    from digest.config import load_settings

    if not is_demo_chosen() and not is_demo_store(load_settings()):
        yield open_context(logging.INFO, fetches=True)
        return
    with open_demo_context() as ctx:
        yield ctx


@contextmanager
def open_demo_context() -> "Iterator[AppContext]":
    """Open the database of `digest demo`, with sample days for sources."""
    from digest.cli.demo.scenario import load_demo_settings
    from digest.cli.demo.server import SampleServer
    from digest.database import read_session
    from digest.papers import latest_list_day

    with SampleServer(utc_now()) as server:
        settings = load_demo_settings(server.url)
        print_note(messages.serving_demo(settings.database_url))
        ctx = replace(open_context(logging.INFO, settings), is_demo=True)
        with read_session(ctx.engine) as session:
            if day := latest_list_day(session):  # the lists that the demo has read, not the same ones under later days
                server.set_last_list_day(day)
        yield ctx


def run_service(
    ctx: "AppContext", host: str, port: int, *, scheduler: bool, run_jobs: bool, opened_path: str = ""
) -> None:
    """Serve until stopped. `opened_path`: page that a browser is to show meanwhile."""
    from digest.database import check_integrity
    from digest.web import create_server, open_sockets

    if not run_jobs:
        require_postgresql(ctx.settings)
    if ctx.settings.uses_sqlite:
        check_integrity(ctx.engine)
    sockets = open_sockets(host, port)  # first: where the port is taken, nothing begins
    app = create_service(ctx, scheduler=scheduler, run_jobs=run_jobs)
    if ctx.settings.has_relay:
        print_note(messages.serving_with_relay(http_url(host, port), ctx.settings.smtp_host))
    else:
        print_note(messages.serving_without_relay(http_url(host, port), ctx.absolute_url("/inbox")))
    server = create_server(app, host=host, port=port, proxies=ctx.settings.trusted_proxies)
    app.state.is_stopping = lambda: server.should_exit  # ends event streams
    configure_garbage_collector()
    if opened_path:  # its request waits at the socket until the server answers; a browser may take its time to start
        Thread(target=webbrowser.open, args=(http_url(host, port) + opened_path,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.run(sockets)
    if not server.started:
        raise typer.Exit(EXIT_FAILURE)


def http_url(host: str, port: int) -> str:
    """Build the address of the pages, with the brackets that IPv6 needs."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def with_local_base_url(ctx: "AppContext", host: str, port: int) -> "AppContext":
    """Point links to where the pages are served, unless DIGEST_BASE_URL is set: a first try on another port works."""
    if "base_url" in ctx.settings.model_fields_set:
        return ctx
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  - compared, not bound
    return replace(ctx, settings=ctx.settings.model_copy(update={"base_url": http_url(name, port)}))


def create_service(ctx: "AppContext", *, scheduler: bool, run_jobs: bool = True) -> "FastAPI":
    """Create the web application with the scheduler inside its lifespan."""
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


def worker(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Exit when no work is left, for cron.")] = False,
) -> None:
    """Run a worker that plans and sends what `digest serve` schedules. Needs PostgreSQL.

    Waits while the database is unavailable or has another version. SIGTERM stops it after the e-mails being sent.
    """
    from digest.config import load_settings, load_template_folder
    from digest.jobs import run_worker

    configure_logging(logging.INFO)
    settings = load_settings()
    require_postgresql(settings)
    require_sound_templates(load_template_folder(settings.templates))
    run_coroutine(
        run_until_stopped(
            lambda stop: run_worker(
                lambda: open_context(logging.INFO, fetches=True), utc_now, stop, until_idle=until_idle
            )
        )
    )


def require_postgresql(settings: "Settings") -> None:
    """Raise UsageError on SQLite, which many processes cannot share."""
    if settings.uses_sqlite:
        raise UsageError(messages.NEEDS_POSTGRESQL)


def demo(
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the previous demo and start over.")] = False,
    opens: Annotated[
        bool, typer.Option("--open", help="Then serve its pages and show them in a browser, until Ctrl+C.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the pages, with --open.")] = 8000,
    as_json: JsonOption = False,
) -> None:
    """Run one whole day on this machine: subscribe, confirm, collect, plan, deliver to a local mailbox.

    Fetches the real sources, or bundled sample papers if none can be reached. All its files are in var/demo.
    """
    from digest.cli.demo.scenario import run_demo
    from digest.cli.demo.store import DEMO_DIRECTORY

    configure_logging()
    if reset:
        shutil.rmtree(DEMO_DIRECTORY, ignore_errors=True)
    with show_progress("Starting") as on_progress:
        result = run_coroutine(run_demo(utc_now, on_progress))
    if as_json:
        print_json(result.to_dict(), OLD_RUN_NAMES | {"demo_emails": "demo_letters"})
    else:
        print_demo(result)
    if opens and not result.report.problems:
        with open_demo_context() as opened:
            ctx = with_local_base_url(opened, LOOPBACK, port)
            run_service(ctx, LOOPBACK, port, scheduler=False, run_jobs=True, opened_path="/inbox")
    elif not as_json:
        typer.echo(messages.demo_next_steps(with_make="MAKELEVEL" in os.environ))
    exit_with_errors(result.report.problems)


def print_demo(result: "DemoResult") -> None:
    """Print what the demo did, or why it had nothing to do."""
    if result.offline:
        typer.echo(messages.DEMO_OFFLINE)
    if not result.emails:
        typer.echo(messages.demo_repeated(result.stored_papers, result.stored_emails))
        return
    print_source_reports(result.report.source_reports)
    print_table("Keywords", ("keyword", "papers matched"), result.keywords.items())
    rows = ((email.kind, email.to, email.subject, email.state) for email in result.emails)
    print_table("E-mails", ("kind", "to", "subject", "state"), rows)
    for email in result.emails:
        files = (str(Path(email.file).with_suffix(suffix)) for suffix in (".eml", ".html", ".txt"))
        typer.echo(f"{email.kind}: " + "  ".join(files))
    for email in result.emails:
        if email.close_papers:
            typer.echo(messages.demo_close_papers(email.to, email.close_papers))
