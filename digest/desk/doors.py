"""What the small links of a letter do: take a keyword out, keep an author away, write less often, wait two weeks.

Each has a token that can do nothing else. Looking changes nothing. What was changed can be undone for a day, by a
signed note of how things were: it goes into the page, because the store remembers only how things are.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from digest import papers, subscribers
from digest.db import read_session, write_session
from digest.desk.card import SubscriberProfile, subscriber_from_token, to_profile
from digest.documents import build_documents
from digest.editions import due_instant, next_due_day
from digest.errors import TokenError
from digest.house import AppContext
from digest.matching import Matcher, is_exclusion, parse_canonical
from digest.models import Delivery, DeliveryKind, DeliveryState, Frequency, Keyword, Subscriber, SubscriberStatus
from digest.subscribers import KeywordInput, TokenPurpose

PAUSE_LENGTH = timedelta(days=14)
RECENT_DIGESTS = 10  # the last ones, that a keyword's papers are counted in


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickActionState:
    """How things stand for whoever looks in. `undo` takes back a change; empty where there is none to take back."""

    card: SubscriberProfile
    undo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteState(QuickActionState):
    """`keyword` is None when it is not among the reader's any more; `only`: no other one would bring papers.

    `brought` of the `mailed` papers of the last letters were there because of it, or because of others as well.
    """

    keyword: KeywordInput | None
    only: bool = False
    brought: int = 0
    mailed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyState(QuickActionState):
    """`already`: it was once a week before. `first` is the day of the next weekly letter."""

    already: bool
    first: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseState(QuickActionState):
    """`already`: the pause that there is goes as far as two weeks. `until` is the day on which letters begin again."""

    already: bool
    until: date


def get_mute_state(ctx: AppContext, token: str, keyword_id: int, now: datetime) -> MuteState:
    """The keyword, and what it was good for. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE, token, now, lock=False)
        keywords, position = _keyword_position(session, subscriber, keyword_id)
        if position is None:
            return MuteState(card=to_profile(session, subscriber), keyword=None)
        matched_papers, mailed_papers = _count_matched_papers(session, subscriber, keywords[position])
        return MuteState(
            card=to_profile(session, subscriber),
            undo=make_undo_token(ctx, subscriber, TokenPurpose.MUTE, [keywords[position].written, position], now),
            keyword=keywords[position],
            only=_is_only_inclusion(keywords, position),
            brought=matched_papers,
            mailed=mailed_papers,
        )


def mute_keyword(ctx: AppContext, token: str, keyword_id: int, now: datetime) -> MuteState:
    """Take the keyword out, unless no other would be left to bring papers. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE, token, now)
        saved, position = _keyword_position(session, subscriber, keyword_id)
        if position is None:
            return MuteState(card=to_profile(session, subscriber), keyword=None)
        if _is_only_inclusion(saved, position):
            return MuteState(card=to_profile(session, subscriber), keyword=saved[position], only=True)
        undo = make_undo_token(ctx, subscriber, TokenPurpose.MUTE, [saved[position].written, position], now)
        remaining = [*saved[:position], *saved[position + 1 :]]
        subscribers.set_keywords(session, subscriber, remaining, max_keywords=len(remaining))
        return MuteState(card=to_profile(session, subscriber), keyword=saved[position], undo=undo)


def unmute_keyword(ctx: AppContext, token: str, undo: str, now: datetime) -> KeywordInput:
    """Put the keyword back where it was. Raises TokenError, or SubscriberError when there is no room any more."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE, token, now)
        text, position = read_undo_token(ctx, subscriber, TokenPurpose.MUTE, undo, now)
        keyword = KeywordInput(text, parse_canonical(text).canonical)
        saved = subscriber_keywords(session, subscriber)
        if keyword.canonical not in {each.canonical for each in saved}:
            saved.insert(position, keyword)
            subscribers.set_keywords(session, subscriber, saved, max_keywords=ctx.settings.most_keywords)
        return keyword


def get_weekly_state(ctx: AppContext, token: str, now: datetime) -> WeeklyState:
    """How often letters come now. Raises TokenError."""
    with read_session(ctx.engine) as session:
        return _weekly_state(
            ctx, session, running_subscriber(ctx, session, TokenPurpose.WEEKLY, token, now, lock=False), now
        )


def set_weekly(ctx: AppContext, token: str, now: datetime) -> WeeklyState:
    """Letters come once a week from now on. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.WEEKLY, token, now)
        before = _weekly_state(ctx, session, subscriber, now)
        subscriber.frequency = Frequency.WEEKLY
        session.flush()
        return before


def undo_weekly(ctx: AppContext, token: str, undo: str, now: datetime) -> SubscriberProfile:
    """Letters come as often as before, unless the reader has chosen otherwise since. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.WEEKLY, token, now)
        (frequency,) = read_undo_token(ctx, subscriber, TokenPurpose.WEEKLY, undo, now)
        if subscriber.frequency == Frequency.WEEKLY:
            subscriber.frequency = Frequency(frequency)
        return to_profile(session, subscriber)


def get_pause_state(ctx: AppContext, token: str, now: datetime) -> PauseState:
    """How long a pause would be. Raises TokenError."""
    with read_session(ctx.engine) as session:
        return _pause_state(
            ctx, session, running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now, lock=False), now
        )


def start_pause(ctx: AppContext, token: str, now: datetime) -> PauseState:
    """No letters for two weeks from today, by the reader's calendar; a longer pause stays. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now)
        before = _pause_state(ctx, session, subscriber, now)
        subscribers.pause(subscriber, before.until)
        session.flush()
        return before


def undo_pause(ctx: AppContext, token: str, undo: str, now: datetime) -> SubscriberProfile:
    """As before the pause, unless the reader has chosen otherwise since. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now)
        before, until = read_undo_token(ctx, subscriber, TokenPurpose.PAUSE, undo, now)
        if subscriber.paused_until == date.fromisoformat(until):
            earlier = date.fromisoformat(before) if before else None
            subscribers.pause(subscriber, earlier if earlier and earlier > _local_date(subscriber, now) else None)
            session.flush()
        return to_profile(session, subscriber)


def running_subscriber(
    ctx: AppContext, session: Session, purpose: TokenPurpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    """Whom a link speaks of, whose subscription must be running. Raises TokenError."""
    subscriber = subscriber_from_token(ctx, session, purpose, token, now, lock=lock)
    if subscriber.status not in subscribers.RUNNING_STATUSES:
        raise TokenError("This subscription is not running. Subscribe again to start anew.")
    return subscriber


def subscriber_keywords(session: Session, subscriber: Subscriber) -> list[KeywordInput]:
    """The reader's keywords, in their order."""
    number = int(subscriber.id or 0)
    return subscribers.keywords_by_subscriber(session, [number]).get(number, [])


def make_undo_token(
    ctx: AppContext, subscriber: Subscriber, purpose: TokenPurpose, before: Sequence[Any], now: datetime
) -> str:
    """A signed note of how things were, good for one kind of change of one reader."""
    payload = json.dumps([purpose, *before], ensure_ascii=False).encode()
    return ctx.token_signer.sign(
        TokenPurpose.UNDO, f"{subscriber.nonce}.{base64.urlsafe_b64encode(payload).decode()}", now
    )


def read_undo_token(
    ctx: AppContext, subscriber: Subscriber, purpose: TokenPurpose, undo: str, now: datetime
) -> list[Any]:
    """What such a note says. Raises TokenError for one of another reader, or about something else."""
    nonce, _, encoded = ctx.token_signer.unsign(TokenPurpose.UNDO, undo, now).partition(".")
    try:
        noted_purpose, *before = json.loads(base64.urlsafe_b64decode(encoded))
    except (binascii.Error, ValueError) as error:
        raise TokenError("This cannot be undone: its note is damaged.") from error
    if nonce != subscriber.nonce or noted_purpose != purpose:
        raise TokenError("This cannot be undone: its note is about something else.")
    return list(before)


def _keyword_position(
    session: Session, subscriber: Subscriber, keyword_id: int
) -> tuple[list[KeywordInput], int | None]:
    saved = subscriber_keywords(session, subscriber)
    canonical = session.exec(select(Keyword.canonical).where(Keyword.id == keyword_id)).one_or_none()
    return saved, next((place for place, each in enumerate(saved) if each.canonical == canonical), None)


def _is_only_inclusion(saved: Sequence[KeywordInput], position: int) -> bool:
    others = [each for number, each in enumerate(saved) if number != position]
    return not is_exclusion(saved[position].canonical) and all(is_exclusion(each.canonical) for each in others)


def _count_matched_papers(session: Session, subscriber: Subscriber, keyword: KeywordInput) -> tuple[int, int]:
    """How many papers of the last letters match the keyword, and how many papers these letters had."""
    digests = select(col(Delivery.papers)).where(
        Delivery.subscriber_id == subscriber.id, Delivery.kind == DeliveryKind.DIGEST
    )
    recent_digests = (
        digests.where(Delivery.state == DeliveryState.SENT).order_by(col(Delivery.id).desc()).limit(RECENT_DIGESTS)
    )
    papers_by_id = papers.papers_by_id(
        session, {number for each in session.exec(recent_digests).all() for number in each}
    )
    texts = build_documents(session, list(papers_by_id.values()))
    return len(Matcher([parse_canonical(keyword.canonical)]).match(texts)[0]), len(papers_by_id)


def _weekly_state(ctx: AppContext, session: Session, subscriber: Subscriber, now: datetime) -> WeeklyState:
    zone, hour = subscriber.timezone, subscriber.send_hour
    begins = max(now, due_instant(subscriber.paused_until, zone, 0)) if subscriber.paused_until else now
    already = subscriber.frequency == Frequency.WEEKLY
    undo = make_undo_token(ctx, subscriber, TokenPurpose.WEEKLY, [subscriber.frequency], now)
    return WeeklyState(
        card=to_profile(session, subscriber),
        undo="" if already else undo,
        already=already,
        first=next_due_day(begins, zone, hour, Frequency.WEEKLY),
    )


def _pause_state(ctx: AppContext, session: Session, subscriber: Subscriber, now: datetime) -> PauseState:
    until, before = _local_date(subscriber, now) + PAUSE_LENGTH, subscriber.paused_until
    already = subscriber.status == SubscriberStatus.PAUSED and before is not None and before >= until
    note = [before.isoformat() if before else "", until.isoformat()]
    return PauseState(
        card=to_profile(session, subscriber),
        undo="" if already else make_undo_token(ctx, subscriber, TokenPurpose.PAUSE, note, now),
        already=already,
        until=before if already and before else until,
    )


def _local_date(subscriber: Subscriber, now: datetime) -> date:
    return now.astimezone(ZoneInfo(subscriber.timezone)).date()
