"""One-click links of an e-mail: mute a keyword or an author, write once a week, pause for two weeks.

Each has a token that can do nothing else. To look changes nothing. A change can be undone for a day by a signed note of
how things were, which the page carries: the store has the present state only.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    Frequency,
    Keyword,
    Paper,
    Subscriber,
    SubscriberStatus,
)
from digest.errors import QueryError, SubscriberError, TokenError
from digest.matching import KeywordInput, Matcher, PaperDocument, is_exclusion, parse, parse_canonical
from digest.papers import build_documents
from digest.schedule import due_instant, load_zone, next_due_day
from digest.subscribers import messages, records
from digest.subscribers.mute_suggestions import load_recently_mailed
from digest.subscribers.profile import ActionResult, running_subscriber, to_profile
from digest.subscribers.records import MAX_PAUSE, keywords_of, set_keywords
from digest.subscribers.undo_tokens import make_undo_token, read_undo_token
from digest.tokens import TokenPurpose

PAUSE_LENGTH = timedelta(days=14)
RARE_FREQUENCIES = frozenset({Frequency.WEEKLY, Frequency.MONTHLY})
LISTED_AUTHORS = 50  # authors of one paper that can be chosen
# A star means something else in a name, and a quote would end it.
_NAME_DELIMITERS = re.compile(r"[\s*\"“”„«»]+")


# --- mute a keyword


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteState(ActionResult):
    """Keyword to mute; None when it is muted already, or not the subscriber's any more.

    `is_only`: no other keyword would bring papers, so this one cannot be muted. Of `mailed_count` papers in the last
    digests `matched_count` match the keyword.
    """

    keyword: KeywordInput | None
    is_only: bool = False
    matched_count: int = 0
    mailed_count: int = 0


def get_mute_state(ctx: AppContext, token: str, keyword_id: int, now: datetime) -> MuteState:
    """Return the keyword and how many papers it brought. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE, token, now, lock=False)
        state = _mute_state(ctx, session, subscriber, keyword_id, now)
        if state.keyword is None:
            return state
        mailed = load_recently_mailed(session, int(subscriber.id or 0))
        documents = build_documents(session, mailed)
        matches = Matcher([parse_canonical(state.keyword.canonical)]).match(documents)[0]
        return replace(state, matched_count=len(matches), mailed_count=len(mailed))


def mute_keyword(ctx: AppContext, token: str, keyword_id: int, now: datetime) -> MuteState:
    """Mute a keyword, unless no other would be left to bring papers. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE, token, now)
        state = _mute_state(ctx, session, subscriber, keyword_id, now)
        if state.keyword is None or state.is_only:
            return replace(state, undo="")
        keywords = [
            replace(keyword, is_muted=keyword.is_muted or keyword == state.keyword)
            for keyword in keywords_of(session, subscriber)
        ]
        set_keywords(session, subscriber, keywords, max_keywords=len(keywords))
        return replace(state, profile=to_profile(session, subscriber), changed=True)


def unmute_keyword(ctx: AppContext, token: str, undo: str, now: datetime) -> MuteState:
    """Unmute a keyword; one that was removed since is inserted where it was.

    Raises TokenError, or SubscriberError when there is no room any more.
    """
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE, token, now)
        text, position = read_undo_token(ctx, subscriber, TokenPurpose.MUTE, undo, now)
        keyword = KeywordInput.from_query(parse_canonical(text))
        keywords = keywords_of(session, subscriber)
        saved = {other.canonical: other for other in keywords}.get(keyword.canonical)
        if changed := saved is None or saved.is_muted:
            restored = [replace(other, is_muted=other.is_muted and other != saved) for other in keywords]
            if saved is None:
                restored.insert(position, keyword)
            max_keywords = max(ctx.settings.most_keywords, len(keywords))
            set_keywords(session, subscriber, restored, max_keywords=max_keywords)
        return MuteState(profile=to_profile(session, subscriber), changed=changed, keyword=keyword)


def _mute_state(ctx: AppContext, session: Session, subscriber: Subscriber, keyword_id: int, now: datetime) -> MuteState:
    keywords = keywords_of(session, subscriber)
    canonical = session.exec(select(Keyword.canonical).where(Keyword.id == keyword_id)).one_or_none()
    position = next(
        (at for at, keyword in enumerate(keywords) if keyword.canonical == canonical and not keyword.is_muted), None
    )
    profile = to_profile(session, subscriber)
    if position is None:
        return MuteState(profile=profile, keyword=None)
    keyword = keywords.pop(position)
    return MuteState(
        profile=profile,
        undo=make_undo_token(ctx, subscriber, TokenPurpose.MUTE, [keyword.text, position], now),
        keyword=keyword,
        is_only=not is_exclusion(keyword.canonical)
        and all(other.is_muted or is_exclusion(other.canonical) for other in keywords),
    )


# --- mute an author


@dataclass(frozen=True, slots=True)
class AuthorOption:
    """Author of a paper and the keyword that excludes them; None where the keyword language cannot name them."""

    name: str
    exclusion: KeywordInput | None
    is_muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteAuthorState(ActionResult):
    """Authors of a paper; `author` is the one that was chosen. `unlisted_count` is the number of further ones."""

    title: str
    authors: tuple[AuthorOption, ...]
    unlisted_count: int = 0
    author: AuthorOption | None = None


def get_mute_author_state(ctx: AppContext, token: str, paper_id: int, now: datetime) -> MuteAuthorState:
    """Return the authors of a paper. Raises TokenError, also for a paper that is not stored."""
    with read_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE_AUTHOR, token, now, lock=False)
        return _mute_author_state(session, subscriber, paper_id)


def mute_author(ctx: AppContext, token: str, paper_id: int, name: str, now: datetime) -> MuteAuthorState:
    """Add a keyword that excludes an author. Raises TokenError, or SubscriberError when there is no room for it."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE_AUTHOR, token, now)
        state = _mute_author_state(session, subscriber, paper_id, name)
        author = next((option for option in state.authors if option.name == name and option.exclusion), None)
        if author is None or author.exclusion is None:
            raise SubscriberError(messages.NO_AUTHOR_CHOSEN)
        undo = make_undo_token(ctx, subscriber, TokenPurpose.MUTE_AUTHOR, [author.exclusion.canonical], now)
        if not author.is_muted:
            keywords, max_keywords = keywords_of(session, subscriber), ctx.settings.most_keywords
            if len(keywords) >= max_keywords:
                raise SubscriberError(messages.no_room_for_author(len(keywords), max_keywords))
            set_keywords(session, subscriber, [*keywords, author.exclusion], max_keywords=max_keywords)
        return replace(
            state,
            profile=to_profile(session, subscriber),
            changed=not author.is_muted,
            undo=undo,
            author=author,
        )


def unmute_author(ctx: AppContext, token: str, undo: str, now: datetime) -> ActionResult:
    """Remove the keyword that excludes an author. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.MUTE_AUTHOR, token, now)
        (canonical,) = read_undo_token(ctx, subscriber, TokenPurpose.MUTE_AUTHOR, undo, now)
        keywords = keywords_of(session, subscriber)
        remaining = [keyword for keyword in keywords if keyword.canonical != canonical]
        if remaining != keywords:
            set_keywords(session, subscriber, remaining, max_keywords=len(remaining))
        return ActionResult(profile=to_profile(session, subscriber), changed=remaining != keywords)


def _mute_author_state(session: Session, subscriber: Subscriber, paper_id: int, chosen: str = "") -> MuteAuthorState:
    paper = session.get(Paper, paper_id)
    if paper is None:
        raise TokenError(messages.PAPER_GONE)
    saved = {keyword.canonical for keyword in keywords_of(session, subscriber)}
    names = list(dict.fromkeys(name for name in paper.authors if name.strip()))
    # Each name costs a query and a match; collaborations of thousands have their speaker first or last.
    listed = names if len(names) <= LISTED_AUTHORS else [*names[: LISTED_AUTHORS - 1], names[-1]]
    listed += [chosen] if chosen in names and chosen not in listed else []
    exclusions = {name: author_exclusion(name) for name in listed}
    return MuteAuthorState(
        profile=to_profile(session, subscriber),
        title=paper.title,
        authors=tuple(
            AuthorOption(name, exclusion, exclusion is not None and exclusion.canonical in saved)
            for name, exclusion in exclusions.items()
        ),
        unlisted_count=len(names) - len(listed),
    )


def author_exclusion(name: str) -> KeywordInput | None:
    """Return the keyword that excludes papers of an author, or None when no keyword can name them."""
    text = f'-author:"{_NAME_DELIMITERS.sub(" ", name).strip()}"'
    try:
        query = parse(text)
        keyword = KeywordInput.from_query(query)
    except QueryError:
        return None
    # Some names parse to something else: the query must find a paper by that author.
    matches = Matcher([query]).match([PaperDocument(id=0, title="", authors=(name,))])[0]
    return keyword if matches and query.exclude else None


# --- once a week


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyState(ActionResult):
    """Next weekly digest. `is_set`: digests came once a week, or more rarely, before."""

    is_set: bool
    first_day: date


def get_weekly_state(ctx: AppContext, token: str, now: datetime) -> WeeklyState:
    """Return whether digests come weekly, and when the next one would. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.WEEKLY, token, now, lock=False)
        return _weekly_state(ctx, session, subscriber, now)


def set_weekly(ctx: AppContext, token: str, now: datetime) -> WeeklyState:
    """Send digests once a week from now on. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.WEEKLY, token, now)
        state = _weekly_state(ctx, session, subscriber, now)
        if not state.is_set:
            subscriber.frequency = Frequency.WEEKLY
        session.flush()
        return replace(state, profile=to_profile(session, subscriber), changed=not state.is_set)


def undo_weekly(ctx: AppContext, token: str, undo: str, now: datetime) -> ActionResult:
    """Restore the frequency, unless the subscriber has chosen another one since. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.WEEKLY, token, now)
        (frequency,) = read_undo_token(ctx, subscriber, TokenPurpose.WEEKLY, undo, now)
        changed = subscriber.frequency == Frequency.WEEKLY
        if changed:
            subscriber.frequency = Frequency(frequency)
        return ActionResult(profile=to_profile(session, subscriber), changed=changed)


def _weekly_state(ctx: AppContext, session: Session, subscriber: Subscriber, now: datetime) -> WeeklyState:
    zone, hour, paused_until = subscriber.timezone, subscriber.send_hour, subscriber.paused_until
    starts_at = now
    if paused_until:  # the store may hold a pause until 9999, after which no digest can be due
        starts_at = max(now, due_instant(min(paused_until, _local_date(subscriber, now) + MAX_PAUSE), zone, 0))
    is_set = subscriber.frequency in RARE_FREQUENCIES
    frequency = subscriber.frequency if is_set else Frequency.WEEKLY
    undo = make_undo_token(ctx, subscriber, TokenPurpose.WEEKLY, [subscriber.frequency], now)
    return WeeklyState(
        profile=to_profile(session, subscriber),
        undo="" if is_set else undo,
        is_set=is_set,
        first_day=next_due_day(starts_at, zone, hour, frequency, subscriber.weekday),
    )


# --- pause


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseState(ActionResult):
    """Day on which digests start again. `is_set`: a pause that lasts as long was there before."""

    is_set: bool
    until: date


def get_pause_state(ctx: AppContext, token: str, now: datetime) -> PauseState:
    """Return how long a pause would last. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now, lock=False)
        return _pause_state(ctx, session, subscriber, now)


def start_pause(ctx: AppContext, token: str, now: datetime) -> PauseState:
    """Pause for two weeks from today, by the subscriber's calendar; a longer pause stays. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now)
        state = _pause_state(ctx, session, subscriber, now)
        records.pause(subscriber, state.until)
        session.flush()
        return replace(state, profile=to_profile(session, subscriber), changed=not state.is_set)


def undo_pause(ctx: AppContext, token: str, undo: str, now: datetime) -> ActionResult:
    """Restore what was before the pause, unless the subscriber has chosen otherwise since. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PAUSE, token, now)
        before, until = read_undo_token(ctx, subscriber, TokenPurpose.PAUSE, undo, now)
        changed = subscriber.paused_until == date.fromisoformat(until)
        if changed:
            earlier = date.fromisoformat(before) if before else None
            records.pause(subscriber, earlier if earlier and earlier > _local_date(subscriber, now) else None)
            session.flush()
        return ActionResult(profile=to_profile(session, subscriber), changed=changed)


def _pause_state(ctx: AppContext, session: Session, subscriber: Subscriber, now: datetime) -> PauseState:
    until, before = _local_date(subscriber, now) + PAUSE_LENGTH, subscriber.paused_until
    is_set = subscriber.status == SubscriberStatus.PAUSED and before is not None and before >= until
    note = [before.isoformat() if before else "", until.isoformat()]
    return PauseState(
        profile=to_profile(session, subscriber),
        undo="" if is_set else make_undo_token(ctx, subscriber, TokenPurpose.PAUSE, note, now),
        is_set=is_set,
        until=before if is_set and before else until,
    )


def _local_date(subscriber: Subscriber, now: datetime) -> date:
    return now.astimezone(load_zone(subscriber.timezone)).date()
