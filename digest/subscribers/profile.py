"""Profile of a subscriber, and the outcome of an action on a signed link."""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import Session, select

from digest.context import AppContext
from digest.database.models import Profile, Subscriber, SubscriberStatus
from digest.errors import TokenError
from digest.subscribers import messages
from digest.subscribers.records import RUNNING_STATUSES, Preferences, keywords_of, subscriber_by_nonce
from digest.tokens import TokenPurpose


@dataclass(frozen=True, slots=True)
class SubscriberProfile:
    """Stored values of a subscriber, for the pages behind a signed link.

    `nonce` is what tokens are made of. `muted`: those of the keywords that bring no papers. `reason`: why the
    subscription ended. `suspend_reason`: why nothing is mailed until they resume, or empty.
    """

    id: int
    email: str
    status: str
    preferences: Preferences
    keywords: tuple[str, ...]
    muted: frozenset[str]
    paused_until: date | None
    reason: str
    suspend_reason: str
    confirmed_at: datetime | None
    nonce: str = field(repr=False)

    @property
    def is_running(self) -> bool:
        """True while e-mails are sent, or will be after a pause."""
        return self.status in RUNNING_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """Outcome of an action on a token: the profile after it, and whether anything changed.

    `undo` is a token that takes the change back; empty where there is nothing to take back.
    """

    profile: SubscriberProfile
    changed: bool = False
    undo: str = ""


def subscriber_from_token(
    ctx: AppContext, session: Session, purpose: TokenPurpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    """Verify a token and return its subscriber. Raises TokenError."""
    return subscriber_by_nonce(session, ctx.token_signer.unsign(purpose, token, now), lock=lock)


def running_subscriber(
    ctx: AppContext, session: Session, purpose: TokenPurpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    """Verify a token and return its subscriber, whose subscription must be running. Raises TokenError."""
    subscriber = subscriber_from_token(ctx, session, purpose, token, now, lock=lock)
    require_running(subscriber)
    return subscriber


def require_running(subscriber: Subscriber) -> None:
    """Raise TokenError where a subscription has ended: what a link changes is for digests to come."""
    if subscriber.status not in RUNNING_STATUSES:
        raise TokenError(messages.NOT_RUNNING)


def to_profile(session: Session, subscriber: Subscriber) -> SubscriberProfile:
    """Return the profile of a subscriber."""
    keywords = keywords_of(session, subscriber)
    is_suspended = subscriber.status == SubscriberStatus.PAUSED and not subscriber.paused_until
    return SubscriberProfile(
        id=int(subscriber.id or 0),
        email=subscriber.email,
        status=subscriber.status,
        preferences=Preferences(
            frequency=subscriber.frequency,
            weekday=subscriber.weekday,
            send_hour=subscriber.send_hour,
            timezone=subscriber.timezone,
            cap=subscriber.cap,
            trending=subscriber.trending,
            summaries=subscriber.summaries,
            thumbnails=subscriber.thumbnails,
            about_only=subscriber.about_only,
            close_papers=session.exec(
                select(Profile.in_digest).where(Profile.subscriber_id == subscriber.id)
            ).one_or_none(),
            sources=tuple(subscriber.sources),
        ),
        keywords=tuple(keyword.text for keyword in keywords),
        muted=frozenset(keyword.text for keyword in keywords if keyword.is_muted),
        paused_until=subscriber.paused_until,
        reason=subscriber.reason,
        suspend_reason=subscriber.reason if is_suspended else "",
        confirmed_at=subscriber.confirmed_at,
        nonce=subscriber.nonce,
    )
