"""`digest deliveries`: list, show, resolve and retry deliveries."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest.cli import messages
from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    open_context,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    system_user,
    utc_now,
)
from digest.errors import ObjectNotFoundError, UsageError

if TYPE_CHECKING:
    from digest.database.models import Delivery

EPILOG = """\
$ digest deliveries list --state uncertain

$ digest deliveries show 41

$ digest deliveries resolve 41 lost

$ digest deliveries retry --failed --since 2026-07-31T06:00Z
"""
COLUMNS = ("id", "kind", "edition", "state", "papers", "attempts", "reply", "created_at", "settled_at", "email")
OLD_NAMES = {"omitted": "left_out", "bounces": "evidence", "history": "story", "event": "what", "class": "verdict"}
# The states of digest.database.models, spelled out so that --help need not import the tables.
StateName = Literal["queued", "sending", "on_wire", "sent", "failed", "uncertain", "cancelled", "expired"]

app = typer.Typer(help="List, show, resolve and retry deliveries.", epilog=EPILOG, no_args_is_help=True)


@app.command("list")
def list_(
    *,
    state: Annotated[StateName | None, typer.Option(help="List only deliveries in this state. Default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number to list.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first."""
    from sqlmodel import col, select

    from digest.database import read_session
    from digest.database.models import Delivery, Subscriber
    from digest.delivery import count_by_state

    with read_session(open_context().engine) as session:
        query = select(Delivery, col(Subscriber.email)).join(Subscriber, col(Subscriber.id) == Delivery.subscriber_id)
        query = query.order_by(col(Delivery.id).desc()).limit(limit)
        found = session.exec(query.where(Delivery.state == state) if state else query).all()
        rows = [to_row(delivery) | {"email": delivery.recipient or email} for delivery, email in found]
        counts = count_by_state(session)
    if as_json:
        print_json(rows, OLD_NAMES)
        return
    print_table("Deliveries", COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    print_note(messages.deliveries_total(", ".join(f"{count} {name}" for name, count in counts.items() if count)))


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
            raise UsageError(messages.no_delivery(number))
        email = session.get_one(Subscriber, delivery.subscriber_id).email
        row = to_row(delivery) | {
            "email": email,
            "papers": list(delivery.papers),
            "close_papers": list(delivery.close_papers),
        }
        papers = papers_by_id(session, [*delivery.papers, *delivery.close_papers])
        titles, close_titles = (
            [(papers[paper].arxiv_id or papers[paper].key, papers[paper].title) for paper in numbers]
            for numbers in (delivery.papers, delivery.close_papers)
        )
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
        f"Delivery {number}",
        ("what", "value"),
        (row | {"papers": len(titles), "close_papers": len(close_titles), "bounces": len(bounces)}).items(),
    )
    print_table("History", ("at", "what"), ((event.at, event.text) for event in events))
    if titles:
        print_table("Papers", ("id", "title"), titles)
    if close_titles:
        print_table("Close to the keywords", ("id", "title"), close_titles)


@app.command()
def resolve(
    number: Annotated[int, typer.Argument(metavar="ID")],
    outcome: Annotated[
        Literal["sent", "lost"], typer.Argument(metavar="sent|lost", help="Outcome according to the relay's log.")
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Resolve an uncertain delivery as sent or lost. The papers of a lost one go into the next digest.

    A delivery is uncertain if the connection broke before the relay replied. Look for its message_id in the relay's
    log.
    """
    from digest import delivery as delivery_
    from digest.database import write_session
    from digest.database.models import Delivery

    with write_session(open_context().engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None or delivery.state != "uncertain":
            raise UsageError(
                messages.not_uncertain(number, delivery.state) if delivery else messages.no_delivery(number)
            )
        delivery_.resolve_delivery(session, system_user(), number, utc_now(), sent=outcome == "sent")
    if as_json:
        print_json({"id": number, "outcome": outcome})
    else:
        typer.echo(messages.marked_as_sent(number) if outcome == "sent" else messages.marked_as_lost(number))


@app.command()
def retry(
    number: Annotated[int | None, typer.Argument(metavar="[ID]", show_default=False)] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Retry all deliveries that failed since --since.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="ISO", help="Start time for --failed, for example 2026-07-31T08:00:00Z.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Queue a failed or deferred delivery again. It is sent with the next batch.

    Deliveries that were or may have been sent, or whose papers are in a later digest, are refused.
    """
    from digest import delivery as delivery_
    from digest.database import write_session

    start = parse_datetime(since)
    if (number is None) != failed or (start is None) != (not failed):
        raise UsageError(messages.RETRY_WHAT)
    with write_session(open_context().engine) as session:
        ids = delivery_.failed_since(session, start) if start else [number or 0]
        refused = {}
        for delivery_id in ids:
            try:
                delivery_.retry_delivery(session, system_user(), delivery_id, utc_now())
            except delivery_.RetryRefusedError as error:
                refused[delivery_id] = error.reason
            except ObjectNotFoundError:
                refused[delivery_id] = messages.NO_SUCH_DELIVERY
    if as_json:
        print_json({"queued": [delivery_id for delivery_id in ids if delivery_id not in refused], "refused": refused})
    else:
        for delivery_id, reason in refused.items():
            print_error(messages.not_retried(delivery_id, reason))
        typer.echo(messages.requeued(len(ids) - len(refused), len(ids)))
    if refused:
        raise typer.Exit(EXIT_FAILURE)
