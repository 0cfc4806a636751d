"""A check-up: is everything there that a day's work needs, and if not, what is to be done?"""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import dkim
import httpx
from dkim.dnsplug import get_txt
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from digest import __version__, db, deliveries, settings
from digest.bounces.mailbox import look
from digest.bounces.record import refused_because_of_us
from digest.errors import DigestError, SendError
from digest.house import relay_of, sender_domain
from digest.mail.dkim import ADVISED, SAMPLE, Signer, others_may_read, signer
from digest.mail.smtp import connect
from digest.settings import Settings, Tls

SKEW = timedelta(minutes=2)
LETTER_BYTES = 2**20  # a relay that takes less than 1 MiB is set up oddly; our letters are below 200 KB
DISK_BYTES = 2**30
KEY_LENGTH = 32
LATELY = timedelta(days=7)
LookUp = Callable[[bytes], bytes | None]  # the text of a TXT record; raises dkim.DnsTimeoutError
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report; `says` tells what to do when it is not ok."""

    name: str
    ok: bool
    says: str


async def examine() -> list[Check]:
    """Everything, in the order in which it must work. Nothing is sent or changed."""
    try:
        chosen = settings.load()
    except DigestError as error:
        return [Check("settings", ok=False, says=str(error))]
    checks = [*check_settings(chosen), *check_database(chosen), *await asyncio.to_thread(check_signing, chosen)]
    reachable = await asyncio.gather(
        check_relay(chosen), check_mailbox(chosen), *(check_host(*each) for each in hosts(chosen))
    )
    answers = [check for check, _ in reachable]
    return [*checks, *answers, check_clock([skew for _, skew in reachable if skew is not None])]


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
    says = f"closed since {lane.closed_at:%Y-%m-%d %H:%M} UTC, no letter is tried: {lane.reply}"
    return [Check("way out", ok=False, says=f"{says}; next try at {lane.until:%H:%M:%S}, or now: digest run")]


def check_signing(chosen: Settings, look_up: LookUp = get_txt) -> list[Check]:
    """Whether the key can sign and the world can verify it; nothing while signing is left to the relay."""
    try:
        signs = signer(chosen)
    except DigestError as error:
        return [Check("signature", ok=False, says=str(error))]
    if signs is None:
        return []
    checks = [_published(signs, look_up)]
    if signs.bits < ADVISED:
        says = f"DIGEST_DKIM_KEY has {signs.bits} bits; make one of {ADVISED} and publish it under a new selector"
        checks.append(Check("signature", ok=False, says=says))
    if others_may_read(chosen.dkim_key):
        says = f"everybody on this machine can read {chosen.dkim_key}; run: chmod 600 {chosen.dkim_key}"
        checks.append(Check("signature", ok=False, says=says))
    ours = sender_domain(chosen.mail_from)
    if not aligned(signs.domain, ours):
        says = f"{signs.domain} does not answer for the sender {ours}: DMARC fails; set DIGEST_DKIM_DOMAIN"
        checks.append(Check("signature", ok=False, says=says))
    return checks


def aligned(one: str, other: str) -> bool:
    """Whether one domain is the other or lies within it (RFC 7489, 3.1, as near as one gets without a list)."""
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def _published(signs: Signer, look_up: LookUp) -> Check:
    publish = f"{signs.place} with the TXT record: {signs.record}"
    try:
        found = look_up(f"{signs.place}.".encode())
    except dkim.DnsTimeoutError as error:
        return Check("signature", ok=False, says=f"the DNS does not answer ({error}); there should be {publish}")
    if not found:
        return Check("signature", ok=False, says=f"nothing is in the DNS yet; publish {publish}")
    if not _verified(signs, found):
        return Check("signature", ok=False, says=f"the DNS has another key; publish {publish}")
    return Check("signature", ok=True, says=f"signs with {signs.bits} bits, verified by {signs.place}")


def _verified(signs: Signer, record: bytes) -> bool:
    with suppress(dkim.DKIMException, AssertionError):  # the library's, for a record of another kind or length
        return bool(dkim.DKIM(signs.sign(SAMPLE)).verify(dnsfunc=lambda _name, **_: record))
    return False


async def check_relay(chosen: Settings) -> tuple[Check, None]:
    """Connect, greet, secure and log in; no letter."""
    if not chosen.relay:
        return Check(
            "relay", ok=True, says="none set: letters go to the local inbox (set DIGEST_SMTP_HOST to send)"
        ), None
    where = f"{chosen.smtp_host}:{chosen.smtp_port}"
    try:
        smtp = await asyncio.wait_for(connect(relay_of(chosen)), TIMEOUT)
    except SendError as error:
        return Check("relay", ok=False, says=f"{error}; check DIGEST_SMTP_*"), None
    except TimeoutError:
        return Check("relay", ok=False, says=f"{where} does not answer within {TIMEOUT:.0f} s; a firewall?"), None
    offers_tls = smtp.supports_extension("starttls")
    size = smtp.esmtp_extensions.get("size", "")
    smtp.close()
    said = [f"{where} answers", {Tls.NONE: "not encrypted", Tls.TLS: "TLS", Tls.STARTTLS: "STARTTLS"}[chosen.smtp_tls]]
    said.append(
        f"takes letters up to {int(size) // 1024:,} KiB" if size.isdecimal() and int(size) else "names no size limit"
    )
    too_small = size.isdecimal() and 0 < int(size) < LETTER_BYTES
    if too_small:
        said.append("raise the relay's size limit to 1 MiB or more")
    wasteful = chosen.smtp_tls is Tls.NONE and offers_tls
    if wasteful:
        said.append("it offers STARTTLS: set DIGEST_SMTP_TLS=starttls")
    return Check("relay", ok=not (too_small or wasteful), says=", ".join(said)), None


async def check_mailbox(chosen: Settings) -> tuple[Check, None]:
    """Where bounces go, and whether they can be read there. Nothing is moved."""
    if not chosen.bounce_address:
        says = "none set: nobody learns of letters that come back (set DIGEST_BOUNCE_ADDRESS; see deploy/README.md)"
        return Check("bounces", ok=not chosen.relay, says=says), None
    bounces, sender = chosen.bounce_address.rpartition("@")[2].lower(), sender_domain(chosen.mail_from)
    if not aligned(bounces, sender) and bounces.split(".")[-2:] != sender.split(".")[-2:]:
        says = f"{chosen.bounce_address} is of another domain than the sender: SPF will not count for DMARC"
        return Check("bounces", ok=False, says=says), None
    if not chosen.mailbox:
        return Check("bounces", ok=True, says="come through a pipe (digest bounce); no mailbox is set"), None
    try:
        waiting = await asyncio.wait_for(asyncio.to_thread(look, chosen), TIMEOUT)
    except DigestError as error:
        return Check("bounces", ok=False, says=str(error)), None
    except TimeoutError:
        says = f"{chosen.imap_host}:{chosen.imap_port} does not answer within {TIMEOUT:.0f} s; a firewall?"
        return Check("bounces", ok=False, says=says), None
    return Check("bounces", ok=True, says=f"{chosen.imap_folder} can be read, {waiting} messages wait"), None


def hosts(chosen: Settings) -> list[tuple[str, str]]:
    """The hosts of the sources in use."""
    listed = []
    if "huggingface" in chosen.sources:
        listed.append(("Hugging Face", chosen.huggingface_url + "/api/daily_papers?limit=1"))
    if "arxiv" in chosen.sources:
        listed.append(("arXiv feed", f"{chosen.arxiv_feed_url}/rss/{'+'.join(chosen.arxiv_categories)}"))
        listed.append(("arXiv API", chosen.arxiv_api_url + "/api/query?id_list=1706.03762&max_results=1"))
    return listed


async def check_host(name: str, url: str) -> tuple[Check, timedelta | None]:
    """One request; the host's clock tells how ours goes."""
    agent = {"User-Agent": f"digest/{__version__} (doctor)"}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT, headers=agent) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        says = f"{httpx.URL(url).host} cannot be reached ({reason}); check the network, a proxy, DIGEST_*_URL"
        return Check(name, ok=False, says=says), None
    ok = answer.status_code == httpx.codes.OK
    says = f"{httpx.URL(url).host} answers {answer.status_code}"
    try:
        skew = datetime.now(UTC) - parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError):
        skew = None
    return Check(name, ok=ok, says=says + ("" if ok else "; the run records it and tries again")), skew


def check_clock(skews: list[timedelta]) -> Check:
    """Ours against the hosts': letters are due by the clock, and signed links expire by it."""
    if not skews:
        return Check("clock", ok=True, says=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, not compared: no host answered")
    off = min(skews, key=abs)
    says = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {abs(off).total_seconds():.0f} s from the hosts' clocks"
    return Check("clock", ok=abs(off) < SKEW, says=says + ("" if abs(off) < SKEW else "; set up NTP"))
