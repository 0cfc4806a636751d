"""Rows of subscribers and their keywords.

    pending ──confirm──> active <──resume── paused
       │                   │ └────pause──────^
       │                   └──unsubscribe──> unsubscribed ──subscribe again──> pending
       │                                          └──undo, for 30 days──> active
       └──a hard bounce, a final refusal or a complaint──> suppressed

What was declined or ended by a complaint gets no confirmation again: see `suppression_list`.

Every function works inside the caller's transaction.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from digest import database
from digest.database.models import Frequency, Keyword, Profile, SavedKeyword, Subscriber, SubscriberStatus
from digest.errors import AddressError, AddressSuppressedError, SubscriberError, SubscriberNotFoundError, TokenError
from digest.formatting import WEEKDAYS
from digest.matching import FORMS_VERSION, KeywordInput, is_exclusion
from digest.schedule import timezone_names
from digest.subscribers import messages
from digest.subscribers.suppression_list import is_listed, suppression_reason

RUNNING_STATUSES = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED})
ENDED_STATUSES = frozenset({SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED})
# Why a subscription ended. Empty: by the button on our page.
REASON_ONE_CLICK = "one-click"  # RFC 8058: from within a mail program, which shows no page
REASON_REMOVED = "removed by the operator"
REASON_UNCONFIRMED = "never confirmed"
CONSENT_TEXT = "2026-11-30: You agree to receive new papers matching your keywords by e-mail until you unsubscribe."
WEEKDAY_NAMES = tuple(name.lower() for name in WEEKDAYS)  # in the order of `Preferences.weekday`
MAX_PAUSE = timedelta(days=2 * 366)
MAX_KEYWORDS = 100
MAX_CAP = 100
MAX_ADDRESS_LENGTH = 254  # characters (RFC 5321, 4.5.3.1.3, less the brackets)
VALUES_PER_STATEMENT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """When and how much a subscriber wants. Raises SubscriberError for values out of range.

    `weekday`: the day of weekly digests, 0 for Monday to 6 for Sunday. `sources`: names of the sources whose papers
    are wanted, none for all. `about_only`: no papers that only mention a keyword in passing. `close_papers`: digests
    have papers close to the keywords that no keyword found; None while the subscriber has not chosen.
    """

    frequency: str = Frequency.DAILY
    weekday: int = 0
    send_hour: int = 8
    timezone: str = "UTC"
    cap: int = 20
    trending: bool = False
    summaries: bool = False
    thumbnails: bool = False
    about_only: bool = False
    close_papers: bool | None = None
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(sorted(set(self.sources))))
        if self.frequency not in set(Frequency):
            raise SubscriberError(messages.invalid_frequency(self.frequency))
        if not 0 <= self.weekday < len(WEEKDAYS):
            raise SubscriberError(messages.invalid_weekday(self.weekday))
        if not 0 <= self.send_hour <= 23:  # noqa: PLR2004  - hours of a day
            raise SubscriberError(messages.invalid_hour(self.send_hour))
        if self.timezone not in timezone_names():
            raise SubscriberError(messages.unknown_timezone(self.timezone))
        if not 1 <= self.cap <= MAX_CAP:
            raise SubscriberError(messages.invalid_cap(MAX_CAP, self.cap))


def parse_weekday(text: str) -> int:
    """Return the number of a day of the week, 0 for monday. Raises SubscriberError for a name that is none."""
    name = text.strip().lower()
    if name not in WEEKDAY_NAMES:
        raise SubscriberError(messages.unknown_weekday(text))
    return WEEKDAY_NAMES.index(name)


def check_sources(names: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the sources to store of those that were chosen: none where it is all. Raises SubscriberError.

    `known`: names of the sources that papers come from.
    """
    chosen = {name.strip().lower() for name in names if name.strip()}
    if unknown := sorted(chosen - set(known)):
        raise SubscriberError(messages.unknown_source(unknown[0], known))
    return () if chosen == set(known) else tuple(sorted(chosen))


def normalize_address(text: str) -> tuple[str, str]:
    """Return an e-mail address in the form to send to, and in the form to compare by. Raises AddressError."""
    if len(text) > 2 * MAX_ADDRESS_LENGTH:
        raise AddressError(messages.address_too_long(MAX_ADDRESS_LENGTH))
    try:
        validated = validate_email(
            text.strip(), check_deliverability=False, globally_deliverable=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError as error:
        raise AddressError(messages.invalid_address(str(error))) from error
    address = str(validated.ascii_email)
    if "." not in address.rpartition("@")[2]:
        raise AddressError(messages.NO_DOT_IN_ADDRESS)
    return address, address.casefold()


def request_subscription(
    session: Session,
    keys: Sequence[str],
    email: str,
    preferences: Preferences,
    keywords: Sequence[KeywordInput],
    now: datetime,
    *,
    max_keywords: int = MAX_KEYWORDS,
) -> Subscriber:
    """Record that someone, perhaps the owner, asked for e-mails to an address.

    A running subscription stays as it is. `keys` are those of the suppression list; raises AddressSuppressedError for
    an address on it, and leaves the list and the subscriber as they are.
    """
    address, email_key = normalize_address(email)
    if is_listed(session, keys, email_key):
        raise AddressSuppressedError(messages.address_suppressed(address))
    created = Subscriber(email=address, email_key=email_key, nonce=secrets.token_urlsafe(16), created_at=now)
    # Of two requests at the same moment the unique key lets one make the row; both then wait for its lock.
    insert_new = database.insert(session, Subscriber).on_conflict_do_nothing(index_elements=["email_key"])
    session.execute(insert_new.values([created.model_dump(exclude={"id"})]))
    subscriber = session.exec(_for_update(select(Subscriber).where(Subscriber.email_key == email_key))).one()
    if subscriber.status in RUNNING_STATUSES:
        return subscriber
    if suppression_reason(subscriber):
        raise AddressSuppressedError(messages.address_suppressed(address))
    subscriber.status = SubscriberStatus.PENDING
    subscriber.consent = CONSENT_TEXT
    set_preferences(session, subscriber, preferences)
    set_keywords(session, subscriber, keywords, max_keywords=max_keywords)
    return subscriber


def set_preferences(session: Session, subscriber: Subscriber, preferences: Preferences) -> None:
    """Set when and how much. A new hour counts from the next digest on."""
    for field in fields(preferences):
        value = getattr(preferences, field.name)
        if field.name != "close_papers":
            setattr(subscriber, field.name, list(value) if isinstance(value, tuple) else value)
    store_profile(session, int(subscriber.id or 0), in_digest=preferences.close_papers)


def store_profile(session: Session, subscriber_id: int, **values: Any) -> None:
    """Store values of the profile of a subscriber; make the row where there is a value to store."""
    updated: Any = session.execute(update(Profile).where(col(Profile.subscriber_id) == subscriber_id).values(values))
    if not updated.rowcount and any(value is not None for value in values.values()):
        profile = Profile(subscriber_id=subscriber_id, **values)
        session.add(profile)
        session.flush()


def set_keywords(
    session: Session, subscriber: Subscriber, keywords: Sequence[KeywordInput], *, max_keywords: int = MAX_KEYWORDS
) -> None:
    """Replace the keywords of a subscriber. Of two with the same canonical form the first is stored.

    Raises SubscriberError for more than `max_keywords`, and where all that would bring papers are muted.
    """
    distinct: dict[str, KeywordInput] = {}
    for keyword in keywords:
        distinct.setdefault(keyword.canonical, keyword)
    if len(distinct) > max_keywords:
        raise SubscriberError(messages.too_many_keywords(max_keywords, len(distinct)))
    require_unmuted(distinct.values())
    session.execute(delete(SavedKeyword).where(col(SavedKeyword.subscriber_id) == subscriber.id))
    keyword_ids = _keyword_ids(session, distinct)
    if missing := sorted(distinct.keys() - keyword_ids.keys()):  # sorted: two that add the same words do not deadlock
        insert_new = database.insert(session, Keyword).on_conflict_do_nothing(index_elements=["canonical"])
        session.execute(
            insert_new.values([{"canonical": canonical, "forms_version": FORMS_VERSION} for canonical in missing])
        )
        keyword_ids |= _keyword_ids(session, missing)
    if distinct:
        rows = [
            {
                "subscriber_id": subscriber.id,
                "position": position,
                "keyword_id": keyword_ids[keyword.canonical],
                "text": keyword.text,
                "is_muted": keyword.is_muted,
            }
            for position, keyword in enumerate(distinct.values())
        ]
        session.execute(insert(SavedKeyword), rows)


def require_unmuted(keywords: Iterable[KeywordInput]) -> None:
    """Raise SubscriberError where all keywords that would bring papers are muted: that is a pause, not a digest."""
    inclusions = [keyword for keyword in keywords if not is_exclusion(keyword.canonical)]
    if inclusions and all(keyword.is_muted for keyword in inclusions):
        raise SubscriberError(messages.ALL_MUTED)


def _keyword_ids(session: Session, canonicals: Iterable[str]) -> dict[str, int]:
    rows = session.exec(select(Keyword.canonical, Keyword.id).where(col(Keyword.canonical).in_(canonicals))).all()
    return {canonical: keyword_id for canonical, keyword_id in rows if keyword_id is not None}


def keywords_by_subscriber(session: Session, subscriber_ids: Iterable[int]) -> dict[int, list[KeywordInput]]:
    """Return the keywords of several subscribers, those of each in their own order."""
    statement = (
        select(SavedKeyword.subscriber_id, SavedKeyword.text, Keyword.canonical, SavedKeyword.is_muted)
        .join(Keyword, col(Keyword.id) == SavedKeyword.keyword_id)
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    )
    sorted_ids = sorted(set(subscriber_ids))
    keywords: dict[int, list[KeywordInput]] = {}
    for start in range(0, len(sorted_ids), VALUES_PER_STATEMENT):
        batch = sorted_ids[start : start + VALUES_PER_STATEMENT]
        rows = session.exec(statement.where(col(SavedKeyword.subscriber_id).in_(batch)))
        for subscriber_id, text, canonical, is_muted in rows:
            keywords.setdefault(subscriber_id, []).append(KeywordInput(text, canonical, is_muted))
    return keywords


def keywords_of(session: Session, subscriber: Subscriber) -> list[KeywordInput]:
    """Return the keywords of one subscriber, in their order."""
    subscriber_id = int(subscriber.id or 0)
    return keywords_by_subscriber(session, [subscriber_id]).get(subscriber_id, [])


def subscriber_by_nonce(session: Session, nonce: str, *, lock: bool = False) -> Subscriber:
    """Return the subscriber whose tokens carry a nonce; `lock` the row to change it. Raises TokenError."""
    statement = select(Subscriber).where(Subscriber.nonce == nonce)
    subscriber = session.exec(_for_update(statement) if lock else statement).one_or_none()
    if subscriber is None:
        raise TokenError(messages.SUBSCRIPTION_GONE)
    return subscriber


def subscriber_by_email(session: Session, email: str, *, lock: bool = False) -> Subscriber:
    """Return the subscriber with an address, in any case; `lock` the row to change it.

    Raises SubscriberNotFoundError.
    """
    statement = select(Subscriber).where(Subscriber.email_key == normalize_address(email)[1])
    subscriber = session.exec(_for_update(statement) if lock else statement).one_or_none()
    if subscriber is None:
        raise SubscriberNotFoundError(messages.unknown_address(email))
    return subscriber


def _for_update(statement: SelectOfScalar[Subscriber]) -> SelectOfScalar[Subscriber]:
    # Everything that changes a subscriber locks the row first: of two clicks at the same moment the second sees what
    # the first did, and subscribers are locked before deliveries everywhere, so that no two transactions deadlock.
    return statement.with_for_update(key_share=True).execution_options(populate_existing=True)


def activate(subscriber: Subscriber, covered_listing_id: int, now: datetime) -> None:
    """Activate a pending subscriber; papers up to listing `covered_listing_id` are not new for them."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.confirmed_at = now
    subscriber.ended_at = None
    subscriber.reason = ""
    subscriber.last_due_day = None
    subscriber.covered_listing_id = max(subscriber.covered_listing_id, covered_listing_id)
    subscriber.covered_from = subscriber.covered_listing_id


def resume(subscriber: Subscriber) -> None:
    """Restore a subscription that was ended. What was listed meanwhile waits, as in a pause."""
    subscriber.status = SubscriberStatus.ACTIVE
    subscriber.ended_at = None
    subscriber.reason = ""


def pause(subscriber: Subscriber, until: date | None) -> None:
    """Send nothing until the morning of `until`, by the subscriber's calendar; None resumes at once. Papers wait."""
    subscriber.status = SubscriberStatus.PAUSED if until else SubscriberStatus.ACTIVE
    subscriber.paused_until = until
    subscriber.reason = ""


def suspend(subscriber: Subscriber, reason: str) -> None:
    """Send nothing until the subscriber resumes, because e-mails do not arrive, for a `reason`. Papers wait."""
    subscriber.status = SubscriberStatus.PAUSED
    subscriber.paused_until = None
    subscriber.reason = reason
