"""`digest deliveries`: list, show, resolve and retry deliveries."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    open_context,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    utc_now,
)
from digest.errors import UsageError

if TYPE_CHECKING:
    from digest.database.models import Delivery

EPILOG = """\
$ digest deliveries list --state uncertain

$ digest deliveries show 41

$ digest deliveries resolve 41 lost

$ digest deliveries retry --failed --since 2026-07-31T06:00Z
"""
COLUMNS = ("id", "kind", "edition", "state", "papers", "attempts", "reply", "created_at", "settled_at")
OLD_NAMES = {"omitted": "left_out", "bounces": "evidence", "history": "story", "event": "what", "class": "verdict"}
# The states of digest.database.models, spelled out so that --help need not import the tables.
StateName = Literal["queued", "sending", "on_wire", "sent", "failed", "uncertain", "cancelled", "expired"]

app = typer.Typer(help="List, show, resolve and retry deliveries.", epilog=EPILOG, no_args_is_help=True)


@app.command("list")
def list_(
    *,
    state: Annotated[StateName | None, typer.Option(help="Only deliveries in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, the newest first."""
    from sqlmodel import col, select

    from digest.database import read_session
    from digest.database.models import Delivery
    from digest.delivery import count_by_state

    with read_session(open_context().engine) as session:
        query = select(Delivery).order_by(col(Delivery.id).desc()).limit(limit)
        deliveries = session.exec(query.where(Delivery.state == state) if state else query).all()
        rows = [to_row(delivery) for delivery in deliveries]
        counts = count_by_state(session)
    if as_json:
        print_json(rows, OLD_NAMES)
        return
    print_table("Deliveries", COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    print_note("in all: " + (", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none yet"))


def to_row(delivery: "Delivery") -> dict[str, object]:
    """Convert a delivery to what lists show of it."""
    return {
        **delivery.model_dump(include={"id", "subscriber_id", "kind", "edition", "state", "attempts", "message_id"}),
        "reply": f"{delivery.reply_code or ''} {delivery.reply}".strip(),
        "papers": len(delivery.papers),
        "omitted": len(delivery.omitted_papers),
        **delivery.model_dump(include={"created_at", "settled_at", "next_attempt_at"}),
    }


@app.command()
def show(number: Annotated[int, typer.Argument(metavar="ID")], *, as_json: JsonOption = False) -> None:
    """Show the history of a delivery: recipient, papers, replies of the relay, bounces."""
    from digest.database import read_session
    from digest.database.models import Delivery, Subscriber
    from digest.delivery import bounces_of, delivery_history
    from digest.papers import papers_by_id

    with read_session(open_context().engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None:
            raise UsageError(f"there is no delivery {number}; see: digest deliveries list")
        email = session.get_one(Subscriber, delivery.subscriber_id).email
        row = to_row(delivery) | {"email": email, "papers": list(delivery.papers)}
        papers = papers_by_id(session, delivery.papers)
        titles = [(papers[paper].arxiv_id or papers[paper].key, papers[paper].title) for paper in delivery.papers]
        bounces = bounces_of(session, number)
        events = delivery_history(delivery, bounces)
        row["bounces"] = [
            {"class": bounce.bounce_class, "status": bounce.status_code}
            | bounce.model_dump(include={"reason", "parser", "received_at"})
            for bounce in bounces
        ]
    if as_json:
        history = [{"at": event.at, "event": event.text} for event in events]
        print_json(row | {"history": history}, OLD_NAMES)
        return
    print_table(
        f"Delivery {number}", ("what", "value"), (row | {"papers": len(titles), "bounces": len(bounces)}).items()
    )
    times = (event.at and f"{event.at:%Y-%m-%d %H:%M:%S} UTC" for event in events)
    print_table("History", ("at", "what"), zip(times, (event.text for event in events), strict=True))
    if titles:
        print_table("Papers", ("id", "title"), titles)


@app.command()
def resolve(
    number: Annotated[int, typer.Argument(metavar="ID")],
    outcome: Annotated[Literal["sent", "lost"], typer.Argument(metavar="sent|lost", help="What the relay's log says.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Settle an uncertain delivery: sent, or lost (its papers then go into the next edition).

    A delivery is uncertain when it was on the wire and no reply came. Look for its message_id in the relay's log.
    """
    from digest import delivery as delivery_
    from digest.database import write_session
    from digest.database.models import Delivery

    with write_session(open_context().engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None or delivery.state != "uncertain":
            reason = f"it is {delivery.state}" if delivery else "there is no such delivery"
            hint = "see: digest deliveries list --state uncertain"
            raise UsageError(f"delivery {number} is not uncertain: {reason}; {hint}")
        delivery_.resolve(session, number, sent=outcome == "sent", now=utc_now())
    if as_json:
        print_json({"id": number, "outcome": outcome})
    else:
        result = "sent" if outcome == "sent" else "lost; its papers go into the next edition"
        typer.echo(f"delivery {number} is {result}")


@app.command()
def retry(
    number: Annotated[int | None, typer.Argument(metavar="[ID]", show_default=False)] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All deliveries that failed since --since.")] = False,
    since: Annotated[str | None, typer.Option(metavar="ISO", help="Like 2026-07-31T08:00:00Z.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Queue a delivery again that failed or was put off: it goes with the next batch.

    Only where that is safe: never one that was sent or may have been, nor one whose papers a later edition has.
    """
    from digest import delivery as delivery_
    from digest.database import write_session

    start = parse_datetime(since)
    if (number is None) != failed or (start is None) != (not failed):
        raise UsageError("give the number of a letter, or --failed with --since")
    with write_session(open_context().engine) as session:
        ids = delivery_.failed_since(session, start) if start else [number or 0]
        reasons = {delivery_id: delivery_.retry(session, delivery_id) for delivery_id in ids}
    refused = {delivery_id: reason for delivery_id, reason in reasons.items() if reason}
    if as_json:
        print_json({"queued": [delivery_id for delivery_id in ids if delivery_id not in refused], "refused": refused})
    else:
        for delivery_id, reason in refused.items():
            print_error(f"delivery {delivery_id} cannot be sent again: {reason}")
        typer.echo(f"{len(ids) - len(refused)} of {len(ids)} letters are in the queue again")
    if refused:
        raise typer.Exit(EXIT_FAILURE)
