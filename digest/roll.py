"""The roll of subscribers for its operator: everyone, one, out as CSV and in again."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from digest import deliveries, desk, subscribers
from digest.db import reading, writing
from digest.desk.held import erase_subscriber
from digest.errors import SubscriberError
from digest.house import House
from digest.models import Delivery, Subscriber, SubscriberStatus
from digest.subscribers import Saved, Wish

WISHES = ("email", "keywords", "frequency", "send_hour", "timezone", "cap", "trending", "summaries")
COLUMNS = (*WISHES, "status", "paused_until", "reason")
BETWEEN = "|"  # keywords in one CSV field; with a line break in it, only line breaks count
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run; an apostrophe before it makes it text
TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


def everyone(house: House) -> list[dict[str, Any]]:
    """All subscribers, by number."""
    with reading(house.engine) as session:
        found = session.exec(select(Subscriber).order_by(col(Subscriber.id))).all()
        keywords = subscribers.keywords_of(session, [int(each.id or 0) for each in found])
        return [_row(each, [saved.written for saved in keywords.get(int(each.id or 0), [])]) for each in found]


def one(house: House, email: str) -> dict[str, Any]:
    """One subscriber with all letters. Raises UnknownSubscriber."""
    with reading(house.engine) as session:
        subscriber = subscribers.by_email(session, email)
        number = int(subscriber.id or 0)
        keywords = [saved.written for saved in subscribers.keywords_of(session, [number]).get(number, [])]
        letters = session.exec(
            select(Delivery).where(Delivery.subscriber_id == number).order_by(col(Delivery.id))
        ).all()
        sent = [
            each.model_dump(include={"id", "kind", "edition", "state", "reply", "created_at", "settled_at"})
            | {"papers": len(each.papers)}
            for each in letters
        ]
        return _row(subscriber, keywords) | {"deliveries": sent}


def _row(subscriber: Subscriber, keywords: Sequence[str]) -> dict[str, Any]:
    kept = subscriber.model_dump(exclude={"nonce", "email_key", "covered_listing_id", "last_due_day"})
    return {**kept, "keywords": list(keywords)}


def erase(house: House, email: str) -> None:
    """Forget a subscriber: address, keywords, letters. Nothing is mailed."""
    with writing(house.engine) as session:
        erase_subscriber(session, subscribers.by_email(session, email, lock=True))


def export_csv(house: House) -> str:
    """All subscribers in the columns that import_csv reads."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in everyone(house):
        cells = row | {
            "keywords": _joined(row["keywords"]),
            "trending": "yes" if row["trending"] else "no",
            "summaries": "yes" if row["summaries"] else "no",
            "paused_until": row["paused_until"] or "",
        }
        writer.writerow({name: _safe(str(cells[name])) for name in COLUMNS})
    return out.getvalue()


def _joined(keywords: Sequence[str]) -> str:
    return "".join(f"{each}\n" for each in keywords) if BETWEEN in "".join(keywords) else BETWEEN.join(keywords)


def _parted(cell: str) -> list[str]:
    return cell.splitlines() if "\n" in cell or "\r" in cell else cell.split(BETWEEN)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def _unsafe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


@dataclass(slots=True)
class Imported:
    """What an import came to; `bad` has line numbers of the file and what is wrong with each."""

    imported: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    email: str
    wish: Wish
    saved: Sequence[Saved]
    status: str
    paused_until: date | None
    reason: str


def import_csv(house: House, file: Path, now: datetime, *, confirmed: bool, strict: bool) -> Imported:
    """Add subscribers line by line. With `strict` none is added when one line is bad.

    Who left or was suppressed where the file was written stays so here; who was pending there is asked once more.
    """
    outcome, good = Imported(), list[_Line]()
    for number, row in _rows(file):
        try:
            good.append(_read(house, number, row))
        except SubscriberError as error:
            outcome.bad.append((number, str(error)))
    good = _without_taken(house, good, outcome.bad)
    for line in good if not (strict and outcome.bad) else ():
        try:
            _enter(house, line, now, confirmed=confirmed)
        except SubscriberError as error:
            outcome.bad.append((line.number, str(error)))
        else:
            outcome.imported += 1
    outcome.bad.sort()
    return outcome


def _without_taken(house: House, lines: Sequence[_Line], bad: list[tuple[int, str]]) -> list[_Line]:
    """Without those that are subscribed, or stand in the file twice."""
    with reading(house.engine) as session:
        held = session.exec(select(Subscriber.email_key, Subscriber.status, Subscriber.reason)).all()
    taken = {
        key: f"is {status} already; nothing was changed"
        for key, status, reason in held
        if status in subscribers.RUNNING or reason.startswith("complaint")
    }
    kept = []
    for line in lines:
        key = subscribers.address(line.email)[1]
        if key in taken:
            bad.append((line.number, f"{line.email} {taken[key]}"))
            continue
        taken[key] = f"stands in line {line.number} already"
        kept.append(line)
    return kept


def _enter(house: House, line: _Line, now: datetime, *, confirmed: bool) -> None:
    if line.status not in subscribers.ENDED:
        agreed = confirmed and line.status != SubscriberStatus.PENDING
        held = line.reason if line.status == SubscriberStatus.PAUSED else ""
        until = line.paused_until
        desk.add(house, line.email, line.wish, line.saved, now, confirmed=agreed, paused_until=until, held=held)
        return
    with writing(house.engine) as session:
        subscriber = subscribers.ask(session, line.email, line.wish, line.saved, now)
        subscribers.end(subscriber, SubscriberStatus(line.status), line.reason, now)
        deliveries.cancel(session, int(subscriber.id or 0), now)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The lines under the heading, each with the number of its first line. Raises SubscriberError for the file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SubscriberError(f"{file} cannot be read as UTF-8 text: {error}") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",")
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check(file, names)
        number = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(names):
                yield number, {"": "more cells than the heading has; put keywords with a comma between double quotes"}
            elif any(cells):
                yield number, dict(zip(names, cells, strict=False))
            number = reader.line_num + 1
    except csv.Error as error:
        raise SubscriberError(f"{file} line {reader.line_num} is no CSV: {error}") from error


def _check(file: Path, names: Collection[str]) -> None:
    if "email" not in names:
        raise SubscriberError(f"{file} has no column email; its first line must name the columns: {', '.join(WISHES)}")
    for name in names:
        # Other columns are other programs' business, but a slip of the pen must not lose somebody's keywords.
        if name not in COLUMNS and (near := get_close_matches(name, COLUMNS, n=1, cutoff=0.8)):
            raise SubscriberError(f"{file} has a column {name!r}; did you mean {near[0]}?")


def _read(house: House, number: int, row: Mapping[str, str]) -> _Line:
    if "" in row and len(row) == 1:
        raise SubscriberError(row[""])
    cells = {name: _unsafe(row.get(name, "")).strip() for name in COLUMNS}
    subscribers.address(cells["email"])
    if cells["status"] not in {"", *SubscriberStatus}:
        raise SubscriberError(f"status must be one of {', '.join(SubscriberStatus)}, not {cells['status']!r}")
    wish = Wish(
        frequency=cells["frequency"].lower() or Wish().frequency,
        send_hour=_number(cells["send_hour"], "send_hour", house.settings.send_hour),
        timezone=cells["timezone"] or house.settings.default_timezone,
        cap=_number(cells["cap"], "cap", Wish().cap),
        trending=_truth(cells["trending"], "trending"),
        summaries=_truth(cells["summaries"], "summaries"),
    )
    saved, misread = desk.understand(_parted(_unsafe(row.get("keywords", ""))), desk.Rules.of(house.settings))
    if misread:
        raise SubscriberError("; ".join(f"keyword {each.written!r}: {each.message}" for each in misread))
    paused = _day(cells["paused_until"]) if cells["status"] in {"", SubscriberStatus.PAUSED} else None
    return _Line(number, cells["email"], wish, saved, cells["status"], paused, cells["reason"])


def _number(cell: str, name: str, default: int) -> int:
    if cell and not (cell.isascii() and cell.isdecimal() and len(cell) < 5):  # noqa: PLR2004
        raise SubscriberError(f"{name} must be a number, not {cell!r}")
    return int(cell or default)


def _truth(cell: str, name: str) -> bool:
    if cell.lower() not in TRUTH:
        raise SubscriberError(f"{name} must be yes or no, not {cell!r}")
    return TRUTH[cell.lower()]


def _day(cell: str) -> date | None:
    try:
        return date.fromisoformat(cell) if cell else None
    except ValueError as error:
        raise SubscriberError(f"paused_until must be a day like 2026-07-31, not {cell!r}") from error
