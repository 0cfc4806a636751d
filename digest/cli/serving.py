"""The commands that stay: the service itself, and one day of it played on this machine."""

import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.shown import AsJson, Misuse, configure_logs, emit, open_house, remark, table, utc_now
from digest.cli.work import complete, finish, look_seldom, progress, show_sources, until_told

if TYPE_CHECKING:
    from fastapi import FastAPI

    from digest.demo import Played
    from digest.house import House
    from digest.settings import Settings

SERVE = """\
$ digest serve

$ digest serve --port 8080 --no-scheduler

Where workers do the work (PostgreSQL), leave it to them:

$ digest serve --no-work
"""
WORKER = """\
As many as you like, on as many machines as you like, with the same DIGEST_* settings:

$ DIGEST_DATABASE_URL=postgresql+psycopg://digest@db.example.org/digest digest worker
"""
DEMO = """\
$ digest demo

$ digest demo --reset
"""


NOT_STARTED = 3  # the status of uvicorn's own command, when the port is taken say


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

    from digest.web.serving import server_of

    house = reachable(open_house(logging.INFO), host, port)
    if not work:
        need_server(house.settings)
    said = (
        "relay " + house.settings.smtp_host
        if house.settings.relay
        else f"no relay is set: letters go to {house.page('/inbox')}"
    )
    remark(f"digest on http://{host}:{port} ({said})")
    app = application(house, scheduler=scheduler, works=work)
    server = uvicorn.Server(server_of(app, host=host, port=port, proxies=house.settings.trusted_proxies))
    app.state.ending = lambda: server.should_exit  # streams end by it: a server waits for every answer to be over
    look_seldom()
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(NOT_STARTED)


def reachable(house: "House", host: str, port: int) -> "House":
    """Where no base address is set, links lead to where the pages really are: a first try on another port works."""
    if "base_url" in house.settings.model_fields_set:
        return house
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  - compared, not bound
    base = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    return replace(house, settings=house.settings.model_copy(update={"base_url": base}))


def worker(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when no work is left; for cron.")] = False,
) -> None:
    """Plan and send what `digest serve` hands out: one of many processes on PostgreSQL.

    Waits while the database is away or of another version. SIGTERM ends it after the letters on the wire.
    """
    from digest.settings import load
    from digest.workers import work

    configure_logs(logging.INFO)
    need_server(load())
    complete(until_told(lambda stop: work(lambda: open_house(logging.INFO), utc_now, stop, until_idle=until_idle)))


def need_server(settings: "Settings") -> None:
    """Many processes share a store only on a server."""
    if settings.embedded:
        said = (
            "many processes need PostgreSQL; set DIGEST_DATABASE_URL, and bring your data with: digest migrate --from"
        )
        raise Misuse(said)


def application(house: "House", *, scheduler: bool, works: bool = True) -> "FastAPI":
    """The pages, with the clock inside their lifespan: it starts with them and ends before the process does."""
    from digest.scheduler import running
    from digest.web.app import create

    @asynccontextmanager
    async def lifespan(_app: "FastAPI") -> AsyncIterator[None]:
        if scheduler:
            async with running(house, utc_now, works=works):
                yield
        else:
            yield
        house.engine.dispose()

    app = create(house, clock=utc_now)
    app.router.lifespan_context = lifespan
    return app


def demo(
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the last demo and start over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play one whole day on this machine: subscribe, confirm, read, match, write, send to a local inbox, record.

    Reads the real hosts; when none can be reached, bundled sample days. Everything it keeps is in var/demo.
    """
    from digest.demo import HOME, play

    configure_logs()
    if reset:
        shutil.rmtree(HOME, ignore_errors=True)
    with progress("starting") as tell:
        played = complete(play(utc_now, tell))
    if as_json:
        emit(played.as_json())
    else:
        _show(played)
    finish(played.report.problems)


def _show(played: "Played") -> None:
    if played.offline:
        typer.echo("No source can be reached from here, so the bundled sample days are read instead.")
    show_sources(played.report.collected)
    table("Keywords", ("keyword", "papers matched"), played.keywords.items())
    if not played.letters:
        typer.echo(
            "Nothing new for the demo reader since the last digest; nothing was sent. Start over: make demo RESET=1"
        )
        return
    table("Letters", ("kind", "subject", "state"), ((each.kind, each.subject, each.state) for each in played.letters))
    for each in played.letters:
        typer.echo(
            f"{each.kind}: " + "  ".join(str(Path(each.file).with_suffix(kind)) for kind in (".eml", ".html", ".txt"))
        )
