"""Who must answer: the relay, the mailbox for bounces, the hosts that are read, and by them the clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from digest import __version__
from digest.bounces.mailbox import look
from digest.doctor.check import TIMEOUT, Check
from digest.doctor.signing import aligned
from digest.errors import DigestError, SendError
from digest.house import relay_of, sender_domain
from digest.mail.smtp import connect
from digest.settings import Settings, Tls

SKEW = timedelta(minutes=2)
LETTER_BYTES = 2**20  # a relay that takes less than 1 MiB is set up oddly; our letters are below 200 KB


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
