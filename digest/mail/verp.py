"""Return addresses that name their letter: bounces+TOKEN@domain, signed, so that whatever arrives there can be trusted.

    token = base32(seal | number of the delivery, masked by the seal)      39 characters, in either case

The seal is an HMAC-SHA256 of errand and number, cut to 128 bits (RFC 2104, 5); the mask is made from the seal, so that
a token tells nobody how many letters there are. Local parts are lower-cased on their way, and have 64 octets at most
(RFC 5321, 4.5.3.1.1): hence base32 and no longer seal. Errands share one address; a token made for one can do nothing
else.
"""

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

SEAL, NUMBER = 16, 8  # bytes
LENGTH = 39  # characters of a token: eight for every five bytes
_TOKEN = re.compile(rf"\+([a-z2-7]{{{LENGTH}}})@", re.IGNORECASE)
MOST = 20  # tokens looked at in one mail


class Errand(StrEnum):
    """What mail to an address of ours is about: a letter that came back, or a wish to leave."""

    BOUNCE = "bounce"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """The address of the settings. Keys are tried in order; the first one seals, so that a key can be replaced."""

    address: str
    keys: Sequence[str]

    def of(self, errand: Errand, number: int) -> str:
        """The return address of a delivery."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{seal(self.keys[0], errand, number)}@{domain}"

    def named(self, *texts: str) -> tuple[Errand, int] | None:
        """The errand and the delivery of the first of our tokens that stands in one of these headers."""
        for token in list(_tokens(texts))[:MOST]:
            for key in self.keys:
                for errand in Errand:
                    if (number := unseal(key, errand, token)) is not None:
                        return errand, number
        return None


def _tokens(texts: Sequence[str]) -> Iterator[str]:
    # Whatever stands before and after the token: addresses are rewritten on their way, and settings change.
    for text in texts:
        yield from (each.lower() for each in _TOKEN.findall(text))


def seal(key: str, errand: Errand, number: int) -> str:
    """A token for a delivery; whoever holds it may do `errand`."""
    written = number.to_bytes(NUMBER, "big")
    stamp = _mac(key, f"{errand} seal", written)[:SEAL]
    return b32encode(stamp + _masked(key, errand, stamp, written)).decode().rstrip("=").lower()


def unseal(key: str, errand: Errand, token: str) -> int | None:
    """The number in a token; None when it was not sealed with this key for this errand."""
    raw = b32decode(token.upper() + "=" * (-len(token) % 8))
    stamp, masked = raw[:SEAL], raw[SEAL:]
    written = _masked(key, errand, stamp, masked)
    genuine = hmac.compare_digest(stamp, _mac(key, f"{errand} seal", written)[:SEAL])
    return int.from_bytes(written, "big") if genuine else None


def _masked(key: str, errand: Errand, stamp: bytes, number: bytes) -> bytes:
    mask = _mac(key, f"{errand} mask", stamp)[:NUMBER]
    return bytes(a ^ b for a, b in zip(number, mask, strict=True))


def _mac(key: str, what: str, value: bytes) -> bytes:
    return hmac.digest(key.encode(), b"digest return address\0" + what.encode() + b"\0" + value, "sha256")
