"""Who must answer: the relay, the mailbox for bounces, the hosts that are read, and by them the clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from digest import __version__
from digest.bounces import count_waiting
from digest.config import Settings, TlsMode
from digest.context import relay_config_from, sender_domain
from digest.errors import DeliveryError, DigestError
from digest.mail import connect
from digest.monitoring.checks.check import CHECK_TIMEOUT, CheckResult
from digest.monitoring.checks.dkim import is_aligned

MAX_CLOCK_SKEW = timedelta(minutes=2)


MIN_MESSAGE_BYTES = 2**20  # a relay that takes less than 1 MiB is set up oddly; our letters are below 200 KB


async def check_relay(settings: Settings) -> tuple[CheckResult, None]:
    """Connect, greet, secure and log in; no letter."""
    if not settings.has_relay:
        return CheckResult(
            "relay", ok=True, message="none set: letters go to the local inbox (set DIGEST_SMTP_HOST to send)"
        ), None
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        smtp = await asyncio.wait_for(connect(relay_config_from(settings)), CHECK_TIMEOUT)
    except DeliveryError as error:
        return CheckResult("relay", ok=False, message=f"{error}; check DIGEST_SMTP_*"), None
    except TimeoutError:
        return CheckResult(
            "relay", ok=False, message=f"{where} does not answer within {CHECK_TIMEOUT:.0f} s; a firewall?"
        ), None
    offers_tls = smtp.supports_extension("starttls")
    size = smtp.esmtp_extensions.get("size", "")
    smtp.close()
    said = [
        f"{where} answers",
        {TlsMode.NONE: "not encrypted", TlsMode.TLS: "TLS", TlsMode.STARTTLS: "STARTTLS"}[settings.smtp_tls],
    ]
    said.append(
        f"takes letters up to {int(size) // 1024:,} KiB" if size.isdecimal() and int(size) else "names no size limit"
    )
    too_small = size.isdecimal() and 0 < int(size) < MIN_MESSAGE_BYTES
    if too_small:
        said.append("raise the relay's size limit to 1 MiB or more")
    wasteful = settings.smtp_tls is TlsMode.NONE and offers_tls
    if wasteful:
        said.append("it offers STARTTLS: set DIGEST_SMTP_TLS=starttls")
    return CheckResult("relay", ok=not (too_small or wasteful), message=", ".join(said)), None


async def check_mailbox(settings: Settings) -> tuple[CheckResult, None]:
    """Where bounces go, and whether they can be read there. Nothing is moved."""
    if not settings.bounce_address:
        says = "none set: nobody learns of letters that come back (set DIGEST_BOUNCE_ADDRESS; see deploy/README.md)"
        return CheckResult("bounces", ok=not settings.has_relay, message=says), None
    bounces, sender = settings.bounce_address.rpartition("@")[2].lower(), sender_domain(settings.mail_from)
    if not is_aligned(bounces, sender) and bounces.split(".")[-2:] != sender.split(".")[-2:]:
        says = f"{settings.bounce_address} is of another domain than the sender: SPF will not count for DMARC"
        return CheckResult("bounces", ok=False, message=says), None
    if not settings.has_mailbox:
        return CheckResult("bounces", ok=True, message="come through a pipe (digest bounce); no mailbox is set"), None
    try:
        waiting = await asyncio.wait_for(asyncio.to_thread(count_waiting, settings), CHECK_TIMEOUT)
    except DigestError as error:
        return CheckResult("bounces", ok=False, message=str(error)), None
    except TimeoutError:
        says = f"{settings.imap_host}:{settings.imap_port} does not answer within {CHECK_TIMEOUT:.0f} s; a firewall?"
        return CheckResult("bounces", ok=False, message=says), None
    return CheckResult("bounces", ok=True, message=f"{settings.imap_folder} can be read, {waiting} messages wait"), None


def source_hosts(settings: Settings) -> list[tuple[str, str]]:
    """The hosts of the sources in use."""
    listed = []
    if "huggingface" in settings.sources:
        listed.append(("Hugging Face", settings.huggingface_url + "/api/daily_papers?limit=1"))
    if "arxiv" in settings.sources:
        listed.append(("arXiv feed", f"{settings.arxiv_feed_url}/rss/{'+'.join(settings.arxiv_categories)}"))
        listed.append(("arXiv API", settings.arxiv_api_url + "/api/query?id_list=1706.03762&max_results=1"))
    return listed


async def check_host(name: str, url: str) -> tuple[CheckResult, timedelta | None]:
    """One request; the host's clock tells how ours goes."""
    agent = {"User-Agent": f"digest/{__version__} (doctor)"}
    try:
        async with httpx.AsyncClient(timeout=CHECK_TIMEOUT, headers=agent) as client:
            answer = await client.get(url)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        says = f"{httpx.URL(url).host} cannot be reached ({reason}); check the network, a proxy, DIGEST_*_URL"
        return CheckResult(name, ok=False, message=says), None
    ok = answer.status_code == httpx.codes.OK
    says = f"{httpx.URL(url).host} answers {answer.status_code}"
    try:
        skew = datetime.now(UTC) - parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError):
        skew = None
    return CheckResult(name, ok=ok, message=says + ("" if ok else "; the run records it and tries again")), skew


def check_clock(skews: list[timedelta]) -> CheckResult:
    """Ours against the hosts': letters are due by the clock, and signed links expire by it."""
    if not skews:
        return CheckResult(
            "clock", ok=True, message=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, not compared: no host answered"
        )
    off = min(skews, key=abs)
    says = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {abs(off).total_seconds():.0f} s from the hosts' clocks"
    return CheckResult(
        "clock", ok=abs(off) < MAX_CLOCK_SKEW, message=says + ("" if abs(off) < MAX_CLOCK_SKEW else "; set up NTP")
    )
