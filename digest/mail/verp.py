"""Variable envelope return paths: bounces+TOKEN@domain names a delivery, signed, so that mail to it can be trusted.

    token = base32(signature | id of the delivery, masked by the signature)      39 characters, in either case

The signature is an HMAC-SHA256 of kind and id, cut to 128 bits (RFC 2104, 5); the mask is derived from it, so that a
token does not tell how many deliveries there are. Local parts are lower-cased on their way and have 64 octets at most
(RFC 5321, 4.5.3.1.1): hence base32 and no longer signature. A token made for one kind is worth nothing for another.
"""

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

SIGNATURE_BYTES, ID_BYTES = 16, 8
TOKEN_LENGTH = 39  # characters: eight for every five bytes
MAX_TOKENS = 20  # checked in one message
_TOKEN = re.compile(rf"\+([a-z2-7]{{{TOKEN_LENGTH}}})@", re.IGNORECASE)


class ReturnPathKind(StrEnum):
    """What mail to a return path is about."""

    BOUNCE = "bounce"
    UNSUBSCRIBE = "leave"


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Return path of the settings. The first key signs; all are tried, so that a key can be replaced."""

    address: str
    keys: Sequence[str]

    def address_for(self, kind: ReturnPathKind, delivery_id: int) -> str:
        """Return the address that names a delivery."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{encode(self.keys[0], kind, delivery_id)}@{domain}"

    def find(self, *headers: str) -> tuple[ReturnPathKind, int] | None:
        """Return the kind and the delivery of the first valid token in the headers."""
        # Whatever stands around the token: addresses are rewritten on their way, and settings change.
        tokens = (token.lower() for header in headers for token in _TOKEN.findall(header))
        for token in islice(tokens, MAX_TOKENS):
            for key in self.keys:
                for kind in ReturnPathKind:
                    if (delivery_id := decode(key, kind, token)) is not None:
                        return kind, delivery_id
        return None


def encode(key: str, kind: ReturnPathKind, delivery_id: int) -> str:
    """Return the token of a delivery."""
    plain = delivery_id.to_bytes(ID_BYTES, "big")
    signature = _sign(key, kind, plain)
    return b32encode(signature + _mask(key, kind, signature, plain)).decode().rstrip("=").lower()


def decode(key: str, kind: ReturnPathKind, token: str) -> int | None:
    """Return the delivery of a token; None if it was not made with this key for this kind."""
    raw = b32decode(token.upper() + "=" * (-len(token) % 8))
    signature, masked = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    plain = _mask(key, kind, signature, masked)
    return int.from_bytes(plain, "big") if hmac.compare_digest(signature, _sign(key, kind, plain)) else None


def _sign(key: str, kind: ReturnPathKind, plain: bytes) -> bytes:
    return _mac(key, f"{kind} seal", plain)[:SIGNATURE_BYTES]


def _mask(key: str, kind: ReturnPathKind, signature: bytes, value: bytes) -> bytes:
    mask = _mac(key, f"{kind} mask", signature)[:ID_BYTES]
    return bytes(a ^ b for a, b in zip(value, mask, strict=True))


def _mac(key: str, purpose: str, value: bytes) -> bytes:
    return hmac.digest(key.encode(), b"digest return address\0" + purpose.encode() + b"\0" + value, "sha256")
