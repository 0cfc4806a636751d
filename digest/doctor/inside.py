"""What can be seen on this machine: settings, store, disk, and what the store has heard of the relay."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from digest import db, deliveries, settings
from digest.bounces.record import refused_because_of_us
from digest.doctor.check import Check
from digest.errors import DigestError
from digest.house import relay_of
from digest.settings import Settings

DISK_BYTES = 2**30
KEY_LENGTH = 32
LATELY = timedelta(days=7)


def check_settings(chosen: Settings) -> list[Check]:
    """What can be read but is not wise."""
    checks = [Check("settings", ok=True, says="all DIGEST_* values can be read")]
    unknown = settings.unknown(os.environ, Path(".env"))
    checks.extend(Check("settings", ok=False, says=each) for each in unknown)
    key = chosen.secret_key.get_secret_value()
    if key and len(key) < KEY_LENGTH:
        checks.append(
            Check("secret key", ok=False, says=f"DIGEST_SECRET_KEY has {len(key)} characters; use 32 or more")
        )
    if chosen.relay and not chosen.postal_address:
        says = "set DIGEST_POSTAL_ADDRESS: many countries ask for one in every mass mail"
        checks.append(Check("postal address", ok=False, says=says))
    if chosen.relay and chosen.base_url.startswith("http://"):
        says = f"DIGEST_BASE_URL is {chosen.base_url}: links in letters should be https:// and reachable by readers"
        checks.append(Check("base address", ok=False, says=says))
    if chosen.relay and chosen.mail_from.rstrip(">").endswith("@localhost"):
        checks.append(Check("sender", ok=False, says="set DIGEST_MAIL_FROM to an address of your own domain"))
    if not chosen.contact:
        says = "set DIGEST_CONTACT, so that the hosts we read can reach you instead of blocking you"
        checks.append(Check("contact", ok=False, says=says))
    return checks


def check_database(chosen: Settings) -> list[Check]:
    """Opened, of the right schema, writable, with room to grow. Nothing is made or brought up to date here."""
    checks = []
    if chosen.embedded:
        home = next(folder for folder in (chosen.home, *chosen.home.absolute().parents) if folder.exists())
        free = shutil.disk_usage(home).free
        says = f"{free // 2**20:,} MiB free" + ("" if free > DISK_BYTES else "; make room before the store cannot grow")
        checks.append(Check("disk", ok=free > DISK_BYTES, says=says))
        if not Path(str(make_url(chosen.database_url).database)).exists():
            can = os.access(home, os.W_OK)
            says = "not there yet; the first command makes it" if can else f"{home} cannot be written; change its owner"
            return [Check("database", ok=can, says=says), *checks]
    return [*_opened(chosen), *checks]


def _opened(chosen: Settings) -> list[Check]:
    engine = db.connect(chosen.database_url)
    try:
        current, head = db.versions(engine)
        with db.writing(engine):
            pass
        refused = [*_refused(engine), *_closed(engine, chosen)] if current == head else []
    except DigestError as error:
        return [Check("database", ok=False, says=str(error))]
    except DBAPIError as error:
        return [Check("database", ok=False, says=f"cannot be written: {error.orig}")]
    finally:
        engine.dispose()
    if current != head:
        says = f"schema {current or 'missing'}, needed is {head}; run: digest migrate"
        return [Check("database", ok=False, says=says)]
    return [Check("database", ok=True, says=f"{engine.dialect.name}, schema {current}, writable"), *refused]


def _refused(engine: Engine) -> list[Check]:
    with db.reading(engine) as session:
        found = refused_because_of_us(session, datetime.now(UTC) - LATELY)
    if not found:
        return []
    why = ", ".join(f"{' '.join(each for each in (status, reason) if each)} ({n})" for status, reason, n in found)
    says = f"in the last {LATELY.days} days letters were refused because of us: {why}; see: digest bounces list"
    return [Check("refusals", ok=False, says=says)]


def _closed(engine: Engine, chosen: Settings) -> list[Check]:
    with db.reading(engine) as session:
        lane = deliveries.lane.closed(session, relay_of(chosen).name)
    if lane is None:
        return []
    says = f"closed since {lane.opened_at:%Y-%m-%d %H:%M} UTC, no letter is tried: {lane.reply}"
    return [Check("way out", ok=False, says=f"{says}; next try at {lane.retry_at:%H:%M:%S}, or now: digest run")]
