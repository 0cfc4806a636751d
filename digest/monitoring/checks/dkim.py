"""Our own signature: whether the key can sign, and whether the world can verify it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import dkim

from digest.config import Settings
from digest.context import sender_domain
from digest.errors import DigestError
from digest.mail import RECOMMENDED_BITS, SAMPLE_MESSAGE, DkimSigner, is_world_readable, load_signer
from digest.monitoring.checks.check import CheckResult
from digest.monitoring.checks.dns import DnsUnavailableError

TxtLookup = Callable[[str], Sequence[str]]  # the TXT records of a name; raises Silent


def check_dkim(settings: Settings, lookup: TxtLookup) -> list[CheckResult]:
    """Whether the key can sign and the world can verify it; nothing while signing is left to the relay."""
    try:
        signs = load_signer(settings)
    except DigestError as error:
        return [CheckResult("signature", ok=False, message=str(error))]
    if signs is None:
        return []
    checks = [_check_published_key(signs, lookup)]
    if signs.bits < RECOMMENDED_BITS:
        says = (
            f"DIGEST_DKIM_KEY has {signs.bits} bits; make one of {RECOMMENDED_BITS} and publish it under a new selector"
        )
        checks.append(CheckResult("signature", ok=False, message=says))
    if is_world_readable(settings.dkim_key):
        says = f"everybody on this machine can read {settings.dkim_key}; run: chmod 600 {settings.dkim_key}"
        checks.append(CheckResult("signature", ok=False, message=says))
    ours = sender_domain(settings.mail_from)
    if not is_aligned(signs.domain, ours):
        says = f"{signs.domain} does not answer for the sender {ours}: DMARC fails; set DIGEST_DKIM_DOMAIN"
        checks.append(CheckResult("signature", ok=False, message=says))
    return checks


def is_aligned(domain: str, other_domain: str) -> bool:
    """Whether one domain is the other or lies within it (RFC 7489, 3.1, as near as one gets without a list)."""
    return f".{domain}".endswith(f".{other_domain}") or f".{other_domain}".endswith(f".{domain}")


def _check_published_key(signs: DkimSigner, lookup: TxtLookup) -> CheckResult:
    publish = f"{signs.record_name} with the TXT record: {signs.record}"
    try:
        found = lookup(signs.record_name)
    except DnsUnavailableError as error:
        return CheckResult(
            "signature", ok=False, message=f"the DNS does not answer ({error}); there should be {publish}"
        )
    if not found:
        return CheckResult("signature", ok=False, message=f"nothing is in the DNS yet; publish {publish}")
    if len(found) > 1:
        says = f"the DNS has {len(found)} records there, and receivers take any of them; keep one: {publish}"
        return CheckResult("signature", ok=False, message=says)
    if not _verifies(signs, found[0].encode()):
        return CheckResult("signature", ok=False, message=f"the DNS has another key; publish {publish}")
    return CheckResult("signature", ok=True, message=f"signs with {signs.bits} bits, verified by {signs.record_name}")


def _verifies(signs: DkimSigner, record: bytes) -> bool:
    with suppress(dkim.DKIMException, AssertionError):  # the library's, for a record of another kind or length
        return bool(dkim.DKIM(signs.sign(SAMPLE_MESSAGE)).verify(dnsfunc=lambda _name, **_: record))
    return False
