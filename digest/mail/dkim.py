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

from digest.config import Settings
from digest.errors import SettingError
from digest.mail.message import RawMessage

MIN_BITS, RECOMMENDED_BITS, MAX_BITS = 1024, 2048, 4096  # bits of an RSA key: RFC 8301, 3.2


# Each is signed as often as it is there and once more, so that none can be added, changed or put on top afterwards
# (RFC 6376, 8.15). RFC 8058, 4 asks for the two of unsubscribing, Gmail for Feedback-ID.
SIGNED_HEADERS = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id", "auto-submitted"),
)


SAMPLE_MESSAGE = RawMessage(b"From: <digest@example.org>\r\nSubject: a sample\r\n\r\nA sample.\r\n")


_RSA = bytes.fromhex("2a864886f70d010101")  # the object identifier rsaEncryption (RFC 8017, A.1)


_ED25519 = bytes.fromhex("06032b6570")  # and that of Ed25519 (RFC 8410, 3)


_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\n(.*?)\n-----END \1-----", re.DOTALL)


_GENERATE_COMMAND = "openssl genrsa -out dkim.pem 2048"


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSigner:
    """A key that was tried. `record` is the TXT record to publish at `place`; `bits` the length of the key."""

    domain: str
    selector: str
    bits: int
    record: str
    key: bytes = field(repr=False)

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, raw: RawMessage) -> RawMessage:
        """`raw` with the signature on top. Its `t=` is the library's clock: the true time of signing."""
        head = b"\r\n" + raw.partition(b"\r\n\r\n")[0].lower()
        there = [name for name in SIGNED_HEADERS if b"\r\n" + name.encode() + b":" in head]
        header: bytes = dkim.DKIM(raw).sign(
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"simple"),
            include_headers=[name.encode() for name in (*there, *SIGNED_HEADERS)],
        )
        return RawMessage(header + raw)


def load_signer(settings: Settings) -> DkimSigner | None:
    """Who signs, by the settings; None while no key is named. Raises SettingError when the key cannot sign."""
    if not settings.dkim_key:
        return None
    pem, numbers = _read_private_key(settings.dkim_key)
    made = DkimSigner(
        domain=settings.signing_domain,
        selector=settings.dkim_selector,
        bits=int(numbers["modulus"]).bit_length(),
        record=f"v=DKIM1; k=rsa; p={base64.b64encode(_encode_public_key(numbers)).decode()}",
        key=pem,
    )
    if not MIN_BITS <= made.bits <= MAX_BITS:
        raise _key_error(settings.dkim_key, f"has {made.bits} bits; receivers take {MIN_BITS} to {MAX_BITS}")
    try:
        made.sign(SAMPLE_MESSAGE)
    except (dkim.DKIMException, ValueError, AssertionError) as error:  # the latter when its numbers do not fit
        raise _key_error(settings.dkim_key, f"cannot sign: {error}") from error
    return made


def is_world_readable(path: str) -> bool:
    """Whether the file's mode lets everybody on this machine read the key."""
    return bool(Path(path).stat().st_mode & stat.S_IROTH)


def _read_private_key(path: str) -> tuple[bytes, dict[str, Any]]:
    """The key as the library wants it, and the numbers in it."""
    try:
        text = Path(path).read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise _key_error(path, f"cannot be read: {error.strerror}") from error
    found = _PEM.search(text)
    kind = found[1].decode().lower() if found else ""
    if not found or "private key" not in kind:
        raise _key_error(path, f"holds a {kind}, no private key" if kind else "is no PEM file")
    if "encrypted" in kind or b"ENCRYPTED" in found[2]:
        raise _key_error(path, "is protected by a passphrase, which nobody can type at the start")
    try:
        if _ED25519 in base64.b64decode(found[2]):
            raise _key_error(path, "is an Ed25519 key, which few receivers verify so far")
        return found[0], parse_pem_private_key(found[0])
    except (UnparsableKeyError, ValueError, IndexError) as error:
        raise _key_error(path, "is no RSA key") from error


def _encode_public_key(numbers: dict[str, Any]) -> bytes:
    """The public half in DER: RFC 8017, A.1.1, framed as RFC 5280, 4.1 says."""
    integers = (numbers["modulus"], numbers["publicExponent"])
    pair = b"".join(_encode_der(INTEGER, each.to_bytes(each.bit_length() // 8 + 1, "big")) for each in integers)
    kind = _encode_der(SEQUENCE, _encode_der(OBJECT_IDENTIFIER, _RSA) + _encode_der(NULL, b""))
    return _encode_der(SEQUENCE, kind + _encode_der(BIT_STRING, b"\0" + _encode_der(SEQUENCE, pair)))


def _encode_der(tag: int, value: bytes) -> bytes:
    # The library has one, which fails from 128 bytes on.
    if len(value) < 0x80:  # noqa: PLR2004  - X.690, 8.1.3: longer lengths say first how many bytes they have
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def _key_error(path: str, problem: str) -> SettingError:
    return SettingError(f"DIGEST_DKIM_KEY: {path} {problem}. A key that can be used is made by: {_GENERATE_COMMAND}")
