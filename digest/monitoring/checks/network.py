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
from digest.monitoring.checks import messages
from digest.monitoring.checks.dkim import is_aligned
from digest.monitoring.checks.result import CHECK_TIMEOUT, CheckResult
from digest.sources import (
    AdvisingSource,
    ProbedSource,
    SourceClient,
    SourceFault,
    build_sources,
    find_load_errors,
    find_overlaps,
    find_unread,
)

MAX_CLOCK_SKEW = timedelta(minutes=2)
MIN_MESSAGE_KIB = 1024  # a relay that takes less is set up oddly; our e-mails are below 200 KB
SAMPLE_TOKEN = "doctor".ljust(39, "a")  # as long as a real one
TLS_LABELS = {TlsMode.NONE: "none", TlsMode.TLS: "TLS", TlsMode.STARTTLS: "STARTTLS"}


async def check_relay(settings: Settings) -> list[CheckResult]:
    """Connect, encrypt, log in, and ask MAIL and RCPT as a delivery would; nothing is sent."""
    if not settings.has_relay:
        return [CheckResult("relay", ok=True, message=messages.NO_RELAY)]
    address = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        smtp = await asyncio.wait_for(connect(relay_config_from(settings)), CHECK_TIMEOUT)
    except DeliveryError as error:
        text = messages.relay_failed(error, replies.classify_error(error).advice)
        return [CheckResult("relay", ok=False, message=text)]
    except TimeoutError:
        return [CheckResult("relay", ok=False, message=messages.host_silent(address, CHECK_TIMEOUT))]
    offers_tls = smtp.supports_extension("starttls")
    size = smtp.esmtp_extensions.get("size", "")
    limit_kib = int(size) // 1024 if size.isdecimal() else 0
    try:
        refusal = await asyncio.wait_for(check_envelope(settings, smtp, address), CHECK_TIMEOUT)
    except TimeoutError:
        return [CheckResult("relay", ok=False, message=messages.command_timeout(address, CHECK_TIMEOUT))]
    if refusal and not refusal.ok:
        return [refusal]
    size_text = messages.size_limit(limit_kib) if limit_kib else messages.NO_SIZE_LIMIT
    ready = messages.relay_ready(address, TLS_LABELS[settings.smtp_tls], size_text)
    results = [refusal or CheckResult("relay", ok=True, message=ready)]
    if 0 < limit_kib < MIN_MESSAGE_KIB:
        results.append(CheckResult("relay size", ok=False, message=messages.size_limit_too_low(limit_kib)))
    if settings.smtp_tls is TlsMode.NONE and offers_tls:
        results.append(CheckResult("encryption", ok=False, message=messages.RELAY_OFFERS_STARTTLS))
    return results


async def check_envelope(settings: Settings, smtp: SmtpClient, address: str) -> CheckResult | None:
    """Ask MAIL and RCPT as a delivery would, without a message. Return what was refused, None when nothing was.

    The result is ok where e-mails could leave all the same. The recipient is DIGEST_CONTACT where it is an address,
    else the sender: no subscriber is named to anybody.
    """
    sender = settings.bounce_address or parseaddr(settings.mail_from)[1]
    if settings.bounce_address:  # as a digest's, which names its delivery
        local, _, domain = sender.rpartition("@")
        sender = f"{local}+{SAMPLE_TOKEN}@{domain}"
    recipient = settings.contact if "@" in settings.contact and "/" not in settings.contact else sender
    error = await try_envelope(smtp, sender, recipient, address)
    if error is None:
        return None
    if not error.code:
        return CheckResult("relay", ok=False, message=messages.relay_failed(error, ""))
    reply = replies.classify_error(error)
    command = f"RCPT TO:<{recipient}>" if error.step is SmtpStep.RCPT else f"MAIL FROM:<{sender}>"
    text = f"{error.code} {str(error).removeprefix(f'{address} refuses us: {error.code} ')}"
    if reply.topic in {replies.ReplyTopic.MAILBOX, replies.ReplyTopic.MESSAGE}:
        note = messages.recipient_refused(address, command, text, reply.reason)
        return CheckResult("relay", ok=True, message=note)
    if reply.topic is replies.ReplyTopic.RATE:
        return CheckResult("relay", ok=True, message=messages.relay_is_slow(address, command, text, reply.reason))
    refused = messages.command_refused(address, command, text, reply.reason, reply.advice)
    return CheckResult("relay", ok=False, message=refused)


async def check_mailbox(settings: Settings) -> CheckResult:
    """Check the bounce address, and that its mailbox can be read. Nothing is moved."""
    if not settings.bounce_address:
        providers = [*settings.webhook_secrets]
        reported = messages.bounces_by_webhooks(providers, settings.base_url)
        text = reported if providers else messages.NO_BOUNCE_ADDRESS
        return CheckResult("bounces", ok=bool(providers) or not settings.has_relay, message=text)
    domain, sender = settings.bounce_address.rpartition("@")[2].lower(), sender_domain(settings.mail_from)
    if not is_aligned(domain, sender) and domain.split(".")[-2:] != sender.split(".")[-2:]:
        return CheckResult("bounces", ok=False, message=messages.bounce_domain_differs(settings.bounce_address))
    if not settings.has_mailbox:
        return CheckResult("bounces", ok=True, message=messages.BOUNCES_BY_PIPE)
    try:
        waiting = await asyncio.wait_for(asyncio.to_thread(count_waiting, settings), CHECK_TIMEOUT)
    except DigestError as error:
        return CheckResult("bounces", ok=False, message=str(error))
    except TimeoutError:
        text = messages.host_silent(f"{settings.imap_host}:{settings.imap_port}", CHECK_TIMEOUT)
        return CheckResult("bounces", ok=False, message=text)
    return CheckResult("bounces", ok=True, message=messages.mailbox_ready(settings.imap_folder, waiting))


def source_hosts(settings: Settings) -> list[tuple[str, str]]:
    """Return name and URL of each host of the sources in use."""
    sources = build_sources(settings, SourceClient(contact=settings.contact))
    return [host for source in sources if isinstance(source, ProbedSource) for host in source.probe_urls().items()]


def check_sources(settings: Settings) -> list[CheckResult]:
    """Tell which sources cannot be used, and what the hosts of those in use ask for."""
    faults: list[SourceFault] = []
    sources = build_sources(settings, SourceClient(contact=settings.contact), faults)
    different = {(fault.name, fault.reason): fault for fault in (*faults, *find_load_errors())}
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
        return CheckResult(name, ok=False, message=messages.host_unreachable(host, reason)), None
    ok = response.status_code == httpx.codes.OK
    describe = messages.host_status if ok else messages.host_status_error
    try:
        skew = datetime.now(UTC) - parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError):
        skew = None
    return CheckResult(name, ok=ok, message=describe(host, response.status_code)), skew


def check_clock(skews: list[timedelta]) -> CheckResult:
    """Compare our clock with those of hosts: subscribers are due by it, and signed links expire by it."""
    now = datetime.now(UTC)
    if not skews:
        return CheckResult("clock", ok=True, message=messages.clock_not_compared(now))
    skew = min(map(abs, skews))
    ok = skew < MAX_CLOCK_SKEW
    return CheckResult("clock", ok=ok, message=messages.clock_compared(now, skew.total_seconds(), is_right=ok))
