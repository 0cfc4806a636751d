"""What can be seen on this machine: settings, store, disk, and what the store has heard of the relay."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from digest.bounces import count_sender_faults
from digest.config import Settings, unknown_variables
from digest.context import relay_config_from
from digest.database import connect, read_session, schema_versions, write_session
from digest.delivery import find_circuit
from digest.errors import DigestError
from digest.monitoring.checks.check import CheckResult

MIN_FREE_DISK_BYTES = 2**30


RECOMMENDED_KEY_LENGTH = 32


REFUSAL_WINDOW = timedelta(days=7)


def check_settings(chosen: Settings) -> list[CheckResult]:
    """What can be read but is not wise."""
    checks = [CheckResult("settings", ok=True, message="all DIGEST_* values can be read")]
    unknown = unknown_variables(os.environ, Path(".env"))
    checks.extend(CheckResult("settings", ok=False, message=each) for each in unknown)
    key = chosen.secret_key.get_secret_value()
    if key and len(key) < RECOMMENDED_KEY_LENGTH:
        checks.append(
            CheckResult("secret key", ok=False, message=f"DIGEST_SECRET_KEY has {len(key)} characters; use 32 or more")
        )
    if chosen.has_relay and not chosen.postal_address:
        says = "set DIGEST_POSTAL_ADDRESS: many countries ask for one in every mass mail"
        checks.append(CheckResult("postal address", ok=False, message=says))
    if chosen.has_relay and chosen.base_url.startswith("http://"):
        says = f"DIGEST_BASE_URL is {chosen.base_url}: links in letters should be https:// and reachable by readers"
        checks.append(CheckResult("base address", ok=False, message=says))
    if chosen.has_relay and chosen.mail_from.rstrip(">").endswith("@localhost"):
        checks.append(CheckResult("sender", ok=False, message="set DIGEST_MAIL_FROM to an address of your own domain"))
    if not chosen.contact:
        says = "set DIGEST_CONTACT, so that the hosts we read can reach you instead of blocking you"
        checks.append(CheckResult("contact", ok=False, message=says))
    return checks


def check_database(chosen: Settings) -> list[CheckResult]:
    """Opened, of the right schema, writable, with room to grow. Nothing is made or brought up to date here."""
    checks = []
    if chosen.uses_sqlite:
        home = next(
            folder for folder in (chosen.data_directory, *chosen.data_directory.absolute().parents) if folder.exists()
        )
        free = shutil.disk_usage(home).free
        says = f"{free // 2**20:,} MiB free" + (
            "" if free > MIN_FREE_DISK_BYTES else "; make room before the store cannot grow"
        )
        checks.append(CheckResult("disk", ok=free > MIN_FREE_DISK_BYTES, message=says))
        if not Path(str(make_url(chosen.database_url).database)).exists():
            can = os.access(home, os.W_OK)
            says = "not there yet; the first command makes it" if can else f"{home} cannot be written; change its owner"
            return [CheckResult("database", ok=can, message=says), *checks]
    return [*_check_open_database(chosen), *checks]


def _check_open_database(chosen: Settings) -> list[CheckResult]:
    engine = connect(chosen.database_url)
    try:
        current, head = schema_versions(engine)
        with write_session(engine):
            pass
        refused = [*_check_refusals(engine), *_check_circuit(engine, chosen)] if current == head else []
    except DigestError as error:
        return [CheckResult("database", ok=False, message=str(error))]
    except DBAPIError as error:
        return [CheckResult("database", ok=False, message=f"cannot be written: {error.orig}")]
    finally:
        engine.dispose()
    if current != head:
        says = f"schema {current or 'missing'}, needed is {head}; run: digest migrate"
        return [CheckResult("database", ok=False, message=says)]
    return [CheckResult("database", ok=True, message=f"{engine.dialect.name}, schema {current}, writable"), *refused]


def _check_refusals(engine: Engine) -> list[CheckResult]:
    with read_session(engine) as session:
        found = count_sender_faults(session, datetime.now(UTC) - REFUSAL_WINDOW)
    if not found:
        return []
    why = ", ".join(f"{' '.join(each for each in (status, reason) if each)} ({n})" for status, reason, n in found)
    says = f"in the last {REFUSAL_WINDOW.days} days letters were refused because of us: {why}; see: digest bounces list"
    return [CheckResult("refusals", ok=False, message=says)]


def _check_circuit(engine: Engine, chosen: Settings) -> list[CheckResult]:
    with read_session(engine) as session:
        lane = find_circuit(session, relay_config_from(chosen).name)
    if lane is None:
        return []
    says = f"closed since {lane.opened_at:%Y-%m-%d %H:%M} UTC, no letter is tried: {lane.reply}"
    return [
        CheckResult("way out", ok=False, message=f"{says}; next try at {lane.retry_at:%H:%M:%S}, or now: digest run")
    ]
