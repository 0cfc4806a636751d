"""DKIM signatures (RFC 6376, 8301) for those whose relay does not sign. Off unless DIGEST_DKIM_KEY is set.

The key is read once, at the start. A signature costs about 7 ms of processor time.
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
from digest.mail import messages
from digest.mail.message import RawMessage

MIN_BITS, RECOMMENDED_BITS, MAX_BITS = 1024, 2048, 4096  # of an RSA key: RFC 8301, 3.2
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSigner:
    """Tested key. `record` is the TXT record to publish at `record_name`; `bits` the length of the key."""

    domain: str
    selector: str
    bits: int
    record: str
    key: bytes = field(repr=False)

    @property
    def record_name(self) -> str:
        """DNS name of the public key."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, raw: RawMessage) -> RawMessage:
        """Return `raw` with a signature on top. Its `t=` is the library's clock: the true time of signing."""
        headers = b"\r\n" + raw.partition(b"\r\n\r\n")[0].lower()
        present = [name for name in SIGNED_HEADERS if b"\r\n" + name.encode() + b":" in headers]
        signature: bytes = dkim.DKIM(raw).sign(
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"simple"),
            include_headers=[name.encode() for name in (*present, *SIGNED_HEADERS)],
        )
        return RawMessage(signature + raw)


def load_signer(key_file: str, *, domain: str, selector: str) -> DkimSigner:
    """Load a signer. Raises SettingError when the key cannot sign."""
    pem, numbers = _read_private_key(key_file)
    signer = DkimSigner(
        domain=domain,
        selector=selector,
        bits=int(numbers["modulus"]).bit_length(),
        record=f"v=DKIM1; k=rsa; p={base64.b64encode(_encode_public_key(numbers)).decode()}",
        key=pem,
    )
    if not MIN_BITS <= signer.bits <= MAX_BITS:
        raise SettingError(messages.key_size(key_file, signer.bits, MIN_BITS, MAX_BITS))
    try:
        signer.sign(SAMPLE_MESSAGE)
    except (dkim.DKIMException, ValueError, AssertionError) as error:  # the latter when its numbers do not fit
        raise SettingError(messages.invalid_signing_key(key_file, str(error))) from error
    return signer


def is_world_readable(path: str) -> bool:
    """Return whether the file's mode lets everybody on this machine read the key."""
    return bool(Path(path).stat().st_mode & stat.S_IROTH)


def _read_private_key(path: str) -> tuple[bytes, dict[str, Any]]:
    """Return the key as the library wants it, and the numbers in it."""
    try:
        text = Path(path).read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise SettingError(messages.key_not_readable(path, str(error.strerror))) from error
    match = _PEM.search(text)
    label = match[1].decode().lower() if match else ""
    if not match or "private key" not in label:
        raise SettingError(messages.not_private(path, label) if label else messages.not_pem(path))
    if "encrypted" in label or b"ENCRYPTED" in match[2]:
        raise SettingError(messages.key_encrypted(path))
    try:
        if _ED25519 in base64.b64decode(match[2]):
            raise SettingError(messages.key_of_ed25519(path))
        return match[0], parse_pem_private_key(match[0])
    except (UnparsableKeyError, ValueError, IndexError) as error:
        raise SettingError(messages.not_rsa(path)) from error


def _encode_public_key(numbers: dict[str, Any]) -> bytes:
    """Return the public key in DER: RFC 8017, A.1.1, framed as in RFC 5280, 4.1."""
    integers = (numbers["modulus"], numbers["publicExponent"])
    pair = b"".join(_encode_der(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in integers)
    algorithm = _encode_der(SEQUENCE, _encode_der(OBJECT_IDENTIFIER, _RSA) + _encode_der(NULL, b""))
    return _encode_der(SEQUENCE, algorithm + _encode_der(BIT_STRING, b"\0" + _encode_der(SEQUENCE, pair)))


def _encode_der(tag: int, value: bytes) -> bytes:
    # The library's own function fails from 128 bytes on.
    if len(value) < 0x80:  # noqa: PLR2004  - X.690, 8.1.3: longer lengths say first how many bytes they have
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value
