"""What can be checked on this machine: settings, database, disk, and what the database knows of the relay."""

import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, Text, cast
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from digest.bounces import count_sender_errors
from digest.config import Settings, load_logo, source_title, unknown_variables
from digest.context import relay_config_from
from digest.database import (
    check_integrity,
    check_mark,
    check_sqlite_version,
    connect,
    quarantined_rows,
    read_session,
    schema_versions,
    write_session,
)
from digest.database.models import Subscriber, SubscriberStatus
from digest.delivery import find_circuit
from digest.errors import DigestError, SettingError
from digest.mail import replies
from digest.monitoring.checks import messages
from digest.monitoring.checks.result import CheckResult
from digest.papers import load_source_problems
from digest.sources import source_variables
from digest.subscribers import known_sources

OTHERS_MODE = 0o077
MIN_FREE_DISK_BYTES = 2**30
RECOMMENDED_KEY_LENGTH = 32
MAX_NAMED_ROWS = 5
REFUSAL_WINDOW = timedelta(days=7)


def check_settings(settings: Settings) -> list[CheckResult]:
    """Check settings that can be read but are not wise."""
    warnings = [("settings", text) for text in unknown_variables(os.environ, Path(".env"), source_variables())]
    key = settings.secret_key.get_secret_value()
    if key and len(key) < RECOMMENDED_KEY_LENGTH:
        warnings.append(("secret key", messages.short_key(len(key))))
    if settings.has_relay and not settings.postal_address:
        warnings.append(("postal address", messages.NO_POSTAL_ADDRESS))
    if settings.has_relay and settings.base_url.startswith("http://"):
        warnings.append(("base address", messages.insecure_base_url(settings.base_url)))
    if settings.has_relay and settings.mail_from.rstrip(">").endswith("@localhost"):
        warnings.append(("sender", messages.SENDER_IS_LOCALHOST))
    try:
        if settings.logo:
            load_logo(settings.logo)
    except SettingError as error:
        warnings.append(("logo", str(error)))
    if not settings.contact:
        warnings.append(("contact", messages.NO_CONTACT))
    return [
        CheckResult("settings", ok=True, message=messages.SETTINGS_VALID),
        *(CheckResult(name, ok=False, message=text) for name, text in warnings),
    ]


def check_database(settings: Settings) -> list[CheckResult]:
    """Check that the database opens, has the right schema, is writable, and has room to grow. Nothing is changed."""
    results = []
    if settings.uses_sqlite:
        directories = (settings.data_directory, *settings.data_directory.absolute().parents)
        directory = next(path for path in directories if path.exists())
        free = shutil.disk_usage(directory).free
        has_room = free > MIN_FREE_DISK_BYTES
        text = messages.disk_space(free // 2**20, is_enough=has_room)
        results.append(CheckResult("disk", ok=has_room, message=text))
        try:
            check_sqlite_version(sqlite3.sqlite_version)
        except DigestError as error:
            return [CheckResult("database", ok=False, message=str(error)), *results]
        file = Path(str(make_url(settings.database_url).database))
        if not file.exists():
            is_writable = os.access(directory, os.W_OK)
            text = messages.NO_DATABASE_YET if is_writable else messages.folder_not_writable(directory)
            return [CheckResult("database", ok=is_writable, message=text), *results]
        if file.stat().st_mode & OTHERS_MODE:
            results.append(CheckResult("permissions", ok=False, message=messages.file_is_readable(file)))
    return [*_check_open_database(settings), *results]


def _check_open_database(settings: Settings) -> list[CheckResult]:
    engine = connect(settings.database_url)
    try:
        schema, required = schema_versions(engine)
        if settings.uses_sqlite:
            check_integrity(engine)
            check_mark(engine)
        with write_session(engine):
            pass
        history = []
        if schema == required:
            history = [
                *_check_relay_history(engine, settings),
                *_check_fetches(engine),
                *_check_chosen_sources(engine, settings),
                *_check_quarantine(engine),
            ]
    except DigestError as error:
        return [CheckResult("database", ok=False, message=str(error))]
    except DBAPIError as error:
        return [CheckResult("database", ok=False, message=messages.database_not_writable(error.orig))]
    finally:
        engine.dispose()
    if schema != required:
        text = messages.schema_mismatch(schema or "", required)
        return [CheckResult("database", ok=False, message=text)]
    text = messages.database_ready(engine.dialect.name, schema)
    return [CheckResult("database", ok=True, message=text), *history]


def _check_quarantine(engine: Engine) -> list[CheckResult]:
    """Name each row that is set aside because it cannot be read."""
    with read_session(engine) as session:
        return [
            CheckResult("rows", ok=False, message=messages.quarantined_row(row.table_name, row.row_id, row.reason))
            for row in quarantined_rows(session)[:MAX_NAMED_ROWS]
        ]


def _check_fetches(engine: Engine) -> list[CheckResult]:
    """Tell which lists of the sources are missing, and since when a source is quiet."""
    with read_session(engine) as session:
        problems = load_source_problems(session, datetime.now(UTC))
    return [
        CheckResult(f"lists of {source_title(problem.source)}", not problem.is_error, problem.sentence)
        for problem in problems
    ]


def _check_chosen_sources(engine: Engine, settings: Settings) -> list[CheckResult]:
    """Tell how many subscribers get nothing, because none of the sources that they chose is read."""
    known = known_sources(settings)
    chosen = select(col(Subscriber.sources)).where(
        Subscriber.status == SubscriberStatus.ACTIVE, cast(col(Subscriber.sources), Text) != "[]"
    )
    with read_session(engine) as session:
        lost = [sources for sources in session.exec(chosen) if sources and known.keys().isdisjoint(sources)]
    if not lost:
        return []
    text = messages.chosen_sources_unread(len(lost), set().union(*lost))
    return [CheckResult("sources", ok=False, message=text)]


def _check_relay_history(engine: Engine, settings: Settings) -> list[CheckResult]:
    """Check recent refusals because of us, and whether the circuit of the relay is open."""
    results = []
    with read_session(engine) as session:
        faults = count_sender_errors(session, datetime.now(UTC) - REFUSAL_WINDOW)
        circuit = find_circuit(session, relay_config_from(settings).name)
    if faults:
        reasons = ", ".join(f"{f'{status} {reason}'.strip()} ({count})" for status, reason, count in faults)
        text = messages.sender_refused(REFUSAL_WINDOW.days, reasons, replies.advice_for(faults[0][1]))
        results.append(CheckResult("refusals", ok=False, message=text))
    if circuit:
        text = messages.sending_stopped(circuit.opened_at, circuit.reply, circuit.retry_at)
        results.append(CheckResult("sending", ok=False, message=text))
    return results
