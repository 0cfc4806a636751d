"""Runs all checks, in the order in which things must work."""

import asyncio

from digest.config import load_settings
from digest.errors import DigestError
from digest.monitoring.checks.configuration import check_database, check_settings
from digest.monitoring.checks.dkim import check_dkim
from digest.monitoring.checks.dns import DnsResolver
from digest.monitoring.checks.network import (
    check_clock,
    check_host,
    check_mailbox,
    check_relay,
    check_sources,
    source_hosts,
)
from digest.monitoring.checks.result import CheckResult
from digest.monitoring.checks.sender_domain import check_dmarc, check_spf


async def run_checks(resolver: str = "") -> list[CheckResult]:
    """Run all checks. Nothing is sent or changed.

    `resolver` is the address of a DNS server, with its port where it is not 53; else those of this machine are asked.
    """
    try:
        settings = load_settings()
    except DigestError as error:
        return [CheckResult("settings", ok=False, message=str(error))]
    local = [*check_settings(settings), *check_sources(settings), *check_database(settings)]
    lookup = DnsResolver(resolver).txt_records
    dkim, spf, dmarc = await asyncio.gather(
        asyncio.to_thread(check_dkim, settings, lookup),
        asyncio.to_thread(check_spf, settings, lookup),
        asyncio.to_thread(check_dmarc, settings, lookup),
    )
    (relay, mailbox), hosts = await asyncio.gather(
        asyncio.gather(check_relay(settings), check_mailbox(settings)),
        asyncio.gather(*(check_host(*host) for host in source_hosts(settings))),
    )
    clock = check_clock([skew for _, skew in hosts if skew is not None])
    return [*local, *dkim, *spf, *dmarc, *relay, mailbox, *(result for result, _ in hosts), clock]
