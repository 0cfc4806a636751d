"""Our own signature: whether the key can sign, and whether the world can verify it."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import dkim

from digest.doctor.check import Check
from digest.doctor.names import Silent
from digest.errors import DigestError
from digest.house import sender_domain
from digest.mail.dkim import ADVISED, SAMPLE, Signer, others_may_read, signer
from digest.settings import Settings

LookUp = Callable[[str], Sequence[str]]  # the TXT records of a name; raises Silent


def check_signing(chosen: Settings, look_up: LookUp) -> list[Check]:
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
        found = look_up(signs.place)
    except Silent as error:
        return Check("signature", ok=False, says=f"the DNS does not answer ({error}); there should be {publish}")
    if not found:
        return Check("signature", ok=False, says=f"nothing is in the DNS yet; publish {publish}")
    if len(found) > 1:
        says = f"the DNS has {len(found)} records there, and receivers take any of them; keep one: {publish}"
        return Check("signature", ok=False, says=says)
    if not _verified(signs, found[0].encode()):
        return Check("signature", ok=False, says=f"the DNS has another key; publish {publish}")
    return Check("signature", ok=True, says=f"signs with {signs.bits} bits, verified by {signs.place}")


def _verified(signs: Signer, record: bytes) -> bool:
    with suppress(dkim.DKIMException, AssertionError):  # the library's, for a record of another kind or length
        return bool(dkim.DKIM(signs.sign(SAMPLE)).verify(dnsfunc=lambda _name, **_: record))
    return False
