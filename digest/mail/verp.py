"""Variable envelope return paths: bounces+TOKEN@domain names a delivery, signed, so that mail to it can be trusted.

    token = base32(signature | id of the delivery, masked by the signature)      39 characters, in either case

The signature is an HMAC-SHA256 of kind, id and Message-ID, cut to 128 bits (RFC 2104, 5); the mask is derived from it,
so that a token does not tell how many deliveries there are. An id may be given again, by a store that was restored from
a backup; a Message-ID never is. It is not in the token: whoever checks one looks it up. Local parts are lower-cased on
their way and have 64 octets at most (RFC 5321, 4.5.3.1.1): hence base32 and no longer signature. A token made for one
kind is worth nothing for another.
"""

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

SIGNATURE_BYTES, ID_BYTES = 16, 8
TOKEN_LENGTH = 39  # characters: eight for every five bytes
MAX_ID = 2**63 - 1  # of a row; a forged token has any
MAX_TOKENS = 20  # checked in one message
_TOKEN = re.compile(rf"\+([a-z2-7]{{{TOKEN_LENGTH}}})@", re.IGNORECASE)


class ReturnPathKind(StrEnum):
    """What mail to a return path is about."""

    BOUNCE = "bounce"
    UNSUBSCRIBE = "leave"


@dataclass(frozen=True, slots=True)
class ReturnToken:
    """What a valid token names. `has_message_id`: false for one made before schema 0007, which names an id alone."""

    kind: ReturnPathKind
    delivery_id: int
    has_message_id: bool = True


# Returns the Message-ID of a delivery; None where there is no such delivery (any more).
MessageIdLookup = Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Return path of the settings. The first key signs; all are tried, so that a key can be replaced."""

    address: str
    keys: Sequence[str]

    def address_for(self, kind: ReturnPathKind, delivery_id: int, message_id: str) -> str:
        """Return the address that names a delivery."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{self.token_for(kind, delivery_id, message_id)}@{domain}"

    def token_for(self, kind: ReturnPathKind, delivery_id: int, message_id: str) -> str:
        """Return the token alone, for the metadata of a mail provider."""
        return encode(self.keys[0], kind, delivery_id, message_id)

    def find(self, find_message_id: MessageIdLookup, *headers: str) -> ReturnToken | None:
        """Return what the first valid token in the headers names."""
        # Whatever stands around the token: addresses are rewritten on their way, and settings change.
        tokens = (token.lower() for header in headers for token in _TOKEN.findall(header))
        for token in islice(tokens, MAX_TOKENS):
            for key in self.keys:
                for kind in ReturnPathKind:
                    if (found := decode(key, kind, token, find_message_id)) is not None:
                        return found
        return None


def encode(key: str, kind: ReturnPathKind, delivery_id: int, message_id: str) -> str:
    """Return the token of a delivery."""
    plain = delivery_id.to_bytes(ID_BYTES, "big")
    signature = _sign(key, kind, plain, message_id)
    return b32encode(signature + _mask(key, kind, signature, plain)).decode().rstrip("=").lower()


def decode(key: str, kind: ReturnPathKind, token: str, find_message_id: MessageIdLookup) -> ReturnToken | None:
    """Return what a token names; None if it was not made with this key for this kind and a delivery that exists."""
    raw = b32decode(token.upper() + "=" * (-len(token) % 8))
    signature, masked = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    plain = _mask(key, kind, signature, masked)
    delivery_id = int.from_bytes(plain, "big")
    if hmac.compare_digest(signature, _sign(key, kind, plain)):
        return ReturnToken(kind, delivery_id, has_message_id=False)
    message_id = find_message_id(delivery_id) if delivery_id <= MAX_ID else None
    if message_id is not None and hmac.compare_digest(signature, _sign(key, kind, plain, message_id)):
        return ReturnToken(kind, delivery_id)
    return None


def _sign(key: str, kind: ReturnPathKind, plain: bytes, message_id: str = "") -> bytes:
    # Without a Message-ID as it was before schema 0007.
    return _mac(key, f"{kind} seal", plain + message_id.encode())[:SIGNATURE_BYTES]


def _mask(key: str, kind: ReturnPathKind, signature: bytes, value: bytes) -> bytes:
    mask = _mac(key, f"{kind} mask", signature)[:ID_BYTES]
    return bytes(a ^ b for a, b in zip(value, mask, strict=True))


def _mac(key: str, purpose: str, value: bytes) -> bytes:
    return hmac.digest(key.encode(), b"digest return address\0" + purpose.encode() + b"\0" + value, "sha256")
