"""Papers close to a subscriber's profile that no keyword of theirs found and that they never had.

They go along with a digest, at most three and never alone: who has keywords expects an e-mail when one of them matches.
What was close on a day without one waits for the next. What a digest shows stands in its row with the words that
brought it, so it stays the same when the profile changes. What did not arrive competes again with what is new. Without
a profile in the store nothing here asks the database.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import ColumnElement, String, and_, cast, exists, or_
from sqlmodel import Session, col, select

from digest.database import InvalidRow, create_invalid_row, is_in_values, update_rows
from digest.database.models import (
    CLOSE_WORD_SEPARATOR,
    Delivery,
    InvalidValue,
    Profile,
    Subscriber,
    SubscriberStatus,
)
from digest.delivery import DigestRow, UndeliveredPapers
from digest.planning import messages
from digest.planning.choose_close import CloseChooser
from digest.subscribers import has_examples

if TYPE_CHECKING:
    from digest.planning.chunk import ChunkQueries
    from digest.planning.new_papers import NewPapers


class StoredProfile(NamedTuple):
    """Words that count, with their weights, and papers that wait for an e-mail."""

    words: Mapping[str, float]
    waiting_papers: Sequence[int]


def brings_papers() -> tuple[ColumnElement[bool], ...]:
    """Build the conditions that a profile brings papers: it has words and is on, as it is from the first mark on."""
    is_undecided = col(Profile.in_digest).is_(None)
    is_on = or_(col(Profile.in_digest).is_(True), and_(is_undecided, has_examples(Profile.subscriber_id)))
    return is_on, cast(col(Profile.words), String) != "{}"  # PostgreSQL cannot compare JSON


def has_profiles(session: Session) -> bool:
    """Return whether an active subscriber gets papers close to their profile."""
    # No join, for which SQLite goes through all active subscribers and looks for the profile of each.
    is_active = exists(
        select(1).where(Subscriber.id == Profile.subscriber_id, Subscriber.status == SubscriberStatus.ACTIVE)
    )
    wanted = select(Profile.subscriber_id).where(*brings_papers(), is_active)
    return session.exec(wanted.limit(1)).first() is not None


def add_close_papers(
    session: Session,
    edition: str,
    new_papers: "NewPapers",
    queries: "ChunkQueries",
    digests: Sequence[DigestRow],
    undelivered: Mapping[int, UndeliveredPapers],
    unreadable: list[InvalidRow],
) -> None:
    """Add close papers to the digests of an edition that were just queued.

    Those of subscribers without a digest wait for their next one.
    """
    if not new_papers.has_profiles:
        return
    stored = _load_profiles(session, queries.subscribers.ids.tolist(), unreadable)
    if not stored:
        return
    shown = {row[0]: {*json.loads(row[1]), *json.loads(row[2])} for row in digests if row[0] in stored}
    waiting = {number: list(profile.waiting_papers) for number, profile in stored.items()}
    owed = {n: [*waiting[n], *(undelivered[n].close_papers if n in undelivered else ())] for n in stored}
    profiles = {number: profile.words for number, profile in stored.items()}
    chosen = CloseChooser(session, new_papers, queries, profiles, unreadable).choose(
        shown, {number: paper_ids for number, paper_ids in owed.items() if paper_ids}
    )
    digest_rows = [
        {
            "subscriber_id": number,
            "edition": edition,
            "close_papers": [match.paper_id for match in matches],
            "close_words": [CLOSE_WORD_SEPARATOR.join(match.words) for match in matches],
        }
        for number, matches in chosen.items()
        if number in shown
    ]
    update_rows(session, Delivery, ("subscriber_id", "edition"), digest_rows)
    still_waiting = {n: [] if n in shown else [match.paper_id for match in chosen.get(n, ())] for n in stored}
    profile_rows = [
        {"subscriber_id": n, "waiting_papers": paper_ids}
        for n, paper_ids in still_waiting.items()
        if paper_ids != waiting[n]
    ]
    update_rows(session, Profile, ("subscriber_id",), profile_rows)


def _load_profiles(
    session: Session, subscriber_ids: Sequence[int], unreadable: list[InvalidRow]
) -> dict[int, StoredProfile]:
    """Return the profiles of those of these subscribers who get close papers, by subscriber."""
    columns = Profile.subscriber_id, Profile.words, Profile.waiting_papers
    wanted = select(*columns).where(is_in_values(session, Profile.subscriber_id, subscriber_ids), *brings_papers())
    profiles = {}
    for number, words, waiting_papers in session.exec(wanted):
        if isinstance(words, InvalidValue) or isinstance(waiting_papers, InvalidValue):
            unreadable.append(create_invalid_row(Profile, number, messages.PROFILE_NOT_READABLE))
        elif weights := {word: weight for word, weight in words.items() if weight > 0}:
            profiles[number] = StoredProfile(weights, waiting_papers)
    return profiles
