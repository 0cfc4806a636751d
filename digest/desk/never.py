"""Never this author: an exclusion among the reader's keywords, where it can be seen and taken out again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from digest import subscribers
from digest.db import reading, writing
from digest.desk.card import card_of
from digest.desk.doors import Door, keywords, reader, undo_of, was
from digest.errors import QueryError, SubscriberError, TokenError
from digest.house import House
from digest.matching import Document, Matcher, parse
from digest.models import Paper, Subscriber
from digest.subscribers import Purpose, Saved

_UNSAYABLE = re.compile(r"[\s*\"“”„«»]+")  # a star means something else in a name, and a quote would end it


@dataclass(frozen=True, slots=True)
class Author:
    """A name as the listing has it, and the line that keeps it away: None where the grammar has no words for it."""

    name: str
    line: Saved | None
    kept_away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Never(Door):
    """`author` is whom a change was about; `already`: there was a line for that name before."""

    title: str
    authors: tuple[Author, ...]
    author: Author | None = None
    already: bool = False


def exclusion(name: str) -> Saved | None:
    """The keyword that keeps papers of this author away, or None when no keyword can name them."""
    written = f'-author:"{_UNSAYABLE.sub(" ", name).strip()}"'
    try:
        query = parse(written)
    except QueryError:
        return None
    # Held to its word: it must find a paper by that author.
    found = Matcher([query]).match([Document(id=0, title="", authors=(name,))])[0]
    return Saved(written, query.canonical) if found and query.exclude else None


def look_never(house: House, token: str, paper_id: int, now: datetime) -> Never:
    """The paper and its authors. Raises TokenError, also for a paper that is not there."""
    with reading(house.engine) as session:
        subscriber = reader(house, session, Purpose.NEVER, token, now, lock=False)
        return _never(session, subscriber, paper_id)


def never(house: House, token: str, paper_id: int, name: str, now: datetime) -> Never:
    """Add the exclusion. Raises TokenError, or SubscriberError when there is no room for one more keyword."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.NEVER, token, now)
        shown = _never(session, subscriber, paper_id)
        author = next((each for each in shown.authors if each.name == name and each.line), None)
        if author is None or author.line is None:
            raise SubscriberError("Choose one of the authors.")
        undo = undo_of(house, subscriber, Purpose.NEVER, [author.line.canonical], now)
        if not author.kept_away:
            saved, most = keywords(session, subscriber), house.settings.most_keywords
            if len(saved) >= most:
                raise SubscriberError(
                    f"You have {len(saved)} keywords and exclusions, and {most} are the most. Take one out first: "
                    "every letter has a link to change them."
                )
            subscribers.set_keywords(session, subscriber, [*saved, author.line], most=most)
        return Never(
            card=card_of(session, subscriber),
            undo=undo,
            title=shown.title,
            authors=shown.authors,
            author=author,
            already=author.kept_away,
        )


def allow(house: House, token: str, undo: str, now: datetime) -> str:
    """Take the exclusion out again; gives its canonical text. Raises TokenError."""
    with writing(house.engine) as session:
        subscriber = reader(house, session, Purpose.NEVER, token, now)
        (canonical,) = was(house, subscriber, Purpose.NEVER, undo, now)
        saved = keywords(session, subscriber)
        rest = [each for each in saved if each.canonical != canonical]
        if rest != saved:
            subscribers.set_keywords(session, subscriber, rest, most=len(rest))
        return str(canonical)


def _never(session: Session, subscriber: Subscriber, paper_id: int) -> Never:
    paper = session.get(Paper, paper_id)
    if paper is None:
        raise TokenError("This paper is not kept any more. A newer letter has the same link beside its papers.")
    known = {each.canonical for each in keywords(session, subscriber)}
    return Never(card=card_of(session, subscriber), title=paper.title, authors=_authors(paper.authors, known))


def _authors(names: Sequence[str], known: set[str]) -> tuple[Author, ...]:
    lines = {name: exclusion(name) for name in names if name.strip()}
    return tuple(Author(name, line, line is not None and line.canonical in known) for name, line in lines.items())
