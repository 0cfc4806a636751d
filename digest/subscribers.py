"""Who asked for letters, what they asked for, and the links that prove it is they.

    pending ──confirm──> active <──resume── paused
       │                   │ └────pause──────^
       │                   └──unsubscribe──> unsubscribed ──subscribe again──> pending
       └──a final refusal or a complaint──> suppressed

Everything here works inside the caller's transaction.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from itsdangerous import BadSignature, Signer
from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from digest.errors import AddressError, SubscriberError, TokenError, UnknownSubscriber
from digest.models import Frequency, Keyword, SavedKeyword, Status, Subscriber

CONSENT = "2026-11: new papers that match my keywords, by e-mail, until I unsubscribe"
CONFIRM_WITHIN = timedelta(hours=72)
MOST_KEYWORDS = 100
LARGEST_CAP = 100


class Purpose(StrEnum):
    """What a link may do. A link made for one purpose is worthless for every other."""

    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    UNSUBSCRIBE = "unsubscribe"
    VIEW = "view"


class Links:
    """Signed tokens (HMAC-SHA256). Keys are tried in order; the first one signs, so that a key can be replaced."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(reversed(keys))  # the library signs with the last one

    def token(self, purpose: Purpose, subject: str, issued: datetime) -> str:
        """A token for `subject` (a subscriber's nonce, a delivery's message id); whoever holds it may do `purpose`."""
        return self._signer(purpose).sign(f"{subject}.{int(issued.timestamp()):x}").decode()

    def read(self, purpose: Purpose, token: str, now: datetime) -> str:
        """The subject of a token. Raises TokenError for a damaged, foreign or expired one."""
        try:
            subject, _, issued = self._signer(purpose).unsign(token).decode().rpartition(".")
            age = now - datetime.fromtimestamp(int(issued, 16), UTC)
        except (BadSignature, UnicodeError, ValueError, OverflowError, OSError) as error:
            raise TokenError("This link is damaged. Copy it whole from the mail, or ask for a new one.") from error
        if purpose is Purpose.CONFIRM and age > CONFIRM_WITHIN:
            raise TokenError("This link was valid for 72 hours and has expired. Subscribe again to get a new one.")
        return subject

    def _signer(self, purpose: Purpose) -> Signer:
        return Signer(self._keys, salt=f"digest {purpose}", key_derivation="hmac", digest_method=hashlib.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """When and how much a reader wants. Raises SubscriberError for what cannot be had."""

    frequency: str = Frequency.DAILY
    send_hour: int = 8
    timezone: str = "UTC"
    cap: int = 20
    trending: bool = False

    def __post_init__(self) -> None:
        if self.frequency not in set(Frequency):
            raise SubscriberError(f"Choose daily, weekdays or weekly; {self.frequency!r} is none of them.")
        if not 0 <= self.send_hour <= 23:  # noqa: PLR2004  - a day's hours
            raise SubscriberError(f"Choose an hour from 0 to 23; {self.send_hour} is none.")
        if self.timezone not in available_timezones():
            raise SubscriberError(f"No time zone is called {self.timezone!r}; write it like Europe/Berlin.")
        if not 1 <= self.cap <= LARGEST_CAP:
            raise SubscriberError(f"Choose from 1 to {LARGEST_CAP} papers a letter; {self.cap} is out of range.")


@dataclass(frozen=True, slots=True)
class Saved:
    """A keyword to be kept: as the reader wrote it, and its canonical form."""

    written: str
    canonical: str


def address(text: str) -> tuple[str, str]:
    """An e-mail address in the form to send to, and the form to compare by. Raises AddressError."""
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, globally_deliverable=False, allow_smtputf8=False
        )
    except EmailNotValidError as error:
        raise AddressError(f"This is not an e-mail address that we can reach: {error}") from error
    sendable = str(found.ascii_email)
    domain = sendable.rpartition("@")[2]
    if "." not in domain and domain != "localhost":
        raise AddressError("The part after the @ has no dot; an address looks like ada@example.org.")
    return sendable, sendable.casefold()


def ask(session: Session, email: str, wish: Wish, saved: Sequence[Saved], now: datetime) -> Subscriber:
    """Note that somebody, perhaps the owner, asked for letters to `email`. What a reader has set up stays as it is."""
    sendable, key = address(email)
    subscriber = session.exec(select(Subscriber).where(Subscriber.email_key == key)).one_or_none()
    if subscriber is None:
        subscriber = Subscriber(email=sendable, email_key=key, nonce=secrets.token_urlsafe(16), created_at=now)
    elif subscriber.status in {Status.ACTIVE, Status.PAUSED} or subscriber.reason.startswith("complaint"):
        return subscriber
    subscriber.status = Status.PENDING
    subscriber.consent = CONSENT
    set_wish(subscriber, wish)
    session.add(subscriber)
    session.flush()
    set_keywords(session, subscriber, saved)
    return subscriber


def set_wish(subscriber: Subscriber, wish: Wish) -> None:
    """Take over when and how much. A new hour counts from the next letter on."""
    for name in ("frequency", "send_hour", "timezone", "cap", "trending"):
        setattr(subscriber, name, getattr(wish, name))


def set_keywords(session: Session, subscriber: Subscriber, saved: Sequence[Saved]) -> None:
    """Replace the keywords of a subscriber; one that is written twice in other words is kept once."""
    distinct = list({each.canonical: each for each in reversed(saved)}.values())[::-1]
    if len(distinct) > MOST_KEYWORDS:
        raise SubscriberError(f"At most {MOST_KEYWORDS} keywords, please; these are {len(distinct)}.")
    session.execute(delete(SavedKeyword).where(col(SavedKeyword.subscriber_id) == subscriber.id))
    numbers = _keyword_numbers(session, [each.canonical for each in distinct])
    if distinct:
        session.execute(
            insert(SavedKeyword),
            [
                {
                    "subscriber_id": subscriber.id,
                    "position": position,
                    "keyword_id": numbers[each.canonical],
                    "written": each.written,
                }
                for position, each in enumerate(distinct)
            ],
        )


def _keyword_numbers(session: Session, canonicals: Sequence[str]) -> dict[str, int]:
    rows = session.exec(select(Keyword.canonical, Keyword.id).where(col(Keyword.canonical).in_(canonicals))).all()
    numbers = {canonical: number for canonical, number in rows if number is not None}
    for canonical in canonicals:
        if canonical not in numbers:
            keyword = Keyword(canonical=canonical)
            session.add(keyword)
            session.flush()
            numbers[canonical] = int(keyword.id or 0)
    return numbers


def keywords_of(session: Session, ids: Iterable[int]) -> dict[int, list[Saved]]:
    """The keywords of several subscribers, each in its reader's order."""
    rows = session.exec(
        select(SavedKeyword.subscriber_id, SavedKeyword.written, Keyword.canonical)
        .join(Keyword, col(Keyword.id) == SavedKeyword.keyword_id)
        .where(col(SavedKeyword.subscriber_id).in_(list(ids)))
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    ).all()
    found: dict[int, list[Saved]] = {}
    for subscriber_id, written, canonical in rows:
        found.setdefault(subscriber_id, []).append(Saved(written, canonical))
    return found


def by_nonce(session: Session, nonce: str) -> Subscriber:
    """The subscriber whom a link speaks of. Raises TokenError when they asked to be forgotten."""
    subscriber = session.exec(select(Subscriber).where(Subscriber.nonce == nonce)).one_or_none()
    if subscriber is None:
        raise TokenError("This link belongs to a subscription that no longer exists.")
    return subscriber


def by_email(session: Session, email: str) -> Subscriber:
    """The subscriber with an address, however it is capitalised. Raises UnknownSubscriber."""
    subscriber = session.exec(select(Subscriber).where(Subscriber.email_key == address(email)[1])).one_or_none()
    if subscriber is None:
        raise UnknownSubscriber(f"nobody is subscribed as {email}")
    return subscriber


def activate(subscriber: Subscriber, covered_to: int, now: datetime) -> None:
    """A pending subscriber becomes a reader; the papers up to listing number `covered_to` are not news for them."""
    subscriber.status = Status.ACTIVE
    subscriber.confirmed_at = now
    subscriber.ended_at = None
    subscriber.reason = ""
    subscriber.last_slot = None
    subscriber.covered_to = max(subscriber.covered_to, covered_to)


def pause(subscriber: Subscriber, until: date | None) -> None:
    """No letters until the morning of `until` (the reader's date); None resumes at once. Papers wait meanwhile."""
    subscriber.status = Status.PAUSED if until else Status.ACTIVE
    subscriber.paused_until = until


def end(subscriber: Subscriber, status: Status, reason: str, now: datetime) -> None:
    """No more letters: `status` says whether the reader (unsubscribed) or the mail system (suppressed) said so."""
    subscriber.status = status
    subscriber.reason = reason
    subscriber.ended_at = now
    subscriber.paused_until = None
