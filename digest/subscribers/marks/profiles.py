"""Words learned from what a subscriber said about papers: shown, weighed, struck and added to by them, fitted again.

The learned words are the mean of the papers that they liked, minus half of those that they did not; where they said
nothing about any and want such papers, that of the papers that their keywords find. An edit is kept apart from what was
learned, so that it survives every fit.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database import (
    InvalidRow,
    is_in_values,
    quarantine_rows,
    read_session,
    select_readable,
    write_session,
)
from digest.database.models import MarkKind, Paper, PaperMark, Profile, SeedText, Subscriber, TermFit
from digest.errors import SubscriberError
from digest.matching import TermSpace, build_profile, find_term
from digest.subscribers import messages
from digest.subscribers.marks.keyword_papers import load_keyword_papers
from digest.subscribers.marks.seed_texts import resolve_seed_texts
from digest.subscribers.profile import SubscriberProfile, running_subscriber, subscriber_from_token, to_profile
from digest.subscribers.records import RUNNING_STATUSES, keywords_by_subscriber, store_profile
from digest.tokens import TokenPurpose

MAX_EDITS = 200  # words that a subscriber may weigh, strike or add
MAX_WEIGHT = 1.0
MAX_EXAMPLES = 300  # papers of each kind that a profile is learned from, the latest ones: a third of a second of work
MAX_WORD_LENGTH = 100
LIKED = (MarkKind.MORE, MarkKind.SAVED, MarkKind.SEED)
CHUNK_SIZE = 10  # subscribers in one transaction: a tenth of a second of work, some seconds at most
Text = tuple[str, str]  # title and abstract


class ProfileError(SubscriberError):
    """Edit of a profile that cannot be made."""


@dataclass(frozen=True, slots=True)
class ProfileWord:
    """Word of a profile. `key` names it, `label` is how most papers write it. `is_edited`: by the subscriber."""

    key: str
    label: str
    weight: float
    is_edited: bool = False


@dataclass(frozen=True, slots=True)
class ProfileView:
    """Words of a subscriber, the heaviest first, and those that they have struck.

    - `is_fitted`: terms of papers were counted before, so that words can be learned at all
    - `in_digest`: digests have papers by these words
    - `mark_counts`: papers by what the subscriber said about them; `text_count`: examples that are none of our papers
    """

    profile: SubscriberProfile
    words: tuple[ProfileWord, ...]
    struck: tuple[ProfileWord, ...]
    fitted_at: datetime | None
    is_fitted: bool
    in_digest: bool
    mark_counts: Mapping[str, int]
    text_count: int

    @property
    def liked_count(self) -> int:
        """Number of papers that the words are learned from."""
        return sum(self.mark_counts.get(kind, 0) for kind in LIKED) + self.text_count

    @property
    def disliked_count(self) -> int:
        """Number of papers whose words count against."""
        return self.mark_counts.get(MarkKind.LESS, 0)


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """Edits of a profile. `weights`: by the key of the word, 0 to strike it; `added`: words as they were typed.

    `restored`: keys of words whose edit is dropped. `replace_all`: what is not in here is no longer edited.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    added: Sequence[str] = ()
    restored: Collection[str] = ()
    replace_all: bool = False

    def __bool__(self) -> bool:
        return bool(self.weights or self.added or self.restored or self.replace_all)


def get_profile_view(ctx: AppContext, token: str, now: datetime) -> ProfileView:
    """Return the words of a subscriber, and change nothing. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now, lock=False)
        return load_profile_view(session, subscriber)


def load_profile_view(session: Session, subscriber: Subscriber) -> ProfileView:
    """Do the same inside the caller's transaction."""
    subscriber_id = int(subscriber.id or 0)
    stored = session.get(Profile, subscriber_id) or Profile(subscriber_id=subscriber_id)
    space = papers.load_term_space(session)
    counts = select(PaperMark.kind, func.count()).where(PaperMark.subscriber_id == subscriber_id)
    mark_counts = dict(session.exec(counts.group_by(PaperMark.kind)).all())
    text_count = session.exec(
        select(func.count()).select_from(SeedText).where(SeedText.subscriber_id == subscriber_id, SeedText.title != "")
    ).one()
    words = sorted(stored.words.items(), key=lambda item: (-item[1], item[0]))
    return ProfileView(
        profile=to_profile(session, subscriber),
        words=tuple(_to_word(space, key, weight, stored.edits) for key, weight in words),
        struck=tuple(
            _to_word(space, key, 0.0, stored.edits) for key, weight in sorted(stored.edits.items()) if not weight
        ),
        fitted_at=stored.fitted_at,
        is_fitted=space is not None,
        in_digest=is_in_digest(session, stored),
        mark_counts=mark_counts,
        text_count=text_count,
    )


def is_in_digest(session: Session, stored: Profile) -> bool:
    """Return whether digests have papers by these words: as chosen, else as soon as there are marks or examples."""
    if stored.in_digest is not None:
        return stored.in_digest
    return bool(session.scalar(select(has_examples(stored.subscriber_id))))


def has_examples(subscriber_id: Any) -> ColumnElement[bool]:
    """Build the condition that a subscriber has marks or examples; `subscriber_id` is a number or a column."""
    return or_(*(exists(select(1).where(table.subscriber_id == subscriber_id)) for table in (PaperMark, SeedText)))


def edit_profile(ctx: AppContext, token: str, change: ProfileChange, now: datetime) -> ProfileView:
    """Weigh, strike, restore and add words. Raises TokenError, or ProfileError for a word that cannot be used."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PREFERENCES, token, now)
        change_profile(session, int(subscriber.id or 0), change, now)
        session.flush()
        return load_profile_view(session, subscriber)


def change_profile(session: Session, subscriber_id: int, change: ProfileChange, now: datetime) -> None:
    """Do the same inside the caller's transaction, which has locked the subscriber. Raises ProfileError."""
    stored = session.get(Profile, subscriber_id)
    edits: dict[str, float] = {} if change.replace_all or stored is None else dict(stored.edits)
    for key in change.restored:
        edits.pop(key, None)
    learned = dict(stored.words) if stored else {}
    for key, weight in change.weights.items():
        if not (isfinite(weight) and 0 <= weight <= MAX_WEIGHT):
            raise ProfileError(messages.invalid_weight(key))
        edits[key if key in learned or key in edits else find_word(key)] = float(weight)
    for text in change.added:
        edits[find_word(text)] = max(learned.values(), default=MAX_WEIGHT)
    if len(edits) > MAX_EDITS:
        raise ProfileError(messages.too_many_words(MAX_EDITS))
    store_profile(session, subscriber_id, edits=edits)
    if change.added and (stored is None or stored.in_digest is None):  # who adds words wants papers by them
        store_profile(session, subscriber_id, in_digest=True)
    refit_profile(session, subscriber_id, now)


def find_word(text: str) -> str:
    """Return the key of a word, or of two, as people type them. Raises ProfileError for anything else."""
    key = find_term(text) if len(text) <= MAX_WORD_LENGTH else None
    if key is None:
        raise ProfileError(messages.invalid_word(text))
    return key


def refit_profile(session: Session, subscriber_id: int, now: datetime) -> None:
    """Compute the words of one subscriber again: their marks, examples or edits have changed."""
    session.flush()
    _fit(session, papers.load_term_space(session), [subscriber_id], now)


def refit_profiles(
    ctx: AppContext, now: datetime, *, only_due: bool = False, should_stop: Callable[[], bool] | None = None
) -> int:
    """Compute the words of all subscribers again, some at a time. Returns how many.

    `only_due`: of those alone whose words are older than the last count of terms, or who wait for a paper to be listed.
    Rows that cannot be read are set aside, and what is stored of them stays.
    """
    last_id, count = 0, 0
    while not (should_stop and should_stop()):
        # Looked for outside of the transaction: where few have a profile, all subscribers are looked at.
        with read_session(ctx.engine) as session:
            ids = _next_subscribers(session, last_id, only_due=only_due)
        if not ids:
            break
        with write_session(ctx.engine) as session:
            is_running = is_in_values(session, Subscriber.id, ids), col(Subscriber.status).in_(RUNNING_STATUSES)
            running = select(col(Subscriber.id)).where(*is_running).order_by(col(Subscriber.id))
            locked = [int(number or 0) for number in session.exec(running.with_for_update(key_share=True))]
            _fit(session, papers.load_term_space(session), locked, now)
        last_id, count = ids[-1], count + len(locked)
    return count


def _next_subscribers(session: Session, last_id: int, *, only_due: bool) -> list[int]:
    """Return the next subscribers who have marks, examples or a profile, and whose subscription is running."""
    profiles = select(Profile.subscriber_id).where(Profile.subscriber_id == Subscriber.id)
    is_wanted = or_(has_examples(Subscriber.id), profiles.exists())
    if only_due:
        counted_at = select(func.max(col(TermFit.fitted_at))).scalar_subquery()
        texts = select(SeedText.subscriber_id).where(SeedText.subscriber_id == Subscriber.id)
        is_fitted = profiles.where(or_(col(Profile.fitted_at) >= counted_at, counted_at.is_(None))).exists()
        is_wanted = and_(is_wanted, or_(~is_fitted, texts.where(SeedText.title == "").exists()))
    ids = select(col(Subscriber.id)).where(
        col(Subscriber.id) > last_id, col(Subscriber.status).in_(RUNNING_STATUSES), is_wanted
    )
    return [int(number or 0) for number in session.exec(ids.order_by(col(Subscriber.id)).limit(CHUNK_SIZE))]


def _to_word(space: TermSpace | None, key: str, weight: float, edits: Mapping[str, float]) -> ProfileWord:
    return ProfileWord(key, space.label(key) if space else key, weight, key in edits)


def _fit(session: Session, space: TermSpace | None, subscriber_ids: Sequence[int], now: datetime) -> None:
    examples = resolve_seed_texts(session, subscriber_ids, now)
    unreadable: list[InvalidRow] = []
    rows = session.exec(select(Profile).where(is_in_values(session, Profile.subscriber_id, subscriber_ids))).all()
    profiles = {row.subscriber_id: row for row in select_readable(rows, unreadable)}
    quarantine_rows(session, unreadable, now)
    skipped = {row.subscriber_id for row in rows} - profiles.keys()
    liked, disliked = _load_texts(session, subscriber_ids)
    for subscriber_id, texts in examples.items():
        liked.setdefault(subscriber_id, []).extend(texts[-MAX_EXAMPLES:])
    lacking = [number for number, row in profiles.items() if space and row.in_digest and not liked.get(number)]
    for subscriber_id, keywords in keywords_by_subscriber(session, lacking).items():
        liked[subscriber_id] = [(row.title, row.abstract) for row in load_keyword_papers(session, keywords)]
    for subscriber_id in subscriber_ids:
        if subscriber_id in skipped:
            continue
        own = dict(profiles[subscriber_id].edits) if subscriber_id in profiles else {}
        if space is None:  # nothing was learned yet; what the subscriber added counts
            words = {key: weight for key, weight in own.items() if weight}
        else:
            papers_of = liked.get(subscriber_id, []), disliked.get(subscriber_id, [])
            words = build_profile(space, *papers_of, own)
        store_profile(session, subscriber_id, words=words, fitted_at=now if space else None)


def _load_texts(
    session: Session, subscriber_ids: Collection[int]
) -> tuple[dict[int, list[Text]], dict[int, list[Text]]]:
    """Return the papers that each subscriber liked, and those that they did not, the latest first.

    Of what contradicts itself, as it may on papers that turned out to be one, the latest counts.
    """
    rows = session.exec(
        select(PaperMark.subscriber_id, PaperMark.kind, papers.STANDING_ID)
        .join(Paper, col(Paper.id) == PaperMark.paper_id)
        .where(is_in_values(session, PaperMark.subscriber_id, subscriber_ids))
        .order_by(col(PaperMark.created_at).desc(), col(PaperMark.paper_id).desc())
    ).all()
    chosen: tuple[dict[int, dict[int, None]], dict[int, dict[int, None]]] = ({}, {})
    for subscriber_id, kind, paper_id in rows:
        is_disliked = kind == MarkKind.LESS
        of_subscriber = chosen[is_disliked].setdefault(subscriber_id, {})
        if len(of_subscriber) < MAX_EXAMPLES and paper_id not in chosen[not is_disliked].get(subscriber_id, ()):
            of_subscriber[int(paper_id)] = None
    ids = {paper_id for kinds in chosen for of_subscriber in kinds.values() for paper_id in of_subscriber}
    columns: Any = select(Paper.id, Paper.title, Paper.abstract).where(is_in_values(session, Paper.id, ids))
    texts = {
        number: (title, abstract)
        for number, title, abstract in session.exec(columns)
        if isinstance(title, str) and isinstance(abstract, str)  # a damaged row has no text
    }
    liked, disliked = (
        {
            subscriber_id: [texts[paper_id] for paper_id in of_subscriber if paper_id in texts]
            for subscriber_id, of_subscriber in kinds.items()
        }
        for kinds in chosen
    )
    return liked, disliked
