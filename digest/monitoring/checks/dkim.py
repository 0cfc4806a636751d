"""DKIM signature: whether our key can sign, and whether receivers can verify it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import dkim

from digest.config import Settings
from digest.context import load_dkim_signer, sender_domain
from digest.errors import DigestError, DnsUnavailableError
from digest.mail import dkim as signing
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
        advice = f"make one of {signing.RECOMMENDED_BITS} and publish it under a new selector"
        problems.append(f"DIGEST_DKIM_KEY has {signer.bits} bits; {advice}")
    if signing.is_world_readable(settings.dkim_key):
        problems.append(f"all users of this machine can read {settings.dkim_key}; run: chmod 600 {settings.dkim_key}")
    sender = sender_domain(settings.mail_from)
    if not is_aligned(signer.domain, sender):
        advice = "DMARC fails; set DIGEST_DKIM_DOMAIN"
        problems.append(f"{signer.domain} does not answer for the sender {sender}: {advice}")
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
    publish = f"{signer.record_name} with the TXT record: {signer.record}"
    try:
        records = lookup(signer.record_name)
    except DnsUnavailableError as error:
        return CheckResult(
            "signature", ok=False, message=f"the DNS does not answer ({error}); there should be {publish}"
        )
    if not records:
        return CheckResult("signature", ok=False, message=f"nothing is in the DNS yet; publish {publish}")
    if len(records) > 1:
        text = f"the DNS has {len(records)} records there, and receivers take any of them; keep one: {publish}"
        return CheckResult("signature", ok=False, message=text)
    if not _verifies(signer, records[0].encode()):
        return CheckResult("signature", ok=False, message=f"the DNS has another key; publish {publish}")
    text = f"signs with {signer.bits} bits, verified by {signer.record_name}"
    return CheckResult("signature", ok=True, message=text)


def _verifies(signer: signing.DkimSigner, record: bytes) -> bool:
    """Return whether a published record verifies what the key signs."""
    with suppress(dkim.DKIMException, AssertionError):  # dkimpy raises either for a record of another type or length
        return bool(dkim.DKIM(signer.sign(signing.SAMPLE_MESSAGE)).verify(dnsfunc=lambda _name, **_: record))
    return False
