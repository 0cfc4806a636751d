"""Our own DKIM signature (RFC 6376, 8301), for who has no relay that signs. Off unless DIGEST_DKIM_KEY is set.

    a letter in wire form -> the same letter under a DKIM-Signature

The key is read once, at the start. Each signature costs about 7 ms of processor: CONTRIBUTING has the figures.
"""

import base64
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dkim
from dkim.asn1 import BIT_STRING, INTEGER, NULL, OBJECT_IDENTIFIER, SEQUENCE
from dkim.crypto import UnparsableKeyError, parse_pem_private_key

from digest.errors import SettingError
from digest.mail.message import Wired
from digest.settings import Settings

LEAST, ADVISED, MOST = 1024, 2048, 4096  # bits of an RSA key: RFC 8301, 3.2
# Each is signed as often as it is there and once more, so that none can be added, changed or put on top afterwards
# (RFC 6376, 8.15). RFC 8058, 4 asks for the two of unsubscribing, Gmail for Feedback-ID.
SIGNED = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "auto-submitted"),
)
SAMPLE = Wired(b"From: <digest@example.org>\r\nSubject: a sample\r\n\r\nA sample.\r\n")
_RSA = bytes.fromhex("2a864886f70d010101")  # the object identifier rsaEncryption (RFC 8017, A.1)
_ED25519 = bytes.fromhex("06032b6570")  # and that of Ed25519 (RFC 8410, 3)
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\n(.*?)\n-----END \1-----", re.DOTALL)
_MAKE = "openssl genrsa -out dkim.pem 2048"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that was tried. `record` is the TXT record to publish at `place`; `bits` the length of the key."""

    domain: str
    selector: str
    bits: int
    record: str
    key: bytes = field(repr=False)

    @property
    def place(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, raw: Wired) -> Wired:
        """`raw` with the signature on top. Its `t=` is the library's clock: the true time of signing."""
        head = b"\r\n" + raw.partition(b"\r\n\r\n")[0].lower()
        there = [name for name in SIGNED if b"\r\n" + name.encode() + b":" in head]
        header: bytes = dkim.DKIM(raw).sign(
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"simple"),
            include_headers=[name.encode() for name in (*there, *SIGNED)],
        )
        return Wired(header + raw)


def signer(settings: Settings) -> Signer | None:
    """Who signs, by the settings; None while no key is named. Raises SettingError when the key cannot sign."""
    if not settings.dkim_key:
        return None
    pem, numbers = _read(settings.dkim_key)
    made = Signer(
        domain=settings.signing_domain,
        selector=settings.dkim_selector,
        bits=int(numbers["modulus"]).bit_length(),
        record=f"v=DKIM1; k=rsa; p={base64.b64encode(_public(numbers)).decode()}",
        key=pem,
    )
    if not LEAST <= made.bits <= MOST:
        raise _fault(settings.dkim_key, f"has {made.bits} bits; receivers take {LEAST} to {MOST}")
    try:
        made.sign(SAMPLE)
    except (dkim.DKIMException, ValueError, AssertionError) as error:  # the latter when its numbers do not fit
        raise _fault(settings.dkim_key, f"cannot sign: {error}") from error
    return made


def others_may_read(path: str) -> bool:
    """Whether the file's mode lets everybody on this machine read the key."""
    return bool(Path(path).stat().st_mode & stat.S_IROTH)


def _read(path: str) -> tuple[bytes, dict[str, Any]]:
    """The key as the library wants it, and the numbers in it."""
    try:
        text = Path(path).read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}") from error
    found = _PEM.search(text)
    kind = found[1].decode().lower() if found else ""
    if not found or "private key" not in kind:
        raise _fault(path, f"holds a {kind}, no private key" if kind else "is no PEM file")
    if "encrypted" in kind or b"ENCRYPTED" in found[2]:
        raise _fault(path, "is protected by a passphrase, which nobody can type at the start")
    try:
        if _ED25519 in base64.b64decode(found[2]):
            raise _fault(path, "is an Ed25519 key, which few receivers verify so far")
        return found[0], parse_pem_private_key(found[0])
    except (UnparsableKeyError, ValueError, IndexError) as error:
        raise _fault(path, "is no RSA key") from error


def _public(numbers: dict[str, Any]) -> bytes:
    """The public half in DER: RFC 8017, A.1.1, framed as RFC 5280, 4.1 says."""
    integers = (numbers["modulus"], numbers["publicExponent"])
    pair = b"".join(_der(INTEGER, each.to_bytes(each.bit_length() // 8 + 1, "big")) for each in integers)
    kind = _der(SEQUENCE, _der(OBJECT_IDENTIFIER, _RSA) + _der(NULL, b""))
    return _der(SEQUENCE, kind + _der(BIT_STRING, b"\0" + _der(SEQUENCE, pair)))


def _der(tag: int, value: bytes) -> bytes:
    # The library has one, which fails from 128 bytes on.
    if len(value) < 0x80:  # noqa: PLR2004  - X.690, 8.1.3: longer lengths say first how many bytes they have
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def _fault(path: str, says: str) -> SettingError:
    return SettingError(f"DIGEST_DKIM_KEY: {path} {says}. A key that can be used is made by: {_MAKE}")
