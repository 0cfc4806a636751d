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

from digest import database
from digest.database.models import Frequency, Keyword, SavedKeyword, Subscriber, SubscriberStatus
from digest.errors import AddressError, SubscriberError, SubscriberNotFoundError, TokenError
from digest.matching import KeywordInput

RUNNING_STATUSES = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED})


ENDED_STATUSES = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})


# Why a subscription ended that its reader ended; no reason at all: by the button on our page.
REASON_UNCONFIRMED = "never confirmed"


REASON_ONE_CLICK = "one-click"  # from within a mail program: no page was seen, and no last letter is sent


CONSENT_TEXT = "2026-11: new papers that match my keywords, by e-mail, until I unsubscribe"


MAX_KEYWORDS = 100


MAX_CAP = 100


MAX_ADDRESS_LENGTH = 254  # characters (RFC 5321, 4.5.3.1.3, less the brackets)


VALUES_PER_STATEMENT = 1000  # values in one statement


@cache
def timezone_names() -> frozenset[str]:
    """The time zones that this machine knows; they are files, looked for once."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
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
        if self.timezone not in timezone_names():
            raise SubscriberError(f"No time zone is called {self.timezone!r}; write it like Europe/Berlin.")
        if not 1 <= self.cap <= MAX_CAP:
            raise SubscriberError(f"Choose from 1 to {MAX_CAP} papers a letter; {self.cap} is out of range.")


def normalize_address(text: str) -> tuple[str, str]:
    """An e-mail address in the form to send to, and the form to compare by. Raises AddressError."""
    if len(text) > 2 * MAX_ADDRESS_LENGTH:
        raise AddressError(f"This is too long for an e-mail address; {MAX_ADDRESS_LENGTH} characters are the most.")
    try:
        validated = validate_email(
            text.strip(), check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as error:
        raise AddressError(f"This is not an e-mail address that we can reach: {error}") from error
    address = str(validated.ascii_email)
    if "." not in address.rpartition("@")[2]:
        raise AddressError("The part after the @ has no dot; an address looks like ada@example.org.")
    return address, address.casefold()


def request_subscription(
    session: Session,
    email: str,
    preferences: Preferences,
    keywords: Sequence[KeywordInput],
    now: datetime,
    *,
    max_keywords: int = MAX_KEYWORDS,
) -> Subscriber:
    """Note that somebody, perhaps the owner, asked for letters to `email`. What a reader has set up stays as it is."""
    sendable_address, key = normalize_address(email)
    _insert_subscriber(session, sendable_address, key, now)
    subscriber = session.exec(_with_row_lock(select(Subscriber).where(Subscriber.email_key == key))).one()
    if subscriber.status in RUNNING_STATUSES or has_complained(subscriber):
        return subscriber
    subscriber.status = SubscriberStatus.PENDING
    subscriber.consent = CONSENT_TEXT
    set_preferences(subscriber, preferences)
    set_keywords(session, subscriber, keywords, max_keywords=max_keywords)
    return subscriber


def _insert_subscriber(session: Session, email: str, email_key: str, now: datetime) -> None:
    """A row for an address that has none yet; of two who ask at the same moment the database lets one make it."""
    fresh = Subscriber(email=email, email_key=email_key, nonce=secrets.token_urlsafe(16), created_at=now)
    _insert_or_ignore(session, Subscriber, "email_key", [fresh.model_dump(exclude={"id"})])


def has_complained(subscriber: Subscriber) -> bool:
    """Somebody marked our mail as spam: nothing is ever sent there again, not even a confirmation."""
    return subscriber.status == SubscriberStatus.SUPPRESSED and subscriber.reason.startswith("complaint")


def set_preferences(subscriber: Subscriber, preferences: Preferences) -> None:
    """Take over when and how much. A new hour counts from the next letter on."""
    for name in ("frequency", "send_hour", "timezone", "cap", "trending", "summaries"):
        setattr(subscriber, name, getattr(preferences, name))


def set_keywords(
    session: Session, subscriber: Subscriber, keywords: Sequence[KeywordInput], *, max_keywords: int = MAX_KEYWORDS
) -> None:
    """Replace the keywords of a subscriber, at most `most`; one that is written twice in other words is kept once."""
    by_canonical: dict[str, KeywordInput] = {}
    for each in keywords:
        by_canonical.setdefault(each.canonical, each)
    distinct = list(by_canonical.values())
    if len(distinct) > max_keywords:
        raise SubscriberError(f"At most {max_keywords} keywords, please; these are {len(distinct)}.")
    session.execute(delete(SavedKeyword).where(col(SavedKeyword.subscriber_id) == subscriber.id))
    keyword_ids = _ensure_keywords(session, [each.canonical for each in distinct])
    if distinct:
        session.execute(
            insert(SavedKeyword),
            [
                {
                    "subscriber_id": subscriber.id,
                    "position": position,
                    "keyword_id": keyword_ids[each.canonical],
                    "text": each.written,
                }
                for position, each in enumerate(distinct)
            ],
        )


def _ensure_keywords(session: Session, canonicals: Sequence[str]) -> dict[str, int]:
    rows = session.exec(select(Keyword.canonical, Keyword.id).where(col(Keyword.canonical).in_(canonicals))).all()
    keyword_ids = {canonical: number for canonical, number in rows if number is not None}
    if missing := sorted(
        set(canonicals) - keyword_ids.keys()
    ):  # sorted: two who add the same words never wait crosswise
        _insert_or_ignore(session, Keyword, "canonical", [{"canonical": canonical} for canonical in missing])
        rows = session.exec(select(Keyword.canonical, Keyword.id).where(col(Keyword.canonical).in_(missing))).all()
        keyword_ids |= {canonical: number for canonical, number in rows if number is not None}
    return keyword_ids


def _insert_or_ignore(session: Session, table: type[SQLModel], unique: str, rows: Sequence[dict[str, Any]]) -> None:
    session.execute(database.insert(session, table).on_conflict_do_nothing(index_elements=[unique]).values(rows))


def _with_row_lock(statement: SelectOfScalar[Subscriber]) -> SelectOfScalar[Subscriber]:
    # Whoever changes a subscriber locks the row first: of two clicks at the same moment the second sees what the first
    # did, and nobody waits crosswise for letters and readers.
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)


def keywords_by_subscriber(session: Session, subscriber_ids: Iterable[int]) -> dict[int, list[KeywordInput]]:
    """The keywords of several subscribers, each in its reader's order."""
    statement = (
        select(SavedKeyword.subscriber_id, SavedKeyword.text, Keyword.canonical)
        .join(Keyword, col(Keyword.id) == SavedKeyword.keyword_id)
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    )
    sorted_ids = sorted(set(subscriber_ids))
    keywords: dict[int, list[KeywordInput]] = {}
    for start in range(0, len(sorted_ids), VALUES_PER_STATEMENT):
        part = statement.where(col(SavedKeyword.subscriber_id).in_(sorted_ids[start : start + VALUES_PER_STATEMENT]))
        for subscriber_id, written, canonical in session.exec(part).all():
            keywords.setdefault(subscriber_id, []).append(KeywordInput(written, canonical))
    return keywords


def subscriber_by_nonce(session: Session, nonce: str, *, lock: bool = False) -> Subscriber:
    """The subscriber whom a link speaks of; `lock` to change them. Raises TokenError when they are forgotten."""
    statement = select(Subscriber).where(Subscriber.nonce == nonce)
    subscriber = session.exec(_with_row_lock(statement) if lock else statement).one_or_none()
    if subscriber is None:
        raise TokenError("This link belongs to a subscription that no longer exists.")
    return subscriber


def subscriber_by_email(session: Session, email: str, *, lock: bool = False) -> Subscriber:
    """The subscriber with an address, however it is capitalised; `lock` to change them. Raises UnknownSubscriber."""
    statement = select(Subscriber).where(Subscriber.email_key == normalize_address(email)[1])
    subscriber = session.exec(_with_row_lock(statement) if lock else statement).one_or_none()
    if subscriber is None:
        raise SubscriberNotFoundError(f"nobody is subscribed as {email}")
    return subscriber


def activate(subscriber: Subscriber, covered_listing_id: int, now: datetime) -> None:
    """A pending subscriber becomes a reader; the papers up to listing number `covered_to` are not news for them."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.confirmed_at = now
    subscriber.ended_at = None
    subscriber.reason = ""
    subscriber.last_due_day = None
    subscriber.covered_listing_id = max(subscriber.covered_listing_id, covered_listing_id)


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


def suspend(subscriber: Subscriber, reason: str) -> None:
    """No letters until the reader resumes: they do not arrive, for a `reason` that is kept. Papers wait meanwhile."""
    subscriber.status = SubscriberStatus.PAUSED
    subscriber.paused_until = None
    subscriber.reason = reason
