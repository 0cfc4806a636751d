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

SIGNATURE_BYTES, ID_BYTES = 16, 8  # bytes


TOKEN_LENGTH = 39  # characters of a token: eight for every five bytes


_TOKEN = re.compile(rf"\+([a-z2-7]{{{TOKEN_LENGTH}}})@", re.IGNORECASE)


MAX_TOKENS = 20  # tokens looked at in one mail


class ReturnPathKind(StrEnum):
    """What mail to an address of ours is about: a letter that came back, or a wish to leave."""

    BOUNCE = "bounce"
    UNSUBSCRIBE = "leave"


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """The address of the settings. Keys are tried in order; the first one seals, so that a key can be replaced."""

    address: str
    keys: Sequence[str]

    def address_for(self, kind: ReturnPathKind, delivery_id: int) -> str:
        """The return address of a delivery."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{encode(self.keys[0], kind, delivery_id)}@{domain}"

    def find(self, *headers: str) -> tuple[ReturnPathKind, int] | None:
        """The errand and the delivery of the first of our tokens that stands in one of these headers."""
        for token in list(_find_tokens(headers))[:MAX_TOKENS]:
            for key in self.keys:
                for kind in ReturnPathKind:
                    if (delivery_id := decode(key, kind, token)) is not None:
                        return kind, delivery_id
        return None


def _find_tokens(headers: Sequence[str]) -> Iterator[str]:
    # Whatever stands before and after the token: addresses are rewritten on their way, and settings change.
    for text in headers:
        yield from (each.lower() for each in _TOKEN.findall(text))


def encode(key: str, kind: ReturnPathKind, delivery_id: int) -> str:
    """A token for a delivery; whoever holds it may do `errand`."""
    plain = delivery_id.to_bytes(ID_BYTES, "big")
    signature = _mac(key, f"{kind} seal", plain)[:SIGNATURE_BYTES]
    return b32encode(signature + _mask(key, kind, signature, plain)).decode().rstrip("=").lower()


def decode(key: str, kind: ReturnPathKind, token: str) -> int | None:
    """The number in a token; None when it was not sealed with this key for this errand."""
    raw = b32decode(token.upper() + "=" * (-len(token) % 8))
    signature, masked = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    plain = _mask(key, kind, signature, masked)
    genuine = hmac.compare_digest(signature, _mac(key, f"{kind} seal", plain)[:SIGNATURE_BYTES])
    return int.from_bytes(plain, "big") if genuine else None


def _mask(key: str, kind: ReturnPathKind, signature: bytes, number: bytes) -> bytes:
    mask = _mac(key, f"{kind} mask", signature)[:ID_BYTES]
    return bytes(a ^ b for a, b in zip(number, mask, strict=True))


def _mac(key: str, purpose: str, value: bytes) -> bytes:
    return hmac.digest(key.encode(), b"digest return address\0" + purpose.encode() + b"\0" + value, "sha256")
