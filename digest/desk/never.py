"""Never this author: an exclusion among the reader's keywords, where it can be seen and taken out again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from digest import subscribers
from digest.db import read_session, write_session
from digest.desk.card import to_profile
from digest.desk.doors import (
    QuickActionState,
    make_undo_token,
    read_undo_token,
    running_subscriber,
    subscriber_keywords,
)
from digest.errors import QueryError, SubscriberError, TokenError
from digest.house import AppContext
from digest.matching import Matcher, PaperDocument, parse
from digest.models import Paper, Subscriber
from digest.subscribers import KeywordInput, TokenPurpose

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
                    f"You have {len(saved_keywords)} keywords and exclusions, and {max_keywords} are the most. Take one out first: "
                    "every letter has a link to change them."
                )
            subscribers.set_keywords(session, subscriber, [*saved_keywords, author.line], max_keywords=max_keywords)
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
            subscribers.set_keywords(session, subscriber, remaining, max_keywords=len(remaining))
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
