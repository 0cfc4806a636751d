"""A check-up: is everything there that a day's work needs, and if not, what is to be done?

inside.py    settings, store, disk
outside.py   relay, mailbox, the hosts that are read, the clock
signing.py   our own DKIM signature
sender.py    SPF and DMARC of the sender's domain
names.py     how the DNS is asked
"""

import asyncio

from digest.config import load_settings
from digest.errors import DigestError
from digest.monitoring.checks.check import CheckResult
from digest.monitoring.checks.configuration import check_database, check_settings
from digest.monitoring.checks.dkim import check_dkim
from digest.monitoring.checks.dns import DnsResolver
from digest.monitoring.checks.network import check_clock, check_host, check_mailbox, check_relay, source_hosts
from digest.monitoring.checks.sender_domain import check_dmarc, check_spf


async def run_checks(resolver: str = "") -> list[CheckResult]:
    """Everything, in the order in which it must work. Nothing is sent or changed.

    `resolver`: the address of a DNS server, with its port where it is not 53; else those of this machine.
    """
    try:
        chosen = load_settings()
    except DigestError as error:
        return [CheckResult("settings", ok=False, message=str(error))]
    checks = [*check_settings(chosen), *check_database(chosen)]
    names = DnsResolver(resolver)
    signing, spf, dmarc = await asyncio.gather(
        asyncio.to_thread(check_dkim, chosen, names.txt_records),
        asyncio.to_thread(check_spf, chosen, names.txt_records),
        asyncio.to_thread(check_dmarc, chosen, names.txt_records),
    )
    reachable = await asyncio.gather(
        check_relay(chosen), check_mailbox(chosen), *(check_host(*each) for each in source_hosts(chosen))
    )
    answers = [check for check, _ in reachable]
    clock = check_clock([skew for _, skew in reachable if skew is not None])
    return [*checks, *signing, *spf, *dmarc, *answers, clock]
