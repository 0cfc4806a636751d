"""`digest subscribers`: who gets letters."""

from pathlib import Path
from typing import Annotated

import typer

from digest import desk, roll
from digest.cli.shown import FAILED, AsJson, complain, emit, open_house, table
from digest.errors import QueryError
from digest.models import Frequency
from digest.subscribers import Wish

app = typer.Typer(help="List, add, show, remove, import and export subscribers.", no_args_is_help=True)

Keywords = Annotated[
    list[str] | None,
    typer.Option("--keyword", "-k", help='A keyword or a "quoted phrase"; may be given several times.'),
]


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """All subscribers with their status: pending, active, paused, unsubscribed or suppressed."""
    found = roll.everyone(open_house())
    if as_json:
        emit(found)
        return
    table(
        "Subscribers",
        ("id", "email", "status", "frequency", "hour", "zone", "keywords"),
        (
            (p["id"], p["email"], p["status"], p["frequency"], p["send_hour"], p["timezone"], ", ".join(p["keywords"]))
            for p in found
        ),
    )


@app.command()
def add(
    email: str,
    keyword: Keywords = None,
    *,
    confirmed: Annotated[bool, typer.Option(help="They have agreed already: no confirmation mail.")] = False,
    frequency: Annotated[Frequency, typer.Option(help="How often.")] = Frequency.DAILY,
    hour: Annotated[int | None, typer.Option(help="Local hour of the letter, 0 to 23.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, like Europe/Berlin.")] = None,
    cap: Annotated[int, typer.Option(help="At most this many papers a letter.")] = 20,
    trending: Annotated[bool, typer.Option(help="Also the 3 most upvoted papers.")] = False,
) -> None:
    """Add a subscriber. Without keywords they get the day's trending papers."""
    house = open_house()
    saved, misread = desk.understand(keyword or [])
    if misread:
        raise QueryError("\n".join(f"keyword {each.written!r}: {each.message}" for each in misread))
    wish = Wish(
        frequency=frequency,
        send_hour=house.settings.send_hour if hour is None else hour,
        timezone=zone or house.settings.default_timezone,
        cap=cap,
        trending=trending,
    )
    desk.add(house, email, wish, saved, roll.utc_now(), confirmed=confirmed)
    typer.echo(f"{email}: {'active' if confirmed else 'a confirmation mail is queued'}")


@app.command()
def show(email: str, *, as_json: AsJson = False) -> None:
    """Everything that is held of one subscriber, with the letters they got."""
    found = roll.one(open_house(), email)
    if as_json:
        emit(found)
        return
    letters = found.pop("deliveries")
    table("Subscriber", ("what", "value"), [(key, _said(value)) for key, value in found.items()])
    table(
        "Letters",
        ("id", "kind", "edition", "state", "papers", "at"),
        ((d["id"], d["kind"], d["edition"], d["state"], d["papers"], d["settled_at"]) for d in letters),
    )


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value if value is not None else "")


@app.command()
def remove(
    email: str, *, erase: Annotated[bool, typer.Option(help="Also forget everything that is held of them.")] = False
) -> None:
    """End a subscription. Nothing is mailed."""
    house = open_house()
    if erase:
        roll.erase(house, email)
    else:
        desk.remove(house, email, roll.utc_now())
    typer.echo(f"{email}: {'erased' if erase else 'unsubscribed'}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with a heading; see below.")],
    *,
    confirmed: Annotated[bool, typer.Option(help="They have agreed already: no confirmation mails.")] = False,
    strict: Annotated[bool, typer.Option(help="Import nothing when any line is bad.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add subscribers from a CSV file with the columns email, keywords (one a line or with | between) and, if wanted,
    frequency, send_hour, timezone, cap, trending. Bad lines are reported with their numbers, good ones imported.
    """
    outcome = roll.import_csv(open_house(), file, confirmed=confirmed, strict=strict)
    if as_json:
        emit({"imported": outcome.imported, "bad": [{"line": n, "message": m} for n, m in outcome.bad]})
    else:
        typer.echo(f"{outcome.imported} imported, {len(outcome.bad)} bad lines")
    for number, message in outcome.bad:
        complain(f"{file.name} line {number}: {message}")
    if outcome.bad:
        raise typer.Exit(FAILED)


@app.command()
def export(*, as_json: AsJson = False) -> None:
    """All subscribers as CSV on standard output, in the columns that import reads."""
    house = open_house()
    if as_json:
        emit(roll.everyone(house))
        return
    typer.echo(roll.export_csv(house), nl=False)
