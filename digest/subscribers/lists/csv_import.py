"""Add the subscribers of a file, line by line, and say which are not added and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from sqlmodel import select

from digest import delivery
from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, record_action, write_session
from digest.database.models import ObjectKind, Subscriber, SubscriberStatus
from digest.errors import AddressSuppressedError, StoreError, SubscriberError
from digest.matching import KeywordInput, convert
from digest.schedule import timezone_names
from digest.subscribers.lists import messages
from digest.subscribers.lists.csv_cells import KEYWORD_SEPARATOR, split_keywords, unescape_cell
from digest.subscribers.lists.csv_table import COLUMNS, CsvTable, parse_status, read_csv
from digest.subscribers.lists.formats import SkipReason, split_tags
from digest.subscribers.records import (
    ENDED_STATUSES,
    REASON_UNCONFIRMED,
    RUNNING_STATUSES,
    Preferences,
    check_sources,
    normalize_address,
    parse_weekday,
    request_subscription,
    require_unmuted,
)
from digest.subscribers.subscriptions import (
    KeywordLimits,
    add_subscriber,
    known_sources,
    parse_keywords,
    parse_keywords_or_raise,
)
from digest.subscribers.suppression_list import REASON_ALLOWED, REASON_COMPLAINT, is_listed

BOOLEAN_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}
REASONS_TO_ASK_AGAIN = {REASON_UNCONFIRMED, REASON_ALLOWED}  # of a subscription that ended here
MAX_INSTANT_LENGTH = 40  # characters of another program's date


@dataclass(slots=True)
class ImportReport:
    """Counts of an import; `line_errors` are line numbers of the file and what is wrong with each.

    `skipped`: line numbers of people who must not be added, and why.
    """

    imported: int = 0
    line_errors: list[tuple[int, str]] = field(default_factory=list)
    skipped: list[tuple[int, SkipReason]] = field(default_factory=list)
    table: CsvTable | None = field(default=None, compare=False)

    @property
    def skip_summary(self) -> list[str]:
        """Sentences about how many were skipped, one for each reason."""
        counts = Counter(reason for _, reason in self.skipped)
        return [messages.skipped(reason, counts[reason]) for reason in SkipReason if counts[reason]]

    @property
    def notes(self) -> list[str]:
        """Sentences about what the file does not say, or about what was not read of it."""
        if self.table is None:
            return []
        unused = self.table.unused_tags
        return [note for note in (self.table.format.note, unused and messages.tags_unused(unused)) if note]


@dataclass(frozen=True, slots=True)
class ImportRow:
    """Line of a file, parsed. `status` and `reason` are those of the store that wrote it, or empty.

    `consent`: what is recorded of it where they agreed in another program, or empty.
    """

    line_number: int
    email: str
    preferences: Preferences
    keywords: Sequence[KeywordInput]
    status: str
    paused_until: date | None
    reason: str
    consent: str = ""


def import_csv(
    ctx: AppContext,
    file: Path,
    now: datetime,
    *,
    confirmed: bool,
    strict: bool,
    dry_run: bool = False,
    from_line: int = 1,
    columns: Mapping[str, str] = {},
    keywords: Sequence[str] = (),
    actor: str = "",
) -> ImportReport:
    """Add subscribers line by line, or with `dry_run` only count them. With `strict` none is added when one is bad.

    `columns`: columns of the file by our names, where they are not found by themselves. `keywords`: for those who have
    none in the file. `actor`: who is recorded to have added them; nobody where it is empty.

    Whose subscription had ended where our own file was written stays so here; pending ones are asked to confirm again.
    Of files of other programs such people are skipped, and of all files those whose subscription ended here. Raises
    SubscriberError for a file that is no list, QueryError for a keyword, and StoreError with the line at which the
    store stopped it.
    """
    table, limits = read_csv(file, columns), KeywordLimits.from_context(ctx)
    default_keywords = parse_keywords_or_raise(keywords, limits)
    report, valid_rows = ImportReport(table=table), list[ImportRow]()
    for line_number, cells in table.rows():
        if line_number < from_line:
            continue
        if cells.get("left"):
            report.skipped.append((line_number, SkipReason(cells["left"])))
            continue
        try:
            row = _parse_row(ctx.settings, limits, table, line_number, cells)
        except SubscriberError as error:
            report.line_errors.append((line_number, str(error)))
        else:
            valid_rows.append(row if row.keywords else replace(row, keywords=default_keywords))
    new_rows = _drop_existing(ctx, valid_rows, report)
    _import_rows(ctx, new_rows if not (strict and report.line_errors) else (), report, now, confirmed, dry_run, actor)
    report.line_errors.sort()
    report.skipped.sort()
    return report


def _import_rows(
    ctx: AppContext,
    rows: Sequence[ImportRow],
    report: ImportReport,
    now: datetime,
    confirmed: bool,
    dry_run: bool,
    actor: str,
) -> None:
    for row in rows:
        try:
            if not dry_run:
                _import_row(ctx, row, now, confirmed=confirmed, actor=actor)
        except AddressSuppressedError:
            report.skipped.append((row.line_number, SkipReason.SUPPRESSED_HERE))
        except SubscriberError as error:
            report.line_errors.append((row.line_number, str(error)))
        except StoreError as error:
            name = report.table.file if report.table else ""
            raise StoreError(
                f"{Path(name).name} line {row.line_number}: {error}. {report.imported} of {len(rows)} were imported. "
                f"To continue: digest subscribers import {name} --from-line {row.line_number}"
            ) from error
        else:
            report.imported += 1


def _drop_existing(ctx: AppContext, rows: Sequence[ImportRow], report: ImportReport) -> list[ImportRow]:
    """Return the rows whose address neither has a subscription, nor has left here, nor stands in an earlier line.

    The others are reported. Whoever only never confirmed here may be asked again.
    """
    new_rows = []
    with read_session(ctx.engine) as session:
        existing = session.exec(select(Subscriber.email_key, Subscriber.status, Subscriber.reason)).all()
        taken: dict[str, str | SkipReason] = {
            email_key: _skip_reason(status, reason)
            for email_key, status, reason in existing
            if status in RUNNING_STATUSES or (status in ENDED_STATUSES and reason not in REASONS_TO_ASK_AGAIN)
        }
        for row in rows:
            email_key = normalize_address(row.email)[1]
            found = taken.get(email_key, "")
            if not found and is_listed(session, ctx.token_signer.keys, email_key):
                found = SkipReason.SUPPRESSED_HERE
            if isinstance(found, SkipReason):
                report.skipped.append((row.line_number, found))
            elif found:
                report.line_errors.append((row.line_number, f"{row.email} {found}"))
            else:
                taken[email_key] = messages.repeated_address(row.line_number)
                new_rows.append(row)
    return new_rows


def _skip_reason(status: str, reason: str) -> str | SkipReason:
    """Return why an address that is stored is not imported."""
    if status in RUNNING_STATUSES or reason.startswith(REASON_COMPLAINT):
        return messages.known_address(status)
    return SkipReason.SUPPRESSED_HERE if status == SubscriberStatus.SUPPRESSED else SkipReason.LEFT_HERE


def _import_row(ctx: AppContext, row: ImportRow, now: datetime, *, confirmed: bool, actor: str) -> None:
    if row.status not in ENDED_STATUSES:
        add_subscriber(
            ctx,
            row.email,
            row.preferences,
            row.keywords,
            now,
            confirmed=confirmed and row.status != SubscriberStatus.PENDING,
            paused_until=row.paused_until,
            suspend_reason=row.reason if row.status == SubscriberStatus.PAUSED else "",
            consent=row.consent,
            actor=actor,
        )
        return
    with write_session(ctx.engine) as session:
        keys = ctx.token_signer.keys
        subscriber = request_subscription(session, keys, row.email, row.preferences, row.keywords, now)
        subscriber.end_subscription(SubscriberStatus(row.status), row.reason, now)
        delivery.cancel(session, int(subscriber.id or 0), now)
        if actor:
            record_action(session, actor, "add", ObjectKind.SUBSCRIBER, int(subscriber.id or 0), now)


def _parse_row(
    settings: Settings, limits: KeywordLimits, table: CsvTable, line_number: int, row: Mapping[str, str]
) -> ImportRow:
    """Parse one row. Raises SubscriberError for the first cell that is wrong."""
    if "" in row and len(row) == 1:
        raise SubscriberError(row[""])
    cells = {name: unescape_cell(row.get(name, "")).strip() for name in COLUMNS}
    normalize_address(cells["email"])
    cells["status"] = parse_status(cells["status"])
    if table.has_foreign_zones and cells["timezone"] not in timezone_names():
        cells["timezone"] = ""
    preferences = Preferences(
        frequency=cells["frequency"].lower() or Preferences().frequency,
        send_hour=_parse_number(cells["send_hour"], "send_hour", settings.send_hour),
        timezone=cells["timezone"] or settings.default_timezone,
        cap=_parse_number(cells["cap"], "cap", Preferences().cap),
        trending=_parse_boolean(cells["trending"], "trending"),
        summaries=_parse_boolean(cells["summaries"], "summaries"),
        weekday=parse_weekday(cells["weekday"]) if cells["weekday"] else Preferences().weekday,
        thumbnails=_parse_boolean(cells["thumbnails"], "thumbnails"),
        about_only=_parse_boolean(cells["about_only"], "about_only"),
        close_papers=_parse_boolean(cells["close_papers"], "close_papers") if cells["close_papers"] else None,
        sources=check_sources(cells["sources"].split(KEYWORD_SEPARATOR), known_sources(settings))
        if cells["sources"]
        else (),
    )
    keywords = _parse_keyword_cells(limits, table, row)
    paused_until = None
    if cells["paused_until"] and cells["status"] in {"", SubscriberStatus.PAUSED}:
        try:
            paused_until = date.fromisoformat(cells["paused_until"])
        except ValueError as error:
            raise SubscriberError(messages.invalid_pause(cells["paused_until"])) from error
    agreed_at = " ".join(row.get("agreed_at", "").split())[:MAX_INSTANT_LENGTH]
    consent = "" if table.is_own else messages.consent(table.format.name, agreed_at if agreed_at.isascii() else "")
    return ImportRow(
        *(line_number, cells["email"], preferences, keywords, cells["status"], paused_until, cells["reason"], consent)
    )


def _parse_keyword_cells(limits: KeywordLimits, table: CsvTable, row: Mapping[str, str]) -> list[KeywordInput]:
    """Parse the keywords of a row; tags of another program that are in foreign syntax as what they mean."""
    cell = unescape_cell(row.get("keywords", ""))
    if table.has_tags:
        lines = [keyword for tag in split_tags(cell, table.tag_key) for keyword in convert(tag) or (tag,)]
    else:
        lines = split_keywords(cell)
    keywords, errors = parse_keywords(lines, limits)
    if errors:
        raise SubscriberError("; ".join(f"keyword {error.text!r}: {error.message}" for error in errors))
    muted = {line.strip() for line in split_keywords(unescape_cell(row.get("muted", "")))}
    keywords = [replace(keyword, is_muted=keyword.text in muted) for keyword in keywords]
    require_unmuted(keywords)
    return keywords


def _parse_number(cell: str, name: str, default: int) -> int:
    if cell and not (cell.isascii() and cell.isdecimal() and len(cell) < 5):  # noqa: PLR2004
        raise SubscriberError(f"{name} must be a number, not {cell!r}")
    return int(cell or default)


def _parse_boolean(cell: str, name: str) -> bool:
    if cell.lower() not in BOOLEAN_WORDS:
        raise SubscriberError(f"{name} must be yes or no, not {cell!r}")
    return BOOLEAN_WORDS[cell.lower()]
