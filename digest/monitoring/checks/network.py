"""Hosts that must answer: the relay, the mailbox for bounces, the hosts of sources; and by them the clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr, parsedate_to_datetime

import httpx

from digest import __version__
from digest.bounces import count_waiting
from digest.config import Settings, TlsMode
from digest.context import relay_config_from, sender_domain
from digest.errors import DeliveryError, DigestError, SmtpStep
from digest.mail import SmtpClient, connect, replies, try_envelope
from digest.monitoring.checks.dkim import is_aligned
from digest.monitoring.checks.result import CHECK_TIMEOUT, CheckResult
from digest.sources import (
    AdvisingSource,
    ProbedSource,
    SourceClient,
    SourceFault,
    build_sources,
    find_faults,
    find_overlaps,
    find_unread,
)

MAX_CLOCK_SKEW = timedelta(minutes=2)
MIN_MESSAGE_BYTES = 2**20  # a relay that takes less than 1 MiB is set up oddly; our e-mails are below 200 KB
SAMPLE_TOKEN = "doctor".ljust(39, "a")  # as long as a real one
CHECK_SMTP = "check DIGEST_SMTP_*"
TLS_LABELS = {TlsMode.NONE: "not encrypted", TlsMode.TLS: "TLS", TlsMode.STARTTLS: "STARTTLS"}


async def check_relay(settings: Settings) -> CheckResult:
    """Connect, encrypt, log in, and ask MAIL and RCPT as a delivery would; nothing is sent."""
    if not settings.has_relay:
        text = "none, so e-mails are kept in the local mailbox; to send them, set DIGEST_SMTP_HOST"
        return CheckResult("relay", ok=True, message=text)
    address = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        smtp = await asyncio.wait_for(connect(relay_config_from(settings)), CHECK_TIMEOUT)
    except DeliveryError as error:
        return CheckResult("relay", ok=False, message=f"{error}; {replies.classify_error(error).advice or CHECK_SMTP}")
    except TimeoutError:
        text = f"{address} does not answer within {CHECK_TIMEOUT:.0f} s; a firewall?"
        return CheckResult("relay", ok=False, message=text)
    offers_tls = smtp.supports_extension("starttls")
    size = smtp.esmtp_extensions.get("size", "")
    try:
        takes_envelope, envelope_text = await asyncio.wait_for(check_envelope(settings, smtp, address), CHECK_TIMEOUT)
    except TimeoutError:
        takes_envelope, envelope_text = False, f"but not to MAIL and RCPT within {CHECK_TIMEOUT:.0f} s"
    if not takes_envelope:
        return CheckResult("relay", ok=False, message=f"{address} answers, {envelope_text}")
    limit = int(size) if size.isdecimal() else 0
    parts = [f"{address} answers", TLS_LABELS[settings.smtp_tls], envelope_text]
    parts.append(f"accepts up to {limit // 1024:,} KiB per e-mail" if limit else "no size limit announced")
    too_small = 0 < limit < MIN_MESSAGE_BYTES
    if too_small:
        parts.append("raise the relay's size limit to 1 MiB or more")
    unencrypted = settings.smtp_tls is TlsMode.NONE and offers_tls
    if unencrypted:
        parts.append("it offers STARTTLS: set DIGEST_SMTP_TLS=starttls")
    return CheckResult("relay", ok=not (too_small or unencrypted), message=", ".join(parts))


async def check_envelope(settings: Settings, smtp: SmtpClient, address: str) -> tuple[bool, str]:
    """Ask MAIL and RCPT as a delivery would, without a message. Return whether e-mails could leave, and what is said.

    The recipient is DIGEST_CONTACT where it is an address, else the sender: no subscriber is named to anybody.
    """
    sender = settings.bounce_address or parseaddr(settings.mail_from)[1]
    if settings.bounce_address:  # as a digest's, which names its delivery
        local, _, domain = sender.rpartition("@")
        sender = f"{local}+{SAMPLE_TOKEN}@{domain}"
    recipient = settings.contact if "@" in settings.contact and "/" not in settings.contact else sender
    error = await try_envelope(smtp, sender, recipient, address)
    if error is None:
        return True, "accepts the sender"
    if not error.code:
        return False, f"but {error}; {CHECK_SMTP}"
    reply = replies.classify_error(error)
    command = f"RCPT TO:<{recipient}>" if error.step is SmtpStep.RCPT else f"MAIL FROM:<{sender}>"
    words = str(error).removeprefix(f"{address} refuses us: {error.code} ")
    text = f"but to {command} it says: {error.code} {words} ({reply.reason or 'unknown reply'})"
    if reply.topic in {replies.ReplyTopic.MAILBOX, replies.ReplyTopic.MESSAGE}:
        return True, f"{text}, which concerns this address only"
    if reply.topic is replies.ReplyTopic.RATE:
        return True, f"{text}, so sending will be slow"
    return False, f"{text}; {reply.advice or 'ask your relay provider what this means'}"


async def check_mailbox(settings: Settings) -> CheckResult:
    """Check the bounce address, and that its mailbox can be read. Nothing is moved."""
    if not settings.bounce_address:
        text = "none, so bounces are not noticed; set DIGEST_BOUNCE_ADDRESS (see docs/bounces.md)"
        if providers := ", ".join(settings.webhook_secrets):
            text = f"reported by {providers} to {settings.base_url}/bounces/"
        return CheckResult("bounces", ok=bool(providers) or not settings.has_relay, message=text)
    domain, sender = settings.bounce_address.rpartition("@")[2].lower(), sender_domain(settings.mail_from)
    if not is_aligned(domain, sender) and domain.split(".")[-2:] != sender.split(".")[-2:]:
        text = f"{settings.bounce_address} is on another domain than the sender, so SPF does not count for DMARC"
        return CheckResult("bounces", ok=False, message=text)
    if not settings.has_mailbox:
        text = "arrive through a pipe (digest bounces pipe); no mailbox is set"
        return CheckResult("bounces", ok=True, message=text)
    try:
        waiting = await asyncio.wait_for(asyncio.to_thread(count_waiting, settings), CHECK_TIMEOUT)
    except DigestError as error:
        return CheckResult("bounces", ok=False, message=str(error))
    except TimeoutError:
        text = f"{settings.imap_host}:{settings.imap_port} does not answer within {CHECK_TIMEOUT:.0f} s; a firewall?"
        return CheckResult("bounces", ok=False, message=text)
    return CheckResult("bounces", ok=True, message=f"{settings.imap_folder} can be read, {waiting} messages waiting")


def source_hosts(settings: Settings) -> list[tuple[str, str]]:
    """Return name and URL of each host of the sources in use."""
    sources = build_sources(settings, SourceClient(contact=settings.contact))
    return [host for source in sources if isinstance(source, ProbedSource) for host in source.probe_urls().items()]


def check_sources(settings: Settings) -> list[CheckResult]:
    """Tell which sources cannot be used, and what the hosts of those in use ask for."""
    faults: list[SourceFault] = []
    sources = build_sources(settings, SourceClient(contact=settings.contact), faults)
    different = {(fault.name, fault.reason): fault for fault in (*faults, *find_faults())}
    return [
        *(CheckResult(f"source {fault.name}", ok=False, message=fault.reason) for fault in different.values()),
        *(
            CheckResult(f"source {source.name}", ok=not advice.is_required, message=advice.sentence)
            for source in sources
            if isinstance(source, AdvisingSource)
            for advice in source.advice()
        ),
        *(CheckResult(f"source {fault.name}", ok=True, message=fault.reason) for fault in find_overlaps(sources)),
        *(CheckResult(f"source {fault.name}", ok=True, message=fault.reason) for fault in find_unread(settings)),
    ]


async def check_host(name: str, url: str) -> tuple[CheckResult, timedelta | None]:
    """Make one request. Returns the result, and how far our clock is ahead of the host's."""
    headers = {"User-Agent": f"digest/{__version__} (doctor)"}
    host = httpx.URL(url).host
    try:
        async with httpx.AsyncClient(timeout=CHECK_TIMEOUT, headers=headers) as client:
            response = await client.get(url)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        text = f"{host} cannot be reached ({reason}); check the network, a proxy, DIGEST_*_URL"
        return CheckResult(name, ok=False, message=text), None
    ok = response.status_code == httpx.codes.OK
    text = f"{host} answers {response.status_code}" + ("" if ok else "; the next run tries again")
    try:
        skew = datetime.now(UTC) - parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        skew = None
    return CheckResult(name, ok=ok, message=text), skew


def check_clock(skews: list[timedelta]) -> CheckResult:
    """Compare our clock with those of hosts: subscribers are due by it, and signed links expire by it."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if not skews:
        return CheckResult("clock", ok=True, message=f"{now}, not compared, because no host answered")
    skew = min(map(abs, skews))
    ok = skew < MAX_CLOCK_SKEW
    text = f"{now}, {skew.total_seconds():.0f} s from the hosts' clocks" + ("" if ok else "; set up NTP")
    return CheckResult("clock", ok=ok, message=text)
