"""The commands for whoever runs the service: the record, the sources, a check-up."""

import asyncio
from typing import Annotated

import typer
from sqlmodel import col, select

from digest import db, readings
from digest import deliveries as record
from digest.cli.shown import FAILED, AsJson, complain, configure_logs, console, emit, open_house, table
from digest.doctor import examine
from digest.errors import DigestError
from digest.models import Delivery, State, Subscriber
from digest.roll import utc_now

deliveries_app = typer.Typer(help="Letters and what became of them.", no_args_is_help=True)

COLUMNS = ("id", "kind", "edition", "state", "papers", "attempts", "reply", "created_at", "settled_at")


@deliveries_app.command("list")
def list_(
    *,
    state: Annotated[State | None, typer.Option(help="Only letters in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Letters, the newest first."""
    with db.reading(open_house().engine) as session:
        wanted = select(Delivery).order_by(col(Delivery.id).desc()).limit(limit)
        found = session.exec(wanted.where(Delivery.state == state) if state else wanted).all()
        rows = [_row(each) for each in found]
        counts = record.tally(session)
    if as_json:
        emit(rows)
        return
    table("Deliveries", COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    console(stderr=True).print(", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none yet")


def _row(delivery: Delivery) -> dict[str, object]:
    said = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    kept = delivery.model_dump(include={"id", "subscriber_id", "kind", "edition", "state", "attempts", "message_id"})
    times = delivery.model_dump(include={"created_at", "settled_at", "next_attempt_at"})
    return {**kept, "reply": said, "papers": len(delivery.papers), "left_out": len(delivery.left_out), **times}


@deliveries_app.command()
def show(number: Annotated[int, typer.Argument(metavar="ID")], *, as_json: AsJson = False) -> None:
    """One letter: to whom, what it carries, what the relay said."""
    with db.reading(open_house().engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None:
            raise DigestError(f"there is no delivery {number}")
        reader = session.get_one(Subscriber, delivery.subscriber_id)
        row = _row(delivery) | {"email": reader.email, "papers": list(delivery.papers)}
    if as_json:
        emit(row)
    else:
        table(f"Delivery {number}", ("what", "value"), row.items())


@deliveries_app.command()
def resolve(
    number: Annotated[int, typer.Argument(metavar="ID")],
    outcome: Annotated[str, typer.Argument(metavar="sent|lost", help="What the relay's log says.")],
) -> None:
    """Settle an uncertain letter: sent, or lost (its papers then go into the next edition)."""
    if outcome not in {"sent", "lost"}:
        raise typer.BadParameter(f"{outcome!r} is neither sent nor lost", param_hint="'sent|lost'")
    with db.writing(open_house().engine) as session:
        record.resolve(session, number, sent=outcome == "sent", now=utc_now())
    typer.echo(f"delivery {number} is {'sent' if outcome == 'sent' else 'lost; its papers go into the next edition'}")


def sources(*, as_json: AsJson = False) -> None:
    """The last readings of each source, and what is wrong with it."""
    with db.reading(open_house().engine) as session:
        last = [each.model_dump(exclude={"id"}) for each in readings.latest(session)]
        problems = [each.sentence for each in readings.health(session, utc_now())]
    if as_json:
        emit({"readings": last, "problems": problems})
    else:
        columns = ("source", "list_day", "status", "via", "listed", "new", "seconds", "started_at", "message")
        table("Readings", columns, ([each[name] for name in columns] for each in last))
        for problem in problems:
            complain(problem)
    if problems:
        raise typer.Exit(FAILED)


def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, database, relay, sources and clock. Each line says what to do."""
    configure_logs()
    found = asyncio.run(examine())
    if as_json:
        emit([{"check": each.name, "ok": each.ok, "says": each.says} for each in found])
    else:
        for each in found:
            console().print(f"{'ok  ' if each.ok else 'FIX '} {each.name}: {each.says}", markup=False)
    if not all(each.ok for each in found):
        raise typer.Exit(FAILED)
