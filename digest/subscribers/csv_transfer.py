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

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, Subscriber, SubscriberStatus
from digest.delivery import cancel
from digest.errors import SubscriberError
from digest.matching import KeywordInput
from digest.subscribers.privacy import delete_subscriber
from digest.subscribers.records import (
    ENDED_STATUSES,
    RUNNING_STATUSES,
    Preferences,
    keywords_by_subscriber,
    normalize_address,
    request_subscription,
    subscriber_by_email,
)
from digest.subscribers.subscriptions import KeywordLimits, add_subscriber, parse_keywords

PREFERENCE_COLUMNS = ("email", "keywords", "frequency", "send_hour", "timezone", "cap", "trending", "summaries")


COLUMNS = (*PREFERENCE_COLUMNS, "status", "paused_until", "reason")


KEYWORD_SEPARATOR = "|"  # keywords in one CSV field; with a line break in it, only line breaks count


FORMULA_PREFIXES = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
)  # what a spreadsheet would run; an apostrophe before it makes it text


BOOLEAN_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


def list_subscribers(ctx: AppContext) -> list[dict[str, Any]]:
    """All subscribers, by number."""
    with read_session(ctx.engine) as session:
        rows = session.exec(select(Subscriber).order_by(col(Subscriber.id))).all()
        keywords = keywords_by_subscriber(session, [int(each.id or 0) for each in rows])
        return [
            _subscriber_row(each, [saved.written for saved in keywords.get(int(each.id or 0), [])]) for each in rows
        ]


def get_subscriber(ctx: AppContext, email: str) -> dict[str, Any]:
    """One subscriber with all letters. Raises UnknownSubscriber."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_by_email(session, email)
        subscriber_id = int(subscriber.id or 0)
        keywords = [saved.written for saved in keywords_by_subscriber(session, [subscriber_id]).get(subscriber_id, [])]
        rows = session.exec(
            select(Delivery).where(Delivery.subscriber_id == subscriber_id).order_by(col(Delivery.id))
        ).all()
        delivery_rows = [
            each.model_dump(include={"id", "kind", "edition", "state", "reply", "created_at", "settled_at"})
            | {"papers": len(each.papers)}
            for each in rows
        ]
        return _subscriber_row(subscriber, keywords) | {"deliveries": delivery_rows}


def _subscriber_row(subscriber: Subscriber, keywords: Sequence[str]) -> dict[str, Any]:
    values = subscriber.model_dump(exclude={"nonce", "email_key", "covered_listing_id", "last_due_day"})
    return {**values, "keywords": list(keywords)}


def erase_by_email(ctx: AppContext, email: str) -> None:
    """Forget a subscriber: address, keywords, letters. Nothing is mailed."""
    with write_session(ctx.engine) as session:
        delete_subscriber(session, subscriber_by_email(session, email, lock=True))


def export_csv(ctx: AppContext) -> str:
    """All subscribers in the columns that import_csv reads."""
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in list_subscribers(ctx):
        cells = row | {
            "keywords": _join_keywords(row["keywords"]),
            "trending": "yes" if row["trending"] else "no",
            "summaries": "yes" if row["summaries"] else "no",
            "paused_until": row["paused_until"] or "",
        }
        writer.writerow({name: _escape_formula(str(cells[name])) for name in COLUMNS})
    return output.getvalue()


def _join_keywords(keywords: Sequence[str]) -> str:
    return (
        "".join(f"{each}\n" for each in keywords)
        if KEYWORD_SEPARATOR in "".join(keywords)
        else KEYWORD_SEPARATOR.join(keywords)
    )


def _split_keywords(cell: str) -> list[str]:
    return cell.splitlines() if "\n" in cell or "\r" in cell else cell.split(KEYWORD_SEPARATOR)


def _escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell


def _unescape_formula(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell


@dataclass(slots=True)
class ImportReport:
    """What an import came to; `bad` has line numbers of the file and what is wrong with each."""

    imported: int = 0
    line_errors: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _ImportRow:
    line_number: int
    email: str
    preferences: Preferences
    keywords: Sequence[KeywordInput]
    status: str
    paused_until: date | None
    reason: str


def import_csv(ctx: AppContext, file: Path, now: datetime, *, confirmed: bool, strict: bool) -> ImportReport:
    """Add subscribers line by line. With `strict` none is added when one line is bad.

    Who left or was suppressed where the file was written stays so here; who was pending there is asked once more.
    """
    report, valid_rows = ImportReport(), list[_ImportRow]()
    for number, row in _read_rows(file):
        try:
            valid_rows.append(_parse_row(ctx, number, row))
        except SubscriberError as error:
            report.line_errors.append((number, str(error)))
    valid_rows = _drop_existing(ctx, valid_rows, report.line_errors)
    for line in valid_rows if not (strict and report.line_errors) else ():
        try:
            _import_row(ctx, line, now, confirmed=confirmed)
        except SubscriberError as error:
            report.line_errors.append((line.line_number, str(error)))
        else:
            report.imported += 1
    report.line_errors.sort()
    return report


def _drop_existing(ctx: AppContext, rows: Sequence[_ImportRow], line_errors: list[tuple[int, str]]) -> list[_ImportRow]:
    """Without those that are subscribed, or stand in the file twice."""
    with read_session(ctx.engine) as session:
        existing = session.exec(select(Subscriber.email_key, Subscriber.status, Subscriber.reason)).all()
    taken = {
        key: f"is {status} already; nothing was changed"
        for key, status, reason in existing
        if status in RUNNING_STATUSES or reason.startswith("complaint")
    }
    new_rows = []
    for line in rows:
        key = normalize_address(line.email)[1]
        if key in taken:
            line_errors.append((line.line_number, f"{line.email} {taken[key]}"))
            continue
        taken[key] = f"stands in line {line.line_number} already"
        new_rows.append(line)
    return new_rows


def _import_row(ctx: AppContext, row: _ImportRow, now: datetime, *, confirmed: bool) -> None:
    if row.status not in ENDED_STATUSES:
        is_confirmed = confirmed and row.status != SubscriberStatus.PENDING
        suspend_reason = row.reason if row.status == SubscriberStatus.PAUSED else ""
        until = row.paused_until
        add_subscriber(
            ctx,
            row.email,
            row.preferences,
            row.keywords,
            now,
            confirmed=is_confirmed,
            paused_until=until,
            suspend_reason=suspend_reason,
        )
        return
    with write_session(ctx.engine) as session:
        subscriber = request_subscription(session, row.email, row.preferences, row.keywords, now)
        subscriber.end_subscription(SubscriberStatus(row.status), row.reason, now)
        cancel(session, int(subscriber.id or 0), now)


def _read_rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The lines under the heading, each with the number of its first line. Raises SubscriberError for the file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SubscriberError(f"{file} cannot be read as UTF-8 text: {error}") from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",")
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_columns(file, names)
        number = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(names):
                yield number, {"": "more cells than the heading has; put keywords with a comma between double quotes"}
            elif any(cells):
                yield number, dict(zip(names, cells, strict=False))
            number = reader.line_num + 1
    except csv.Error as error:
        raise SubscriberError(f"{file} line {reader.line_num} is no CSV: {error}") from error


def _check_columns(file: Path, names: Collection[str]) -> None:
    if "email" not in names:
        raise SubscriberError(
            f"{file} has no column email; its first line must name the columns: {', '.join(PREFERENCE_COLUMNS)}"
        )
    for name in names:
        # Other columns are other programs' business, but a slip of the pen must not lose somebody's keywords.
        if name not in COLUMNS and (similar := get_close_matches(name, COLUMNS, n=1, cutoff=0.8)):
            raise SubscriberError(f"{file} has a column {name!r}; did you mean {similar[0]}?")


def _parse_row(ctx: AppContext, line_number: int, row: Mapping[str, str]) -> _ImportRow:
    if "" in row and len(row) == 1:
        raise SubscriberError(row[""])
    cells = {name: _unescape_formula(row.get(name, "")).strip() for name in COLUMNS}
    normalize_address(cells["email"])
    if cells["status"] not in {"", *SubscriberStatus}:
        raise SubscriberError(f"status must be one of {', '.join(SubscriberStatus)}, not {cells['status']!r}")
    preferences = Preferences(
        frequency=cells["frequency"].lower() or Preferences().frequency,
        send_hour=_parse_number(cells["send_hour"], "send_hour", ctx.settings.send_hour),
        timezone=cells["timezone"] or ctx.settings.default_timezone,
        cap=_parse_number(cells["cap"], "cap", Preferences().cap),
        trending=_parse_boolean(cells["trending"], "trending"),
        summaries=_parse_boolean(cells["summaries"], "summaries"),
    )
    keywords, errors = parse_keywords(
        _split_keywords(_unescape_formula(row.get("keywords", ""))), KeywordLimits.from_settings(ctx.settings)
    )
    if errors:
        raise SubscriberError("; ".join(f"keyword {each.written!r}: {each.message}" for each in errors))
    paused_until = _parse_date(cells["paused_until"]) if cells["status"] in {"", SubscriberStatus.PAUSED} else None
    return _ImportRow(
        line_number, cells["email"], preferences, keywords, cells["status"], paused_until, cells["reason"]
    )


def _parse_number(cell: str, name: str, default: int) -> int:
    if cell and not (cell.isascii() and cell.isdecimal() and len(cell) < 5):  # noqa: PLR2004
        raise SubscriberError(f"{name} must be a number, not {cell!r}")
    return int(cell or default)


def _parse_boolean(cell: str, name: str) -> bool:
    if cell.lower() not in BOOLEAN_WORDS:
        raise SubscriberError(f"{name} must be yes or no, not {cell!r}")
    return BOOLEAN_WORDS[cell.lower()]


def _parse_date(cell: str) -> date | None:
    try:
        return date.fromisoformat(cell) if cell else None
    except ValueError as error:
        raise SubscriberError(f"paused_until must be a day like 2026-07-31, not {cell!r}") from error
