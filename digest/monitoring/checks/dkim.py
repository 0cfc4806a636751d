"""DKIM signature: whether our key can sign, and whether receivers can verify it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import dkim

from digest.config import Settings
from digest.context import load_dkim_signer, sender_domain
from digest.errors import DigestError, DnsUnavailableError
from digest.mail import dkim as signing
from digest.monitoring.checks import messages
from digest.monitoring.checks.result import CheckResult

TxtLookup = Callable[[str], Sequence[str]]  # returns the TXT records of a name; raises DnsUnavailableError


def check_dkim(settings: Settings, lookup: TxtLookup) -> list[CheckResult]:
    """Check key, published record and alignment. Nothing is checked while signing is left to the relay."""
    try:
        signer = load_dkim_signer(settings)
    except DigestError as error:
        return [CheckResult("signature", ok=False, message=str(error))]
    if signer is None:
        return []
    problems = []
    if signer.bits < signing.RECOMMENDED_BITS:
        problems.append(messages.dkim_key_short(signer.bits, signing.RECOMMENDED_BITS))
    if signing.is_world_readable(settings.dkim_key):
        problems.append(messages.dkim_key_readable(settings.dkim_key))
    sender = sender_domain(settings.mail_from)
    if not is_aligned(signer.domain, sender):
        problems.append(messages.dkim_not_aligned(signer.domain, sender))
    return [
        _check_published_key(signer, lookup),
        *(CheckResult("signature", ok=False, message=problem) for problem in problems),
    ]


def is_aligned(domain: str, other_domain: str) -> bool:
    """Return whether one domain is the other or lies within it.

    That is RFC 7489, 3.1, as near as one gets without a list of public suffixes.
    """
    return f".{domain}".endswith(f".{other_domain}") or f".{other_domain}".endswith(f".{domain}")


def _check_published_key(signer: signing.DkimSigner, lookup: TxtLookup) -> CheckResult:
    name, record = signer.record_name, signer.record
    try:
        records = lookup(name)
    except DnsUnavailableError as error:
        return CheckResult("signature", ok=False, message=messages.dkim_dns_failed(error, name, record))
    if not records:
        return CheckResult("signature", ok=False, message=messages.dkim_missing(name, record))
    if len(records) > 1:
        return CheckResult("signature", ok=False, message=messages.dkim_repeated(len(records), name, record))
    if not _verifies(signer, records[0].encode()):
        return CheckResult("signature", ok=False, message=messages.dkim_differs(name, record))
    return CheckResult("signature", ok=True, message=messages.dkim_ready(signer.bits, name))


def _verifies(signer: signing.DkimSigner, record: bytes) -> bool:
    """Return whether a published record verifies what the key signs."""
    with suppress(dkim.DKIMException, AssertionError):  # dkimpy raises either for a record of another type or length
        return bool(dkim.DKIM(signer.sign(signing.SAMPLE_MESSAGE)).verify(dnsfunc=lambda _name, **_: record))
    return False
