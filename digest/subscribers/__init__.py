"""Who asked for letters, what they asked for, and (in `links`) the links that prove it is they.

    pending ──confirm──> active <──resume── paused
       │                   │ └────pause──────^
       │                   └──unsubscribe──> unsubscribed ──subscribe again──> pending
       │                                          └──undo, for 30 days──> active
       └──a hard bounce, a final refusal or a complaint──> suppressed

Everything here works inside the caller's transaction.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, insert
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from digest import db
from digest.errors import AddressError, SubscriberError, TokenError, UnknownSubscriber
from digest.models import Frequency, Keyword, SavedKeyword, Subscriber, SubscriberStatus
from digest.subscribers.links import CONFIRM_WITHIN, RETURN_WITHIN, Links, Purpose

__all__ = [
    "CONFIRM_WITHIN",
    "CONSENT",
    "ENDED",
    "LARGEST_CAP",
    "MOST_KEYWORDS",
    "ONE_CLICK",
    "RETURN_WITHIN",
    "RUNNING",
    "UNCONFIRMED",
    "Links",
    "Purpose",
    "Saved",
    "Wish",
    "activate",
    "address",
    "ask",
    "by_email",
    "by_nonce",
    "complained",
    "end",
    "keywords_of",
    "pause",
    "resume",
    "set_keywords",
    "set_wish",
    "zones",
]

RUNNING = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED})
ENDED = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})
# Why a subscription ended that its reader ended; no reason at all: by the button on our page.
UNCONFIRMED = "never confirmed"
ONE_CLICK = "one-click"  # from within a mail program: no page was seen, and no last letter is sent
CONSENT = "2026-11: new papers that match my keywords, by e-mail, until I unsubscribe"
MOST_KEYWORDS = 100
LARGEST_CAP = 100
LONGEST_ADDRESS = 254  # characters (RFC 5321, 4.5.3.1.3, less the brackets)
CHUNK = 1000  # values in one statement


@cache
def zones() -> frozenset[str]:
    """The time zones that this machine knows; they are files, looked for once."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """When and how much a reader wants. Raises SubscriberError for what cannot be had."""

    frequency: str = Frequency.DAILY
    send_hour: int = 8
    timezone: str = "UTC"
    cap: int = 20
    trending: bool = False
    summaries: bool = False

    def __post_init__(self) -> None:
        if self.frequency not in set(Frequency):
            raise SubscriberError(f"Choose daily, weekdays or weekly; {self.frequency!r} is none of them.")
        if not 0 <= self.send_hour <= 23:  # noqa: PLR2004  - a day's hours
            raise SubscriberError(f"Choose an hour from 0 to 23; {self.send_hour} is none.")
        if self.timezone not in zones():
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
    if len(text) > 2 * LONGEST_ADDRESS:
        raise AddressError(f"This is too long for an e-mail address; {LONGEST_ADDRESS} characters are the most.")
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as error:
        raise AddressError(f"This is not an e-mail address that we can reach: {error}") from error
    sendable = str(found.ascii_email)
    if "." not in sendable.rpartition("@")[2]:
        raise AddressError("The part after the @ has no dot; an address looks like ada@example.org.")
    return sendable, sendable.casefold()


def ask(
    session: Session, email: str, wish: Wish, saved: Sequence[Saved], now: datetime, *, most: int = MOST_KEYWORDS
) -> Subscriber:
    """Note that somebody, perhaps the owner, asked for letters to `email`. What a reader has set up stays as it is."""
    sendable, key = address(email)
    _enter(session, sendable, key, now)
    subscriber = session.exec(_locked(select(Subscriber).where(Subscriber.email_key == key))).one()
    if subscriber.status in RUNNING or complained(subscriber):
        return subscriber
    subscriber.status = SubscriberStatus.PENDING
    subscriber.consent = CONSENT
    set_wish(subscriber, wish)
    set_keywords(session, subscriber, saved, most=most)
    return subscriber


def _enter(session: Session, email: str, key: str, now: datetime) -> None:
    """A row for an address that has none yet; of two who ask at the same moment the database lets one make it."""
    fresh = Subscriber(email=email, email_key=key, nonce=secrets.token_urlsafe(16), created_at=now)
    _insert_new(session, Subscriber, "email_key", [fresh.model_dump(exclude={"id"})])


def complained(subscriber: Subscriber) -> bool:
    """Somebody marked our mail as spam: nothing is ever sent there again, not even a confirmation."""
    return subscriber.status == SubscriberStatus.SUPPRESSED and subscriber.reason.startswith("complaint")


def set_wish(subscriber: Subscriber, wish: Wish) -> None:
    """Take over when and how much. A new hour counts from the next letter on."""
    for name in ("frequency", "send_hour", "timezone", "cap", "trending", "summaries"):
        setattr(subscriber, name, getattr(wish, name))


def set_keywords(
    session: Session, subscriber: Subscriber, saved: Sequence[Saved], *, most: int = MOST_KEYWORDS
) -> None:
    """Replace the keywords of a subscriber, at most `most`; one that is written twice in other words is kept once."""
    first: dict[str, Saved] = {}
    for each in saved:
        first.setdefault(each.canonical, each)
    distinct = list(first.values())
    if len(distinct) > most:
        raise SubscriberError(f"At most {most} keywords, please; these are {len(distinct)}.")
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
                    "text": each.written,
                }
                for position, each in enumerate(distinct)
            ],
        )


def _keyword_numbers(session: Session, canonicals: Sequence[str]) -> dict[str, int]:
    rows = session.exec(select(Keyword.canonical, Keyword.id).where(col(Keyword.canonical).in_(canonicals))).all()
    numbers = {canonical: number for canonical, number in rows if number is not None}
    if missing := sorted(set(canonicals) - numbers.keys()):  # sorted: two who add the same words never wait crosswise
        _insert_new(session, Keyword, "canonical", [{"canonical": canonical} for canonical in missing])
        rows = session.exec(select(Keyword.canonical, Keyword.id).where(col(Keyword.canonical).in_(missing))).all()
        numbers |= {canonical: number for canonical, number in rows if number is not None}
    return numbers


def _insert_new(session: Session, table: type[SQLModel], unique: str, rows: Sequence[dict[str, Any]]) -> None:
    session.execute(db.insert(session, table).on_conflict_do_nothing(index_elements=[unique]).values(rows))


def _locked(asked: SelectOfScalar[Subscriber]) -> SelectOfScalar[Subscriber]:
    # Whoever changes a subscriber locks the row first: of two clicks at the same moment the second sees what the first
    # did, and nobody waits crosswise for letters and readers.
    return asked.with_for_update(key_share=True).execution_options(populate_existing=True)


def keywords_of(session: Session, ids: Iterable[int]) -> dict[int, list[Saved]]:
    """The keywords of several subscribers, each in its reader's order."""
    asked = (
        select(SavedKeyword.subscriber_id, SavedKeyword.text, Keyword.canonical)
        .join(Keyword, col(Keyword.id) == SavedKeyword.keyword_id)
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    )
    wanted = sorted(set(ids))
    found: dict[int, list[Saved]] = {}
    for start in range(0, len(wanted), CHUNK):
        part = asked.where(col(SavedKeyword.subscriber_id).in_(wanted[start : start + CHUNK]))
        for subscriber_id, written, canonical in session.exec(part).all():
            found.setdefault(subscriber_id, []).append(Saved(written, canonical))
    return found


def by_nonce(session: Session, nonce: str, *, lock: bool = False) -> Subscriber:
    """The subscriber whom a link speaks of; `lock` to change them. Raises TokenError when they are forgotten."""
    asked = select(Subscriber).where(Subscriber.nonce == nonce)
    subscriber = session.exec(_locked(asked) if lock else asked).one_or_none()
    if subscriber is None:
        raise TokenError("This link belongs to a subscription that no longer exists.")
    return subscriber


def by_email(session: Session, email: str, *, lock: bool = False) -> Subscriber:
    """The subscriber with an address, however it is capitalised; `lock` to change them. Raises UnknownSubscriber."""
    asked = select(Subscriber).where(Subscriber.email_key == address(email)[1])
    subscriber = session.exec(_locked(asked) if lock else asked).one_or_none()
    if subscriber is None:
        raise UnknownSubscriber(f"nobody is subscribed as {email}")
    return subscriber


def activate(subscriber: Subscriber, covered_to: int, now: datetime) -> None:
    """A pending subscriber becomes a reader; the papers up to listing number `covered_to` are not news for them."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.confirmed_at = now
    subscriber.ended_at = None
    subscriber.reason = ""
    subscriber.last_due_day = None
    subscriber.covered_listing_id = max(subscriber.covered_listing_id, covered_to)


def resume(subscriber: Subscriber) -> None:
    """Somebody who left is a reader as before. What was listed meanwhile waits, as in a pause."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.ended_at = None
    subscriber.reason = ""


def pause(subscriber: Subscriber, until: date | None) -> None:
    """No letters until the morning of `until` (the reader's date); None resumes at once. Papers wait meanwhile."""
    subscriber.status = SubscriberStatus.PAUSED if until else SubscriberStatus.ACTIVE
    subscriber.paused_until = until
    subscriber.reason = ""


def hold(subscriber: Subscriber, reason: str) -> None:
    """No letters until the reader resumes: they do not arrive, for a `reason` that is kept. Papers wait meanwhile."""
    subscriber.status = SubscriberStatus.PAUSED
    subscriber.paused_until = None
    subscriber.reason = reason


def end(subscriber: Subscriber, status: SubscriberStatus, reason: str, now: datetime) -> None:
    """No more letters: `status` says whether the reader (unsubscribed) or the mail system (suppressed) said so."""
    subscriber.status = status
    subscriber.reason = reason
    subscriber.ended_at = now
    subscriber.paused_until = None
