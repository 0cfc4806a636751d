"""Papers that a subscriber gives as examples: what they paste or upload, found among ours or kept by its own words.

A paper of ours gets a mark of the kind `seed`. Of any other the title and the abstract are kept as the subscriber gave
them, and the profile learns from those. Where only an identifier is known, it waits: as soon as a source lists that
paper, the next fit of the profile makes it a mark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest.context import AppContext
from digest.database import is_in_values, read_session, write_session
from digest.database.models import MarkKind, Paper, PaperMark, SeedText, Subscriber
from digest.papers import STANDING_ID, find_named_papers
from digest.subscribers import messages
from digest.subscribers.marks.profiles import refit_profile
from digest.subscribers.marks.references import ParsedReferences, Reference, ReferenceFormat
from digest.subscribers.marks.rows import add_marks, delete_marks
from digest.subscribers.marks.seed_texts import seed_reference
from digest.subscribers.profile import SubscriberProfile, running_subscriber, subscriber_from_token, to_profile
from digest.tokens import TokenPurpose

MAX_SEEDS = 500  # of one subscriber
PAPER_PREFIX, TEXT_PREFIX = "paper:", "text:"


class SeedStatus(StrEnum):
    """What became of an entry.

    FOUND: it is one of our papers; STORED: it is not, and its own text counts; WAITING: it is not, and has no text;
    KNOWN: it was given before; UNUSABLE: it names no paper; FULL: there is no room for it.
    """

    FOUND = "found"
    STORED = "stored"
    WAITING = "waiting"
    KNOWN = "known"
    UNUSABLE = "unusable"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """What became of one entry. `place`: its line, or in CSL-JSON which item it is; `text`: the paper as it was named.

    `paper_id`: the paper of ours; `message`: what became of it, as a sentence.
    """

    place: int
    text: str
    status: SeedStatus
    message: str
    paper_id: int | None = None


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What became of each entry, in their order. `notice`: what was left out, as a sentence, or empty."""

    format: ReferenceFormat
    outcomes: tuple[SeedOutcome, ...]
    notice: str = ""

    @property
    def counts(self) -> Mapping[SeedStatus, int]:
        """Number of entries by what became of them."""
        return {status: sum(outcome.status == status for outcome in self.outcomes) for status in SeedStatus}

    @property
    def added(self) -> int:
        """Number of entries that were added."""
        return sum(self.counts[status] for status in (SeedStatus.FOUND, SeedStatus.STORED, SeedStatus.WAITING))


@dataclass(frozen=True, slots=True)
class Seed:
    """Paper that was given as an example. `key` names it for removal; `is_waiting`: it has no text yet."""

    key: str
    title: str
    created_at: datetime
    paper_id: int | None = None
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class SeedList:
    """Papers that a subscriber has given, the latest first."""

    profile: SubscriberProfile
    seeds: tuple[Seed, ...]


def list_seeds(ctx: AppContext, token: str, now: datetime) -> SeedList:
    """Return the papers that a subscriber has given. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, TokenPurpose.PREFERENCES, token, now, lock=False)
        return SeedList(to_profile(session, subscriber), tuple(_load_seeds(session, subscriber)))


def add_seeds(ctx: AppContext, token: str, parsed: ParsedReferences, now: datetime) -> SeedReport:
    """Add papers as examples, and learn from them. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PREFERENCES, token, now)
        outcomes = _SeedWriter(session, int(subscriber.id or 0), now).add(parsed.references)
        outcomes += [
            SeedOutcome(entry.place, entry.text, SeedStatus.UNUSABLE, entry.message) for entry in parsed.invalid
        ]
        report = SeedReport(parsed.format, tuple(sorted(outcomes, key=lambda outcome: outcome.place)), parsed.notice)
        if report.added:
            refit_profile(session, int(subscriber.id or 0), now)
        return report


def remove_seeds(ctx: AppContext, token: str, keys: Sequence[str], now: datetime) -> int:
    """Remove examples by their keys, and learn from those that are left. Returns how many. Raises TokenError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, TokenPurpose.PREFERENCES, token, now)
        subscriber_id, removed = int(subscriber.id or 0), 0
        if paper_ids := _numbers(keys, PAPER_PREFIX):
            removed += delete_marks(session, subscriber_id, paper_ids, [MarkKind.SEED])
        if text_ids := _numbers(keys, TEXT_PREFIX):
            is_chosen = is_in_values(session, SeedText.id, text_ids)
            texts: Any = session.execute(
                delete(SeedText).where(col(SeedText.subscriber_id) == subscriber_id, is_chosen)
            )
            removed += int(texts.rowcount)
        if removed:
            refit_profile(session, subscriber_id, now)
        return removed


def _load_seeds(session: Session, subscriber: Subscriber) -> list[Seed]:
    """Load the examples of a subscriber, the latest first. One that was given as two rows of one paper counts once."""
    marks = (
        select(STANDING_ID, Paper.title, PaperMark.created_at)
        .join(PaperMark, col(PaperMark.paper_id) == col(Paper.id))
        .where(PaperMark.subscriber_id == subscriber.id, PaperMark.kind == MarkKind.SEED)
    )
    seeds = {
        paper_id: Seed(f"{PAPER_PREFIX}{paper_id}", title, created_at, int(paper_id))
        for paper_id, title, created_at in session.exec(marks)
    }
    texts = session.exec(select(SeedText).where(SeedText.subscriber_id == subscriber.id)).all()
    own_texts = [
        Seed(f"{TEXT_PREFIX}{row.id}", row.title or row.reference, row.created_at, is_waiting=not row.title)
        for row in texts
    ]
    return sorted([*seeds.values(), *own_texts], key=lambda seed: (seed.created_at, seed.key), reverse=True)


class _SeedWriter:
    """Adds examples of one subscriber, inside the caller's transaction, which has locked the subscriber."""

    def __init__(self, session: Session, subscriber_id: int, now: datetime) -> None:
        self._session, self._subscriber_id, self._now = session, subscriber_id, now
        marked = select(STANDING_ID).join(PaperMark, col(PaperMark.paper_id) == col(Paper.id))
        is_own = PaperMark.subscriber_id == subscriber_id, PaperMark.kind == MarkKind.SEED
        self._marked = set(session.exec(marked.where(*is_own)))
        texts = session.exec(select(SeedText).where(SeedText.subscriber_id == subscriber_id))
        self._texts = {text.reference: text for text in texts}

    def add(self, references: Sequence[Reference]) -> list[SeedOutcome]:
        """Add what is new, as far as there is room, and say what became of each."""
        found = find_named_papers(self._session, references)
        outcomes = []
        for reference, paper in zip(references, found, strict=True):
            status, message = self._add_paper(int(paper.id or 0)) if paper else self._add_text(reference)
            names = reference.title or ", ".join(map(str, reference.identifiers))
            text, paper_id = (paper.title, paper.id) if paper else (names, None)
            outcomes.append(SeedOutcome(reference.place, text, status, message, paper_id))
        self._session.flush()
        added = [int(outcome.paper_id or 0) for outcome in outcomes if outcome.status == SeedStatus.FOUND]
        delete_marks(self._session, self._subscriber_id, added, [MarkKind.LESS])
        add_marks(self._session, [(self._subscriber_id, paper_id, MarkKind.SEED, self._now) for paper_id in added])
        return outcomes

    def _is_full(self) -> bool:
        return len(self._marked) + len(self._texts) >= MAX_SEEDS

    def _add_paper(self, paper_id: int) -> tuple[SeedStatus, str]:
        if paper_id in self._marked:
            return SeedStatus.KNOWN, messages.SEED_KNOWN
        if self._is_full():
            return SeedStatus.FULL, messages.seed_full(MAX_SEEDS)
        self._marked.add(paper_id)
        return SeedStatus.FOUND, messages.SEED_FOUND

    def _add_text(self, reference: Reference) -> tuple[SeedStatus, str]:
        if not reference.title and not any(name.joins for name in reference.identifiers):
            return SeedStatus.UNUSABLE, messages.SEED_UNKNOWN_IDENTIFIER
        key = seed_reference(reference.identifiers, reference.title)
        known = self._texts.get(key)
        if known is not None and (known.title or not reference.title):
            return SeedStatus.KNOWN, messages.SEED_KNOWN
        if known is None and self._is_full():
            return SeedStatus.FULL, messages.seed_full(MAX_SEEDS)
        text = known or SeedText(subscriber_id=self._subscriber_id, reference=key, created_at=self._now)
        text.title, text.abstract = reference.title, reference.abstract
        self._texts[key] = text
        self._session.add(text)
        if not text.title:
            return SeedStatus.WAITING, messages.SEED_WAITING
        return SeedStatus.STORED, messages.SEED_STORED if text.abstract else messages.SEED_STORED_TITLE


def _numbers(keys: Sequence[str], prefix: str) -> list[int]:
    numbers = (key.removeprefix(prefix) for key in keys if key.startswith(prefix))
    return [int(number) for number in numbers if number.isascii() and number.isdecimal() and len(number) < 19]  # noqa: PLR2004
