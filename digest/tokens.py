"""Signed tokens: the bearer of one may do one thing for one subscriber. They are not stored."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

from digest.errors import TokenError

CONFIRM_LIFETIME = timedelta(hours=72)
QUICK_ACTION_LIFETIME = timedelta(days=90)
ADDRESS_CHANGE_LIFETIME = timedelta(hours=72)
ADDRESS_UNDO_LIFETIME = timedelta(days=7)
RESUBSCRIBE_LIFETIME = timedelta(days=30)
UNDO_LIFETIME = timedelta(days=1)


class TokenPurpose(StrEnum):
    """What a token may do. A token made for one purpose is worthless for every other."""

    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    UNSUBSCRIBE = "unsubscribe"
    VIEW = "view"  # the web copy of an e-mail
    FEED = "feed"  # what was mailed, as a feed
    MUTE = "mute"  # a keyword
    MUTE_AUTHOR = "never"
    WEEKLY = "fewer"
    PAUSE = "pause"
    RESUBSCRIBE = "return"
    ADDRESS_CHANGE = "address"  # confirm a new address
    ADDRESS_UNDO = "address-undo"  # go back to the old address
    UNDO = "undo"  # what a quick action has changed
    MARK = "mark"  # one mark on one paper: see `TokenSigner.sign_marks`
    MARKS = "marks"  # on the papers of one digest
    SAVED = "saved"  # saved papers, and all marks


# What a link in an e-mail marks a paper as; a subscriber's other marks are set on pages.
MARK_KINDS = ("more", "less", "saved")
MARK_TAG_LENGTH = 12  # characters of base64, 72 bits: guesses are counted, and each needs a subscriber's nonce
MARK_TAG_BYTES = MARK_TAG_LENGTH * 6 // 8


# Names of the pages to which links with tokens lead; web copies were at `letters` before.
TOKEN_PAGES = ("emails", "letters", "mine", *(purpose.value for purpose in TokenPurpose))
TOKEN_LINK_PATTERN = re.compile(rf"/({'|'.join(TOKEN_PAGES)})/[\w.~%-]+")

DAMAGED_LINK = "This link is damaged. Copy all of it from the e-mail, or request a new one."
SIGNATURE_PATTERN = re.compile(r"[\w-]+", re.ASCII)

MARK_TOKEN = re.compile(
    rf"(?P<nonce>[\w-]+)\.(?P<issued>[0-9a-f]{{1,16}})\.(?P<paper>[1-9][0-9]{{0,17}})"
    rf"\.(?P<kind>{'|'.join(MARK_KINDS)})\.(?P<tag>[\w-]{{{MARK_TAG_LENGTH}}})",
    re.ASCII,
)

# Sentences of expired links. Lifetimes stand in them, so that a translation has them whole.
CONFIRM_EXPIRED = "This link was valid for 72 hours and has expired. Subscribe again to get a new one."
QUICK_ACTION_EXPIRED = "This link was valid for 90 days and has expired. Use the link in your latest e-mail."
RESUBSCRIBE_EXPIRED = "This link was valid for 30 days and has expired. You can subscribe again."
ADDRESS_CHANGE_EXPIRED = (
    "This link was valid for 72 hours and has expired. Ask for a new one in your preferences; every digest has a link "
    "to them."
)
ADDRESS_UNDO_EXPIRED = (
    "This link was valid for 7 days and has expired. Change the address in your preferences; every digest has a link "
    "to them."
)
UNDO_EXPIRED = (
    "This link was valid for a day and has expired. Change it in your preferences. Every e-mail has a link to them."
)
MARK_EXPIRED = (
    "This link was valid for 90 days and has expired. Your preferences have a page of your saved papers; every digest "
    "has a link to them."
)

# How long a token is valid, and what is said afterwards. All others are valid as long as the subscriber is stored:
# every old e-mail must be good to unsubscribe. (How long web copies are shown is a setting.)
TOKEN_LIFETIMES = {
    TokenPurpose.CONFIRM: (CONFIRM_LIFETIME, CONFIRM_EXPIRED),
    TokenPurpose.MUTE: (QUICK_ACTION_LIFETIME, QUICK_ACTION_EXPIRED),
    TokenPurpose.MUTE_AUTHOR: (QUICK_ACTION_LIFETIME, QUICK_ACTION_EXPIRED),
    TokenPurpose.WEEKLY: (QUICK_ACTION_LIFETIME, QUICK_ACTION_EXPIRED),
    TokenPurpose.PAUSE: (QUICK_ACTION_LIFETIME, QUICK_ACTION_EXPIRED),
    TokenPurpose.RESUBSCRIBE: (RESUBSCRIBE_LIFETIME, RESUBSCRIBE_EXPIRED),
    TokenPurpose.ADDRESS_CHANGE: (ADDRESS_CHANGE_LIFETIME, ADDRESS_CHANGE_EXPIRED),
    TokenPurpose.ADDRESS_UNDO: (ADDRESS_UNDO_LIFETIME, ADDRESS_UNDO_EXPIRED),
    TokenPurpose.UNDO: (UNDO_LIFETIME, UNDO_EXPIRED),
    TokenPurpose.MARK: (QUICK_ACTION_LIFETIME, MARK_EXPIRED),
    TokenPurpose.MARKS: (QUICK_ACTION_LIFETIME, MARK_EXPIRED),
}


class TokenSigner:
    """Makes and verifies tokens (HMAC-SHA256). The first key signs; all verify, so that a key can be replaced."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self._signers: dict[TokenPurpose, Signer] = {}
        self._hashes: dict[TokenPurpose, KeyedHash] = {}
        self._mark_keys: list[bytes] = []
        for purpose in TokenPurpose:
            # Derived here once and not again for each token: a digest has seven.
            signer = Signer(list(keys), salt=f"digest {purpose}", key_derivation="hmac", digest_method=hashlib.sha256)
            derived = [signer.derive_key(key) for key in reversed(keys)]  # itsdangerous signs with the last one
            self._signers[purpose] = Signer(derived, key_derivation="none", algorithm=SingleCallHmac())
            self._hashes[purpose] = KeyedHash(derived[-1])
            if purpose == TokenPurpose.MARK:
                self._mark_keys = derived[::-1]  # the one that signs first

    def sign(self, purpose: TokenPurpose, subject: str, issued: datetime) -> str:
        """Return a token for `subject`: a subscriber's nonce, or the `delivery_subject` of a delivery."""
        return self.sign_many([purpose], subject, issued)[0]

    def sign_many(self, purposes: Iterable[TokenPurpose], subject: str, issued: datetime) -> list[str]:
        """Return a token for each purpose, with the signatures that `Signer.sign` makes, in a fraction of its time."""
        value = f"{subject}.{int(issued.timestamp()):x}"
        raw = value.encode()
        # One more byte makes each digest 33 bytes, which base64 writes as 44 characters without padding, so that one
        # call encodes all. The last character stands for that byte and is dropped.
        digests = b"".join([self._hashes[purpose].digest(raw) + b"\0" for purpose in purposes])
        encoded = urlsafe_b64encode(digests).decode()
        return [f"{value}.{encoded[start : start + 43]}" for start in range(0, len(encoded), 44)]

    def unsign(self, purpose: TokenPurpose, token: str, now: datetime) -> str:
        """Verify a token and return its subject. Raises TokenError for a damaged, foreign or expired one."""
        return self.unsign_with_time(purpose, token, now)[0]

    def unsign_with_time(self, purpose: TokenPurpose, token: str, now: datetime) -> tuple[str, datetime]:
        """Verify a token and return its subject, and when it was issued, to the second. Raises TokenError."""
        if purpose == TokenPurpose.MARK:
            subject, issued_at = self._unsign_mark(token)
        else:
            subject, issued_at = self._unsign(purpose, token)
        if purpose in TOKEN_LIFETIMES and now - issued_at > TOKEN_LIFETIMES[purpose][0]:
            raise TokenError(TOKEN_LIFETIMES[purpose][1])
        return subject, issued_at

    def sign_marks(self, nonce: str, paper_ids: Iterable[int], issued: datetime) -> tuple[str, list[str]]:
        """Return how the tokens of all marks of an e-mail begin, and for each paper their tags, one behind the other.

        A token is `NONCE.ISSUED.PAPER.KIND.TAG`, its subject `NONCE.PAPER.KIND`. A digest has thirty, so one keyed
        BLAKE2b (RFC 7693) of a paper gives the tags of all its kinds, in a fifth of the time of as many HMACs.
        """
        start = f"{nonce}.{int(issued.timestamp()):x}"
        tags = urlsafe_b64encode(b"".join(_hash_marks(self._mark_keys[0], start, paper_ids))).decode()
        width = len(MARK_KINDS) * MARK_TAG_LENGTH
        return start, [tags[place : place + width] for place in range(0, len(tags), width)]

    def _unsign_mark(self, token: str) -> tuple[str, datetime]:
        if (parts := MARK_TOKEN.fullmatch(token)) is None:
            raise TokenError(DAMAGED_LINK)
        start, paper_id = f"{parts['nonce']}.{parts['issued']}", int(parts["paper"])
        place = MARK_KINDS.index(parts["kind"]) * MARK_TAG_BYTES
        given = urlsafe_b64decode(parts["tag"])
        hashes = [_hash_marks(key, start, [paper_id])[0] for key in self._mark_keys]
        if not any(hmac.compare_digest(given, tags[place : place + MARK_TAG_BYTES]) for tags in hashes):
            raise TokenError(DAMAGED_LINK)
        try:
            return f"{parts['nonce']}.{paper_id}.{parts['kind']}", datetime.fromtimestamp(int(parts["issued"], 16), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise TokenError(DAMAGED_LINK) from error

    def _unsign(self, purpose: TokenPurpose, token: str) -> tuple[str, datetime]:
        # Base64 decodes "+" as "-" and skips what is none of its characters; a signature has one spelling.
        signed = token if SIGNATURE_PATTERN.fullmatch(token.rpartition(".")[2]) else ""
        try:
            subject, _, issued = self._signers[purpose].unsign(signed).decode().rpartition(".")
            return subject, datetime.fromtimestamp(int(issued, 16), UTC)
        except (BadSignature, UnicodeError, ValueError, OverflowError, OSError) as error:
            raise TokenError(DAMAGED_LINK) from error


def _hash_marks(key: bytes, start: str, paper_ids: Iterable[int]) -> list[bytes]:
    """Return for each paper the tags of all kinds of marks in the tokens that begin with `start`."""
    common = hashlib.blake2b(f"{start}.".encode(), key=key, digest_size=len(MARK_KINDS) * MARK_TAG_BYTES)
    hashes = []
    for paper_id in paper_ids:
        of_paper = common.copy()
        of_paper.update(b"%d" % paper_id)
        hashes.append(of_paper.digest())
    return hashes


def split_mark_tags(tags: str) -> tuple[str, ...]:
    """Split what `TokenSigner.sign_marks` returns for one paper into a tag for each of MARK_KINDS; none of no text."""
    return tuple(tags[start : start + MARK_TAG_LENGTH] for start in range(0, len(tags), MARK_TAG_LENGTH))


def delivery_subject(delivery_id: int, message_id: str) -> str:
    """Return the subject of a token about a delivery: `ID-` and 64 random bits of its Message-ID, `<HEX@domain>`.

    A store that was restored from a backup gives ids again, and on SQLite schema 0006 gave the last one again after its
    row was deleted. A Message-ID is never used twice.
    """
    return f"{delivery_id}-{message_id.partition('@')[0][-16:]}"


class KeyedHash:
    """HMAC-SHA256 with one key, whose two pads are hashed in advance (RFC 2104, section 4)."""

    __slots__ = ("_inner_hash", "_outer_hash")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner_hash = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer_hash = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, value: bytes) -> bytes:
        """Return the HMAC of a value."""
        inner, outer = self._inner_hash.copy(), self._outer_hash.copy()
        inner.update(value)
        outer.update(inner.digest())
        return outer.digest()


class SingleCallHmac(SigningAlgorithm):
    """HMAC-SHA256 in one call of OpenSSL, in a third of the time of itsdangerous."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the HMAC of a value."""
        return hmac.digest(key, value, "sha256")


def redact_tokens(text: str) -> str:
    """Return a text without the tokens of links in it, fit for logs: whoever has one may use it."""
    return TOKEN_LINK_PATTERN.sub(r"/\1/(token)", text)
