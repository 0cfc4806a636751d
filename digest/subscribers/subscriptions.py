"""Subscribe, confirm, change preferences, unsubscribe: each one transaction with the e-mail that it causes.

The pages, the command line and the demo all call these.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlmodel import Session

from digest import delivery, papers
from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, record_action, write_session
from digest.database.models import DeliveryKind, ObjectKind, Profile, Subscriber, SubscriberStatus
from digest.delivery import NewDelivery
from digest.errors import AddressSuppressedError, QueryError, SubscriberError, TokenError
from digest.matching import DEFAULT_LIMITS, AcronymTable, KeywordInput, QueryLimits, parse
from digest.subscribers import messages, records
from digest.subscribers.marks import ProfileChange, change_profile, refit_profile
from digest.subscribers.profile import ActionResult, SubscriberProfile, subscriber_from_token, to_profile
from digest.subscribers.records import (
    ENDED_STATUSES,
    MAX_KEYWORDS,
    REASON_ONE_CLICK,
    REASON_UNCONFIRMED,
    RUNNING_STATUSES,
    Preferences,
)
from digest.subscribers.resubscribe import undo_unsubscription_token
from digest.subscribers.suppression_list import REASON_DECLINED
from digest.tokens import TokenPurpose

PLAN_WAIT = timedelta(minutes=15)  # how long a welcome waits for the plan, which may make it the first digest


@dataclass(frozen=True, slots=True)
class KeywordError:
    """Line that is no keyword: its number from 1, its text, and what is wrong with it.

    `position`: the character at fault, from 1; 0 where the line is wrong as a whole.
    """

    line: int
    text: str
    message: str
    position: int = 0


def known_sources(settings: Settings) -> Mapping[str, str]:
    """Return the names of the sources that papers come from, and what people call each."""
    from digest.sources import listing_titles  # loads all sources, for the few keywords and forms that name one

    return listing_titles(settings)


PaperDescription = Callable[[str], Mapping[str, float] | None]  # words of the paper that an identifier names


@dataclass(frozen=True, slots=True)
class KeywordLimits:
    """How many keywords a subscriber may have, how large each may be, and which acronyms it is read with.

    `acronyms`: without a table those that are shipped.
    """

    max_keywords: int = MAX_KEYWORDS
    query_limits: QueryLimits = DEFAULT_LIMITS
    acronyms: AcronymTable | None = None

    @classmethod
    def from_settings(
        cls, settings: Settings, acronyms: AcronymTable | None = None, describe_paper: PaperDescription | None = None
    ) -> "KeywordLimits":
        """Return the operator's limits. `describe_paper`: see `QueryLimits`."""
        return cls(
            settings.most_keywords,
            QueryLimits(
                settings.longest_keyword,
                settings.most_terms,
                settings.deepest_nesting,
                lambda: known_sources(settings),
                describe_paper,
            ),
            acronyms,
        )

    @classmethod
    def from_context(cls, ctx: AppContext) -> "KeywordLimits":
        """Return the operator's limits, with the acronyms and the papers of the store."""
        return cls.from_settings(
            ctx.settings, papers.read_acronyms(ctx.engine), partial(papers.read_named_paper, ctx.engine)
        )


def parse_keywords(
    lines: Sequence[str],
    limits: KeywordLimits = KeywordLimits(),
) -> tuple[list[KeywordInput], list[KeywordError]]:
    """Parse keywords, one a line; return the valid ones and the errors of the others. Blank lines are skipped."""
    keywords: list[KeywordInput] = []
    errors: list[KeywordError] = []
    for number, line in enumerate(lines, start=1):
        if not (text := line.strip()):
            continue
        try:
            keywords.append(KeywordInput.from_query(parse(text, limits.query_limits, limits.acronyms)))
        except QueryError as error:
            errors.append(KeywordError(number, text, str(error), error.position or 0))
    if len(keywords) > limits.max_keywords:
        message = messages.too_many_keywords(limits.max_keywords, len(keywords))
        errors.append(KeywordError(limits.max_keywords + 1, "", message))
    return keywords, errors


def parse_keywords_or_raise(lines: Sequence[str], limits: KeywordLimits = KeywordLimits()) -> list[KeywordInput]:
    """Parse keywords, one a line. Raises QueryError with a message for each line that is none."""
    keywords, errors = parse_keywords(lines, limits)
    if errors:
        described = (
            messages.keyword_error(error.text, error.message) if error.text else error.message for error in errors
        )
        raise QueryError("\n".join(described))
    return keywords


def subscribe(
    ctx: AppContext, email: str, preferences: Preferences, keywords: Sequence[KeywordInput], now: datetime
) -> None:
    """Request a subscription. The caller learns nothing of the address's state; its mailbox does.

    At most one e-mail of a kind a day goes to an address this way.
    """
    with suppress(AddressSuppressedError), write_session(ctx.engine) as session:
        subscriber = _request_subscription(ctx, session, email, preferences, keywords, now)
        if subscriber.status == SubscriberStatus.PENDING:
            enqueue_email(ctx, session, subscriber, DeliveryKind.CONFIRM, subscriber.ended_at, now)
        elif subscriber.status in RUNNING_STATUSES:
            enqueue_email(ctx, session, subscriber, DeliveryKind.ALREADY_SUBSCRIBED, subscriber.ended_at, now)


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
    consent: str = "",
    actor: str = "",
) -> bool:
    """Add a subscriber for the operator; `confirmed` when they have already agreed elsewhere, as `consent` then says.

    `actor`: who is recorded to have done so; nobody where it is empty. Returns whether a confirmation was queued.
    Raises SubscriberError for a subscription that is running, and for an address on the suppression list.
    """
    with write_session(ctx.engine) as session:
        subscriber = _request_subscription(ctx, session, email, preferences, keywords, now)
        if subscriber.status != SubscriberStatus.PENDING:
            raise SubscriberError(messages.already_subscribed(subscriber.email, subscriber.status))
        if actor:
            record_action(session, actor, "add", ObjectKind.SUBSCRIBER, int(subscriber.id or 0), now)
        if not confirmed:
            return enqueue_email(ctx, session, subscriber, DeliveryKind.CONFIRM, subscriber.ended_at, now)
        subscriber.consent = consent or subscriber.consent
        _start_subscription(session, subscriber, now)
        records.pause(subscriber, paused_until)
        if suspend_reason and not paused_until:
            records.suspend(subscriber, suspend_reason)
        return False


def confirm(ctx: AppContext, token: str, now: datetime) -> ActionResult:
    """Confirm a requested subscription, also one that was declined. Raises TokenError for one that has ended."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.CONFIRM, token, now)
        was_pending = subscriber.status == SubscriberStatus.PENDING or is_declined(subscriber)
        if subscriber.status in ENDED_STATUSES and not was_pending:
            raise TokenError(messages.ENDED_SINCE)
        if was_pending:
            ended_at = subscriber.ended_at
            _start_subscription(session, subscriber, now)
            # The next plan decides: a first digest is the welcome, too.
            enqueue_email(ctx, session, subscriber, DeliveryKind.WELCOME, ended_at, now, not_before=now + PLAN_WAIT)
        return ActionResult(profile=to_profile(session, subscriber), changed=was_pending)


def decline(ctx: AppContext, token: str, now: datetime) -> ActionResult:
    """End a requested subscription that the owner of the address did not ask for. A running one is left alone."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.CONFIRM, token, now)
        was_pending = subscriber.status == SubscriberStatus.PENDING
        if was_pending:
            subscriber.end_subscription(SubscriberStatus.UNSUBSCRIBED, REASON_DECLINED, now)
            delivery.cancel(session, int(subscriber.id or 0), now)
        return ActionResult(profile=to_profile(session, subscriber), changed=was_pending)


def is_declined(subscriber: Subscriber | SubscriberProfile) -> bool:
    """Return whether a requested subscription was declined; the link that declined it can still confirm it."""
    return subscriber.status == SubscriberStatus.UNSUBSCRIBED and subscriber.reason == REASON_DECLINED


def get_profile(ctx: AppContext, purpose: TokenPurpose, token: str, now: datetime) -> SubscriberProfile:
    """Return the profile behind a link, and change nothing. Raises TokenError."""
    with read_session(ctx.engine) as session:
        return to_profile(session, subscriber_from_token(ctx, session, purpose, token, now, lock=False))


def update_preferences(
    ctx: AppContext,
    token: str,
    preferences: Preferences,
    keywords: Sequence[KeywordInput],
    paused_until: date | None,
    now: datetime,
    profile_change: ProfileChange | None = None,
) -> ActionResult:
    """Set preferences, keywords, pause and learned words, from the next edition on.

    A subscription that has ended is left alone. Papers that were considered already are not mailed again. Raises
    ProfileError for words that cannot be used.
    """
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now)
        before = to_profile(session, subscriber)
        if not before.is_running:
            return ActionResult(profile=before)
        records.set_preferences(session, subscriber, preferences)
        records.set_keywords(session, subscriber, keywords, max_keywords=ctx.settings.most_keywords)
        records.pause(subscriber, paused_until)
        session.flush()
        if profile_change:
            change_profile(session, before.id, profile_change, now)
        elif preferences.close_papers != before.preferences.close_papers or preferences.close_papers:
            refit_profile(session, before.id, now)
        after = to_profile(session, subscriber)
        return ActionResult(profile=after, changed=after != before)


def get_unsubscribe_state(ctx: AppContext, token: str, now: datetime) -> ActionResult:
    """Return the profile and, where the subscription has just ended, the token that undoes it. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.UNSUBSCRIBE, token, now, lock=False)
        undo = undo_unsubscription_token(ctx, subscriber, now)
        return ActionResult(profile=to_profile(session, subscriber), undo=undo)


def unsubscribe(ctx: AppContext, token: str, now: datetime, *, send_goodbye: bool = True) -> ActionResult:
    """End a subscription at once. `send_goodbye` is off where a mail program's own button asks (RFC 8058)."""
    with write_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.UNSUBSCRIBE, token, now)
        reason = "" if send_goodbye else REASON_ONE_CLICK
        changed = _end_subscription(ctx, session, subscriber, now, reason=reason, send_goodbye=send_goodbye)
        undo = undo_unsubscription_token(ctx, subscriber, now)
        return ActionResult(profile=to_profile(session, subscriber), changed=changed, undo=undo)


def _request_subscription(
    ctx: AppContext,
    session: Session,
    email: str,
    preferences: Preferences,
    keywords: Sequence[KeywordInput],
    now: datetime,
) -> Subscriber:
    keys, max_keywords = ctx.token_signer.keys, ctx.settings.most_keywords
    return records.request_subscription(session, keys, email, preferences, keywords, now, max_keywords=max_keywords)


def _start_subscription(session: Session, subscriber: Subscriber, now: datetime) -> None:
    if session.get(Profile, subscriber.id):  # they asked for papers close to their keywords
        refit_profile(session, int(subscriber.id or 0), now)
    # The first digest has the papers of the latest list day; what came before is in the archive.
    records.activate(subscriber, papers.first_listing_id_of_latest_day(session) - 1, now)
    delivery.discard_undelivered(session, int(subscriber.id or 0))


def _end_subscription(
    ctx: AppContext, session: Session, subscriber: Subscriber, now: datetime, *, reason: str, send_goodbye: bool
) -> bool:
    if subscriber.status in ENDED_STATUSES:
        return False
    was_pending = subscriber.status == SubscriberStatus.PENDING
    subscriber.end_subscription(SubscriberStatus.UNSUBSCRIBED, REASON_UNCONFIRMED if was_pending else reason, now)
    delivery.cancel(session, int(subscriber.id or 0), now)
    if send_goodbye and not was_pending:
        # Named after the confirmation: to leave, undo it and leave again brings no second e-mail.
        enqueue_email(ctx, session, subscriber, DeliveryKind.GOODBYE, subscriber.confirmed_at or now, now)
    return True


def enqueue_email(
    ctx: AppContext,
    session: Session,
    subscriber: Subscriber,
    kind: DeliveryKind,
    ended_at: datetime | None,
    now: datetime,
    not_before: datetime | None = None,
) -> bool:
    """Queue an e-mail about the subscription, at most one of a kind a day; return whether one is queued now."""
    # One of a kind a day: the unique edition refuses a second. To leave and come back on one day begins a new count.
    is_new_count = ended_at is not None and ended_at.date() == now.date()
    edition = f"{kind}:{now.date().isoformat()}" + (f":{ended_at:%H%M%S%f}" if is_new_count else "")
    new = NewDelivery(int(subscriber.id or 0), kind, edition, not_before=not_before)
    # One that failed or was put off is not counted: who asks again gets it.
    return bool(delivery.enqueue(session, [new], ctx.sender_domain, now)) or delivery.retry_edition(session, new)
