"""What the small links of a letter do: take a keyword out, keep an author away, write less often, wait two weeks.

Each has a token that can do nothing else. Looking changes nothing. What was changed can be undone for a day, by a
signed note of how things were: it goes into the page, because the store remembers only how things are.

Never this author: an exclusion among the reader's keywords, where it can be seen and taken out again.
"""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    Frequency,
    Keyword,
    Paper,
    Subscriber,
    SubscriberStatus,
)
from digest.errors import QueryError, SubscriberError, TokenError
from digest.matching import KeywordInput, Matcher, PaperDocument, is_exclusion, parse, parse_canonical
from digest.papers import build_documents
from digest.schedule import due_instant, next_due_day
from digest.subscribers.profile import SubscriberProfile, subscriber_from_token, to_profile
from digest.subscribers.records import RUNNING_STATUSES, keywords_by_subscriber, pause, set_keywords
from digest.tokens import TokenPurpose

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
        set_keywords(session, subscriber, remaining, max_keywords=len(remaining))
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
            set_keywords(session, subscriber, saved, max_keywords=ctx.settings.most_keywords)
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
        pause(subscriber, before.until)
        session.flush()
        return before


def undo_pause(ctx: AppContext, token: str, undo: str, now: datetime) -> SubscriberProfile:
    """As before the pause, unless the reader has chosen otherwise since. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now)
        before, until = read_undo_token(ctx, subscriber, TokenPurpose.PAUSE, undo, now)
        if subscriber.paused_until == date.fromisoformat(until):
            earlier = date.fromisoformat(before) if before else None
            pause(subscriber, earlier if earlier and earlier > _local_date(subscriber, now) else None)
            session.flush()
        return to_profile(session, subscriber)


def running_subscriber(
    ctx: AppContext, session: Session, purpose: TokenPurpose, token: str, now: datetime, *, lock: bool = True
) -> Subscriber:
    """Whom a link speaks of, whose subscription must be running. Raises TokenError."""
    subscriber = subscriber_from_token(ctx, session, purpose, token, now, lock=lock)
    if subscriber.status not in RUNNING_STATUSES:
        raise TokenError("This subscription is not running. Subscribe again to start anew.")
    return subscriber


def subscriber_keywords(session: Session, subscriber: Subscriber) -> list[KeywordInput]:
    """The reader's keywords, in their order."""
    number = int(subscriber.id or 0)
    return keywords_by_subscriber(session, [number]).get(number, [])


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


_NAME_DELIMITERS = re.compile(r"[\s*\"“”„«»]+")  # a star means something else in a name, and a quote would end it


@dataclass(frozen=True, slots=True)
class AuthorOption:
    """A name as the listing has it, and the line that keeps it away: None where the grammar has no words for it."""

    name: str
    line: KeywordInput | None
    kept_away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteAuthorState(QuickActionState):
    """`author` is whom a change was about; `already`: there was a line for that name before."""

    title: str
    authors: tuple[AuthorOption, ...]
    author: AuthorOption | None = None
    already: bool = False


def author_exclusion(name: str) -> KeywordInput | None:
    """The keyword that keeps papers of this author away, or None when no keyword can name them."""
    text = f'-author:"{_NAME_DELIMITERS.sub(" ", name).strip()}"'
    try:
        query = parse(text)
    except QueryError:
        return None
    # Held to its word: it must find a paper by that author.
    matches = Matcher([query]).match([PaperDocument(id=0, title="", authors=(name,))])[0]
    return KeywordInput(text, query.canonical) if matches and query.exclude else None


def get_mute_author_state(ctx: AppContext, token: str, paper_id: int, now: datetime) -> MuteAuthorState:
    """The paper and its authors. Raises TokenError, also for a paper that is not there."""
    with read_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE_AUTHOR, token, now, lock=False)
        return _mute_author_state(session, subscriber, paper_id)


def mute_author(ctx: AppContext, token: str, paper_id: int, name: str, now: datetime) -> MuteAuthorState:
    """Add the exclusion. Raises TokenError, or SubscriberError when there is no room for one more keyword."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE_AUTHOR, token, now)
        state = _mute_author_state(session, subscriber, paper_id)
        author = next((each for each in state.authors if each.name == name and each.line), None)
        if author is None or author.line is None:
            raise SubscriberError("Choose one of the authors.")
        undo = make_undo_token(ctx, subscriber, TokenPurpose.MUTE_AUTHOR, [author.line.canonical], now)
        if not author.kept_away:
            saved_keywords, max_keywords = subscriber_keywords(session, subscriber), ctx.settings.most_keywords
            if len(saved_keywords) >= max_keywords:
                raise SubscriberError(
                    f"You have {len(saved_keywords)} keywords and exclusions, and {max_keywords} are the most. "
                    "Take one out first: every letter has a link to change them."
                )
            set_keywords(session, subscriber, [*saved_keywords, author.line], max_keywords=max_keywords)
        return MuteAuthorState(
            card=to_profile(session, subscriber),
            undo=undo,
            title=state.title,
            authors=state.authors,
            author=author,
            already=author.kept_away,
        )


def unmute_author(ctx: AppContext, token: str, undo: str, now: datetime) -> str:
    """Take the exclusion out again; gives its canonical text. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE_AUTHOR, token, now)
        (canonical,) = read_undo_token(ctx, subscriber, TokenPurpose.MUTE_AUTHOR, undo, now)
        saved = subscriber_keywords(session, subscriber)
        remaining = [each for each in saved if each.canonical != canonical]
        if remaining != saved:
            set_keywords(session, subscriber, remaining, max_keywords=len(remaining))
        return str(canonical)


def _mute_author_state(session: Session, subscriber: Subscriber, paper_id: int) -> MuteAuthorState:
    paper = session.get(Paper, paper_id)
    if paper is None:
        raise TokenError("This paper is not kept any more. A newer letter has the same link beside its papers.")
    saved = {each.canonical for each in subscriber_keywords(session, subscriber)}
    return MuteAuthorState(
        card=to_profile(session, subscriber), title=paper.title, authors=_author_options(paper.authors, saved)
    )


def _author_options(names: Sequence[str], saved: set[str]) -> tuple[AuthorOption, ...]:
    exclusions = {name: author_exclusion(name) for name in names if name.strip()}
    return tuple(
        AuthorOption(name, line, line is not None and line.canonical in saved) for name, line in exclusions.items()
    )
