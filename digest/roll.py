"""The roll of subscribers for its operator: everyone, one, out as CSV and in again."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest import desk, subscribers
from digest.db import reading, writing
from digest.errors import DigestError, SubscriberError
from digest.house import House
from digest.models import Delivery, SavedKeyword, Subscriber
from digest.subscribers import Wish

COLUMNS = ("email", "keywords", "frequency", "send_hour", "timezone", "cap", "trending", "status")
BETWEEN = "|"  # keywords in one CSV field; line breaks are accepted too
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run; an apostrophe before it makes it text


def utc_now() -> datetime:
    """The clock, for entry points."""
    return datetime.now(UTC)


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
        deliveries = [
            each.model_dump(include={"id", "kind", "edition", "state", "reply", "created_at", "settled_at"})
            | {"papers": len(each.papers)}
            for each in letters
        ]
        return _row(subscriber, keywords) | {"deliveries": deliveries}


def _row(subscriber: Subscriber, keywords: Sequence[str]) -> dict[str, Any]:
    kept = subscriber.model_dump(exclude={"nonce", "email_key", "covered_to", "last_slot"})
    return {**kept, "keywords": list(keywords)}


def erase(house: House, email: str) -> None:
    """Forget a subscriber: address, keywords, letters. Nothing is mailed."""
    with writing(house.engine) as session:
        erase_subscriber(session, subscribers.by_email(session, email))


def erase_subscriber(session: Session, subscriber: Subscriber) -> None:
    """Delete all rows about one subscriber."""
    session.execute(delete(SavedKeyword).where(col(SavedKeyword.subscriber_id) == subscriber.id))
    session.execute(delete(Delivery).where(col(Delivery.subscriber_id) == subscriber.id))
    session.delete(subscriber)


def export_csv(house: House) -> str:
    """All subscribers in the columns that import_csv reads."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in everyone(house):
        cells = row | {"keywords": BETWEEN.join(row["keywords"]), "trending": "yes" if row["trending"] else "no"}
        writer.writerow({name: _safe(str(cells[name])) for name in COLUMNS})
    return out.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _unsafe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


@dataclass(slots=True)
class Imported:
    """What an import came to; `bad` has line numbers of the file and what is wrong with each."""

    imported: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


def import_csv(house: House, file: Path, *, confirmed: bool, strict: bool) -> Imported:
    """Add subscribers line by line. With `strict` none is added when one line is bad."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DigestError(f"{file} cannot be read as UTF-8 text: {error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if "email" not in (reader.fieldnames or ()):
        raise DigestError(f"{file} has no column email; its first line must name the columns: {', '.join(COLUMNS)}")
    outcome = Imported()
    good = []
    for row in reader:
        try:
            good.append((reader.line_num, *_read(house, row)))
        except (SubscriberError, ValueError) as error:
            outcome.bad.append((reader.line_num, str(error)))
    if strict and outcome.bad:
        return outcome
    for number, email, wish, saved in good:
        try:
            desk.add(house, email, wish, saved, utc_now(), confirmed=confirmed)
        except SubscriberError as error:
            outcome.bad.append((number, str(error)))
        else:
            outcome.imported += 1
    outcome.bad.sort()
    return outcome


def _read(house: House, row: Mapping[str, str | None]) -> tuple[str, Wish, list[subscribers.Saved]]:
    cells = {name: _unsafe((row.get(name) or "").strip()) for name in COLUMNS}
    subscribers.address(cells["email"])
    saved, misread = desk.understand(cells["keywords"].replace(BETWEEN, "\n").splitlines())
    if misread:
        raise SubscriberError("; ".join(f"keyword {each.written!r}: {each.message}" for each in misread))
    wish = Wish(
        frequency=cells["frequency"] or "daily",
        send_hour=_number(cells["send_hour"], "send_hour", house.settings.send_hour),
        timezone=cells["timezone"] or house.settings.default_timezone,
        cap=_number(cells["cap"], "cap", Wish().cap),
        trending=cells["trending"].lower() in {"yes", "true", "1"},
    )
    return cells["email"], wish, saved


def _number(cell: str, name: str, default: int) -> int:
    if not cell:
        return default
    if not cell.isdecimal():
        raise SubscriberError(f"{name} must be a number, not {cell!r}")
    return int(cell)
