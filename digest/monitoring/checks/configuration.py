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

from digest.bounces import count_sender_faults
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
from digest.formatting import join_words, pluralize
from digest.mail import replies
from digest.monitoring.checks.result import CheckResult
from digest.papers import load_source_problems
from digest.sources import source_variables
from digest.subscribers import known_sources

OTHERS_MODE = 0o077
MIN_FREE_DISK_BYTES = 2**30
RECOMMENDED_KEY_LENGTH = 32
MAX_NAMED_ROWS = 5
QUARANTINE_ADVICE = "repair it, and the next run reads it again; see: digest quarantine list"
REFUSAL_WINDOW = timedelta(days=7)


def check_settings(settings: Settings) -> list[CheckResult]:
    """Check settings that can be read but are not wise."""
    warnings = [("settings", text) for text in unknown_variables(os.environ, Path(".env"), source_variables())]
    key = settings.secret_key.get_secret_value()
    if key and len(key) < RECOMMENDED_KEY_LENGTH:
        warnings.append(("secret key", f"DIGEST_SECRET_KEY has {len(key)} characters; use 32 or more"))
    if settings.has_relay and not settings.postal_address:
        text = "set DIGEST_POSTAL_ADDRESS, because many countries require one in bulk e-mail"
        warnings.append(("postal address", text))
    if settings.has_relay and settings.base_url.startswith("http://"):
        text = f"DIGEST_BASE_URL is {settings.base_url}: links in e-mails should start with https://"
        warnings.append(("base address", text))
    if settings.has_relay and settings.mail_from.rstrip(">").endswith("@localhost"):
        warnings.append(("sender", "set DIGEST_MAIL_FROM to an address of your own domain"))
    try:
        if settings.logo:
            load_logo(settings.logo)
    except SettingError as error:
        warnings.append(("logo", str(error)))
    if not settings.contact:
        text = "set DIGEST_CONTACT, so that the sources can contact you instead of blocking you"
        warnings.append(("contact", text))
    return [
        CheckResult("settings", ok=True, message="all DIGEST_* values are valid"),
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
        text = f"{free // 2**20:,} MiB free" + ("" if has_room else "; free some space, or the database cannot grow")
        results.append(CheckResult("disk", ok=has_room, message=text))
        try:
            check_sqlite_version(sqlite3.sqlite_version)
        except DigestError as error:
            return [CheckResult("database", ok=False, message=str(error)), *results]
        file = Path(str(make_url(settings.database_url).database))
        if not file.exists():
            is_writable = os.access(directory, os.W_OK)
            missing = "does not exist yet; the first command creates it"
            text = missing if is_writable else f"{directory} is not writable; change its owner"
            return [CheckResult("database", ok=is_writable, message=text), *results]
        if file.stat().st_mode & OTHERS_MODE:
            text = (
                f"other users of this machine can read {file}, which contains e-mail addresses; run: chmod 600 {file}"
            )
            results.append(CheckResult("permissions", ok=False, message=text))
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
        return [CheckResult("database", ok=False, message=f"is not writable: {error.orig}")]
    finally:
        engine.dispose()
    if schema != required:
        text = f"has schema {schema or 'none'} and needs {required}; run: digest migrate"
        return [CheckResult("database", ok=False, message=text)]
    text = f"{engine.dialect.name}, schema {schema}, writable"
    return [CheckResult("database", ok=True, message=text), *history]


def _check_quarantine(engine: Engine) -> list[CheckResult]:
    """Name each row that is set aside because it cannot be read."""
    with read_session(engine) as session:
        return [
            CheckResult("rows", ok=False, message=f"{row.table_name} {row.row_id}: {row.reason}; {QUARANTINE_ADVICE}")
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
    names = join_words(sorted(set().union(*lost)))
    text = f"{pluralize(len(lost), 'subscriber')} chose only sources that are not read: {names}. They get no papers."
    return [CheckResult("sources", ok=False, message=f"{text} Name the sources in DIGEST_SOURCES again.")]


def _check_relay_history(engine: Engine, settings: Settings) -> list[CheckResult]:
    """Check recent refusals because of us, and whether the circuit of the relay is open."""
    results = []
    with read_session(engine) as session:
        faults = count_sender_faults(session, datetime.now(UTC) - REFUSAL_WINDOW)
        circuit = find_circuit(session, relay_config_from(settings).name)
    if faults:
        reasons = ", ".join(f"{f'{status} {reason}'.strip()} ({count})" for status, reason, count in faults)
        text = f"in the last {REFUSAL_WINDOW.days} days e-mails were refused because of their sender: {reasons}"
        parts = [text, "see: digest bounces list", replies.advice_for(faults[0][1])]
        results.append(CheckResult("refusals", ok=False, message="; ".join(filter(None, parts))))
    if circuit:
        text = f"no e-mails are sent since {circuit.opened_at:%Y-%m-%d %H:%M} UTC; the relay says: {circuit.reply}"
        text += f"; next attempt at {circuit.retry_at:%H:%M:%S} UTC, or now with: digest run"
        results.append(CheckResult("sending", ok=False, message=text))
    return results
