"""The front desk: what a person may ask of us. Each request is one transaction: the change and the letter it causes.

The pages, the command line and the demo all come through here. What the small links of a letter do stands in `doors`
and `never`, the way back after leaving in `returning`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryKind, Subscriber, SubscriberStatus
from digest.delivery import NewDelivery, cancel, discard_undelivered, enqueue
from digest.errors import QueryError, SubscriberError, TokenError
from digest.formatting import pluralize
from digest.matching import DEFAULT_LIMITS, KeywordInput, QueryLimits, parse
from digest.papers import first_listing_id_of_latest_day
from digest.subscribers.profile import SubscriberProfile, subscriber_from_token, to_profile
from digest.subscribers.records import (
    MAX_KEYWORDS,
    REASON_ONE_CLICK,
    REASON_UNCONFIRMED,
    RUNNING_STATUSES,
    Preferences,
    activate,
    pause,
    request_subscription,
    set_keywords,
    set_preferences,
    subscriber_by_email,
    suspend,
)
from digest.tokens import TokenPurpose

# Why a subscription ended that a reader did not end.
REASON_DECLINED = "declined"


REASON_REMOVED = "removed by the operator"


@dataclass(frozen=True, slots=True)
class KeywordError:
    """A line that is no keyword: its number from 1, its text, what is wrong and what would be right.

    `position`: at which character of the text, from 1; 0 where it is wrong as a whole.
    """

    line: int
    written: str
    message: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class KeywordLimits:
    """How many keywords a reader may have, and how large each may be."""

    max_keywords: int = MAX_KEYWORDS
    limits: QueryLimits = DEFAULT_LIMITS

    @classmethod
    def from_settings(cls, settings: Settings) -> "KeywordLimits":
        """The operator's."""
        return cls(
            settings.most_keywords,
            QueryLimits(settings.longest_keyword, settings.most_terms, settings.deepest_nesting),
        )


DEFAULT_KEYWORD_LIMITS = KeywordLimits()


def parse_keywords(
    lines: Sequence[str], limits: KeywordLimits = DEFAULT_KEYWORD_LIMITS
) -> tuple[list[KeywordInput], list[KeywordError]]:
    """Read keywords, one a line; blank ones do not count. Each is either understood or told why not."""
    keywords, errors = [], []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            keywords.append(KeywordInput(text, parse(text, limits.limits).canonical))
        except QueryError as error:
            errors.append(KeywordError(number, text, str(error), error.position or 0))
    if len(keywords) > limits.max_keywords:
        message = f"At most {pluralize(limits.max_keywords, 'keyword')}, please; these are {len(keywords)}."
        errors.append(KeywordError(limits.max_keywords + 1, "", message))
    return keywords, errors


def parse_keywords_or_raise(lines: Sequence[str], limits: KeywordLimits = DEFAULT_KEYWORD_LIMITS) -> list[KeywordInput]:
    """Keywords, one a line. Raises QueryError with a line for each that is none."""
    keywords, errors = parse_keywords(lines, limits)
    if errors:
        messages = (f"keyword {each.written!r}: {each.message}" if each.written else each.message for each in errors)
        raise QueryError("\n".join(messages))
    return keywords


def subscribe(
    ctx: AppContext, email: str, preferences: Preferences, keywords: Sequence[KeywordInput], now: datetime
) -> None:
    """Somebody asks for letters to an address. Whatever its state, the caller learns nothing of it; the mailbox does.

    One mail of a kind a day at most goes to an address this way, however often somebody asks.
    """
    with write_session(ctx.engine) as session:
        subscriber = request_subscription(
            session, email, preferences, keywords, now, max_keywords=ctx.settings.most_keywords
        )
        kind = {
            SubscriberStatus.PENDING: DeliveryKind.CONFIRM,
            SubscriberStatus.ACTIVE: DeliveryKind.ALREADY_SUBSCRIBED,
            SubscriberStatus.PAUSED: DeliveryKind.ALREADY_SUBSCRIBED,
        }.get(SubscriberStatus(subscriber.status))
        if kind:
            _enqueue_email(ctx, session, subscriber, kind, subscriber.ended_at, now)


def add_subscriber(
    ctx: AppContext,
    email: str,
    preferences: Preferences,
    keywords: Sequence[KeywordInput],
    now: datetime,
    *,
    confirmed: bool,
    paused_until: date | None = None,
    suspend_reason: str = "",
) -> bool:
    """The operator enters somebody; `confirmed` when that person has already agreed elsewhere.

    True when a letter was queued for it. Raises SubscriberError for readers, and for who must never be mailed.
    """
    with write_session(ctx.engine) as session:
        subscriber = request_subscription(
            session, email, preferences, keywords, now, max_keywords=ctx.settings.most_keywords
        )
        if subscriber.status != SubscriberStatus.PENDING:
            raise SubscriberError(f"{subscriber.email} is {subscriber.status} already; nothing was changed")
        if not confirmed:
            return _enqueue_email(ctx, session, subscriber, DeliveryKind.CONFIRM, subscriber.ended_at, now)
        _start_subscription(session, subscriber, now)
        pause(subscriber, paused_until)
        if suspend_reason and not paused_until:
            suspend(subscriber, suspend_reason)
        return False


def confirm(ctx: AppContext, token: str, now: datetime) -> SubscriberProfile:
    """The owner of the address says yes. A second click is answered like the first."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.CONFIRM, token, now)
        if subscriber.status == SubscriberStatus.PENDING:
            ended = subscriber.ended_at
            _start_subscription(session, subscriber, now)
            _enqueue_email(ctx, session, subscriber, DeliveryKind.WELCOME, ended, now)
        elif subscriber.status in {SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED}:
            raise TokenError("This subscription has ended since the link was mailed. Subscribe again to start anew.")
        return to_profile(session, subscriber)


def decline(ctx: AppContext, token: str, now: datetime) -> None:
    """The owner of the address says no: what somebody asked for in their name is undone."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.CONFIRM, token, now)
        if subscriber.status == SubscriberStatus.PENDING:
            subscriber.end_subscription(SubscriberStatus.UNSUBSCRIBED, REASON_DECLINED, now)
            cancel(session, int(subscriber.id or 0), now)


def get_profile(ctx: AppContext, purpose: TokenPurpose, token: str, now: datetime) -> SubscriberProfile:
    """What a page behind a link shows. Changes nothing. Raises TokenError."""
    with read_session(ctx.engine) as session:
        return to_profile(session, subscriber_from_token(ctx, session, purpose, token, now, lock=False))


def update_preferences(
    ctx: AppContext,
    token: str,
    preferences: Preferences,
    keywords: Sequence[KeywordInput],
    paused_until: date | None,
    now: datetime,
) -> SubscriberProfile:
    """New preferences, in force from the next edition on; papers already considered are not mailed again."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now)
        if subscriber.status not in RUNNING_STATUSES:
            raise TokenError("This subscription is not running. Subscribe again to start anew.")
        set_preferences(subscriber, preferences)
        set_keywords(session, subscriber, keywords, max_keywords=ctx.settings.most_keywords)
        pause(subscriber, paused_until)
        session.flush()
        return to_profile(session, subscriber)


def unsubscribe(ctx: AppContext, token: str, now: datetime, *, send_goodbye: bool = True) -> SubscriberProfile:
    """No more letters from this moment on. `farewell`: mail a last one; a mail program's own button wants none."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.UNSUBSCRIBE, token, now)
        _end_subscription(
            ctx,
            session,
            subscriber,
            now,
            reason="" if send_goodbye else REASON_ONE_CLICK,
            send_goodbye=send_goodbye,
        )
        return to_profile(session, subscriber)


def remove_subscriber(ctx: AppContext, email: str, now: datetime) -> SubscriberProfile:
    """The operator ends a subscription; nothing is mailed. One that has ended stays as it is."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_by_email(session, email, lock=True)
        _end_subscription(ctx, session, subscriber, now, reason=REASON_REMOVED, send_goodbye=False)
        return to_profile(session, subscriber)


def _end_subscription(
    ctx: AppContext, session: Session, subscriber: Subscriber, now: datetime, *, reason: str, send_goodbye: bool
) -> None:
    pending = subscriber.status == SubscriberStatus.PENDING
    if not pending and subscriber.status not in RUNNING_STATUSES:
        return
    subscriber.end_subscription(SubscriberStatus.UNSUBSCRIBED, REASON_UNCONFIRMED if pending else reason, now)
    cancel(session, int(subscriber.id or 0), now)
    if send_goodbye and not pending:
        # Named after the confirmation: who leaves, undoes it and leaves again has the letter already.
        _enqueue_email(ctx, session, subscriber, DeliveryKind.GOODBYE, subscriber.confirmed_at or now, now)


def _start_subscription(session: Session, subscriber: Subscriber, now: datetime) -> None:
    # The first letter has the papers of the latest list day; what came before is in the archive.
    activate(subscriber, first_listing_id_of_latest_day(session) - 1, now)
    discard_undelivered(session, int(subscriber.id or 0))


def _enqueue_email(
    ctx: AppContext,
    session: Session,
    subscriber: Subscriber,
    kind: DeliveryKind,
    ended_at: datetime | None,
    now: datetime,
) -> bool:
    # One of a kind a day: the database refuses a second. Who leaves and comes back on one day begins a new count; who
    # declines does not, or somebody else could have them mailed again and again.
    restarted_today = ended_at is not None and ended_at.date() == now.date() and subscriber.reason != REASON_DECLINED
    edition = f"{kind}:{now.date().isoformat()}" + (f":{ended_at:%H%M%S%f}" if restarted_today else "")
    return bool(enqueue(session, [NewDelivery(int(subscriber.id or 0), kind, edition)], ctx.sender_domain, now))
