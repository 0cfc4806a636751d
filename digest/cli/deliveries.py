"""The commands for whoever runs the service: the record, the sources, a check-up."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from digest.cli.output import (
    EXIT_FAILURE,
    JsonOption,
    UsageError,
    configure_logging,
    open_context,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    utc_now,
)

if TYPE_CHECKING:
    from digest.database.models import Delivery


DELIVERIES_EPILOG = """\
$ digest deliveries list --state uncertain

$ digest deliveries show 41

$ digest deliveries resolve 41 lost

$ digest deliveries retry --failed --since 2026-07-31T06:00Z
"""


PRUNE_EPILOG = """\
$ digest prune --dry-run

$ digest prune --days 60
"""


SOURCES_EPILOG = """\
$ digest sources

$ digest sources --json
"""


DOCTOR_EPILOG = """\
$ digest doctor

$ digest doctor --resolver 9.9.9.9

It exits with 1 when a line begins with FIX. Nothing is sent, made or changed.
"""


COLUMNS = ("id", "kind", "edition", "state", "papers", "attempts", "reply", "created_at", "settled_at")


# The states of digest.models, spelled out so that --help need not import the tables.
StateName = Literal["queued", "sending", "on_wire", "sent", "failed", "uncertain", "cancelled", "expired"]


deliveries_app = typer.Typer(help="Letters and what became of them.", epilog=DELIVERIES_EPILOG, no_args_is_help=True)


@deliveries_app.command("list")
def list_(
    *,
    state: Annotated[StateName | None, typer.Option(help="Only letters in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most this many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Letters, the newest first."""
    from sqlmodel import col, select

    from digest.database import read_session
    from digest.database.models import Delivery
    from digest.delivery import count_by_state

    with read_session(open_context().engine) as session:
        wanted = select(Delivery).order_by(col(Delivery.id).desc()).limit(limit)
        found = session.exec(wanted.where(Delivery.state == state) if state else wanted).all()
        rows = [_to_row(each) for each in found]
        counts = count_by_state(session)
    if as_json:
        print_json(rows)
        return
    print_table("Deliveries", COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
    print_note("in all: " + (", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none yet"))


def _to_row(delivery: "Delivery") -> dict[str, object]:
    said = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    kept = delivery.model_dump(include={"id", "subscriber_id", "kind", "edition", "state", "attempts", "message_id"})
    times = delivery.model_dump(include={"created_at", "settled_at", "next_attempt_at"})
    return {**kept, "reply": said, "papers": len(delivery.papers), "left_out": len(delivery.omitted_papers), **times}


@deliveries_app.command()
def show(number: Annotated[int, typer.Argument(metavar="ID")], *, as_json: JsonOption = False) -> None:
    """A letter's whole story: to whom, what it carries, what the relay said, what came back."""
    from digest.database import read_session
    from digest.database.models import Delivery, Subscriber
    from digest.delivery import bounces_of, delivery_history
    from digest.papers import papers_by_id

    with read_session(open_context().engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None:
            raise UsageError(f"there is no delivery {number}; see: digest deliveries list")
        reader = session.get_one(Subscriber, delivery.subscriber_id)
        row = _to_row(delivery) | {"email": reader.email, "papers": list(delivery.papers)}
        known = papers_by_id(session, delivery.papers)
        came_back = bounces_of(session, number)
        events = delivery_history(delivery, came_back)
        row["evidence"] = [
            {"verdict": each.bounce_class, "status": each.status_code}
            | each.model_dump(include={"reason", "parser", "received_at"})
            for each in came_back
        ]
        titles = [(known[each].arxiv_id or known[each].key, known[each].title) for each in delivery.papers]
    if as_json:
        print_json(row | {"story": [{"at": each.at, "what": each.what} for each in events]})
        return
    shown = row | {"papers": len(titles), "evidence": len(came_back)}
    print_table(f"Delivery {number}", ("what", "value"), shown.items())
    print_table(
        "Story", ("at", "what"), ((each.at and f"{each.at:%Y-%m-%d %H:%M:%S} UTC", each.what) for each in events)
    )
    if titles:
        print_table("Papers", ("id", "title"), titles)


@deliveries_app.command()
def resolve(
    number: Annotated[int, typer.Argument(metavar="ID")],
    outcome: Annotated[Literal["sent", "lost"], typer.Argument(metavar="sent|lost", help="What the relay's log says.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Settle an uncertain letter: sent, or lost (its papers then go into the next edition).

    A letter is uncertain when it was on the wire and no answer came. Look for its message_id in the relay's log.
    """
    from digest import delivery as delivery_
    from digest.database import write_session
    from digest.database.models import Delivery

    with write_session(open_context().engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None or delivery.state != "uncertain":
            said = f"it is {delivery.state}" if delivery else "there is no such delivery"
            raise UsageError(
                f"delivery {number} is not uncertain: {said}; see: digest deliveries list --state uncertain"
            )
        delivery_.resolve(session, number, sent=outcome == "sent", now=utc_now())
    if as_json:
        print_json({"id": number, "outcome": outcome})
    else:
        typer.echo(
            f"delivery {number} is {'sent' if outcome == 'sent' else 'lost; its papers go into the next edition'}"
        )


@deliveries_app.command()
def retry(
    number: Annotated[int | None, typer.Argument(metavar="[ID]", show_default=False)] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="All letters that failed since --since.")] = False,
    since: Annotated[str | None, typer.Option(metavar="ISO", help="Like 2026-07-31T08:00:00Z.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send a letter after all that failed or was put off: it goes with the next delivery.

    Only where that is safe: never one that was sent or may have been, nor one whose papers a later edition has.
    """
    from digest import delivery as delivery_
    from digest.database import write_session
    from digest.delivery import failed_since

    begin = parse_datetime(since)
    if (number is None) != failed or (begin is None) != (not failed):
        raise UsageError("give the number of a letter, or --failed with --since")
    with write_session(open_context().engine) as session:
        numbers = failed_since(session, begin) if begin else [number or 0]
        answers = {each: delivery_.retry(session, each) for each in numbers}
    refused = {each: why for each, why in answers.items() if why}
    if as_json:
        print_json({"queued": [each for each in answers if each not in refused], "refused": refused})
    else:
        for each, why in refused.items():
            print_error(f"delivery {each} cannot be sent again: {why}")
        typer.echo(f"{len(answers) - len(refused)} of {len(answers)} letters are in the queue again")
    if refused:
        raise typer.Exit(EXIT_FAILURE)


def prune(
    *,
    days: Annotated[int, typer.Option(min=45, max=36_500, help="What is older is forgotten.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget what nobody needs any more; which papers a reader had is never forgotten.

    Replies of the relay, mails that came back, readings of sources, what copies of letters need beyond
    DIGEST_WEB_COPY_DAYS, and the keywords of people who left 30 days ago.
    """
    from digest import jobs

    counts = jobs.prune(open_context(), utc_now(), days=days, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "rows": counts})
        return
    print_table("Would be forgotten" if dry_run else "Forgotten", ("what", "rows"), counts.items())


def sources(*, as_json: JsonOption = False) -> None:
    """The last readings of each source, and what is wrong with it. Exits with 1 while a day is not read."""
    from digest.database import read_session
    from digest.papers import latest_fetches, source_problems

    with read_session(open_context().engine) as session:
        last = [
            each.model_dump(include={"source", "list_day", "started_at", "seconds", "status", "message"})
            | {"via": each.endpoint, "listed": each.listed_count, "new": each.new_count, "code": each.error_code}
            for each in latest_fetches(session)
        ]
        problems = source_problems(session, utc_now())
    if as_json:
        print_json({"readings": last, "problems": [each.sentence for each in problems]})
    else:
        columns = ("source", "list_day", "status", "via", "listed", "new", "seconds", "started_at", "message")
        print_table("Readings", columns, ([each[name] for name in columns] for each in last))
        for problem in problems:
            print_error(problem.sentence)
        if not last:
            print_note("nothing was read yet; begin with: digest collect")
    if any(problem.kind in {"failed", "missing"} for problem in problems):
        raise typer.Exit(EXIT_FAILURE)


def doctor(
    *,
    resolver: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Ask this DNS server, like 9.9.9.9 or 127.0.0.1:5353.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check settings, database, relay, sources and clock, and what the DNS says of the sender.

    Each line says what to do, and what to publish word for word.
    """
    from digest.monitoring.checks import run_checks

    configure_logging()
    found = asyncio.run(run_checks(resolver))
    if as_json:
        print_json([{"check": each.name, "ok": each.ok, "says": each.message} for each in found])
    else:
        for each in found:
            typer.echo(f"{'ok  ' if each.ok else 'FIX '} {each.name}: {each.message}")
    if not all(each.ok for each in found):
        raise typer.Exit(EXIT_FAILURE)
