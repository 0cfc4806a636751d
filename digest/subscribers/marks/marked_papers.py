"""What a subscriber says about papers: more like this, less like this, saved.

A link in an e-mail sets one mark on one paper; pages of the subscriber and the API set and remove any. To look changes
nothing. Each change is idempotent, and can be undone for a day by a signed note of how things were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database import is_in_values, read_session, write_session
from digest.database.models import Delivery, DeliveryKind, MarkKind, Paper, PaperMark, Subscriber
from digest.errors import SubscriberError, TokenError
from digest.papers import STANDING_ID
from digest.subscribers import messages
from digest.subscribers.marks.profiles import refit_profile
from digest.subscribers.marks.rows import OPPOSITES, add_marks, delete_marks, load_marks
from digest.subscribers.profile import (
    ActionResult,
    SubscriberProfile,
    require_running,
    running_subscriber,
    subscriber_from_token,
    to_profile,
)
from digest.subscribers.records import subscriber_by_nonce
from digest.subscribers.undo_tokens import make_undo_token, read_undo_token
from digest.tokens import TokenPurpose, delivery_subject

MARKS_LIMIT = 5000  # papers of one subscriber with one kind of mark
MARK_KINDS_ON_PAGES = (MarkKind.SAVED, MarkKind.MORE, MarkKind.LESS)
Marks = Mapping[str, datetime]  # kinds of marks on one paper, and since when each


@dataclass(frozen=True, slots=True)
class MarkedPaper:
    """Paper, and what its subscriber said about it."""

    paper: Paper
    marks: Marks = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkResult(ActionResult):
    """Mark of one kind on a paper. `is_set`: the paper has it now."""

    paper: Paper
    kind: MarkKind
    marks: Marks
    is_set: bool


@dataclass(frozen=True, slots=True)
class DigestMarks:
    """Papers of one digest, in its order. `edition` is its day."""

    profile: SubscriberProfile
    edition: str
    marked: tuple[MarkedPaper, ...]


@dataclass(frozen=True, slots=True)
class MarkList:
    """Page of papers with a mark of one kind, the latest first; `counts` has all kinds."""

    profile: SubscriberProfile
    marked: tuple[MarkedPaper, ...]
    total: int
    counts: Mapping[str, int]


# --- the link of one mark


def get_mark(ctx: AppContext, token: str, now: datetime) -> MarkResult:
    """Return what a link would mark. Raises TokenError, also for a paper that is not stored."""
    with read_session(ctx.engine) as session:
        subscriber, paper, kind = _read_mark_token(ctx, session, token, now, lock=False)
        return MarkEditor(ctx, session, subscriber, paper, kind).result(now)


def mark_paper(ctx: AppContext, token: str, now: datetime, *, is_set: bool = True) -> MarkResult:
    """Set or remove the mark of a link. Raises TokenError, or SubscriberError where there is no room for it."""
    with write_session(ctx.engine) as session:
        subscriber, paper, kind = _read_mark_token(ctx, session, token, now)
        return MarkEditor(ctx, session, subscriber, paper, kind).change(now, is_set=is_set)


def undo_mark(ctx: AppContext, token: str, undo: str, now: datetime) -> MarkResult:
    """Restore what the paper of a link was marked as. Raises TokenError, or SubscriberError as `mark_paper`."""
    with write_session(ctx.engine) as session:
        subscriber, paper, kind = _read_mark_token(ctx, session, token, now)
        return MarkEditor(ctx, session, subscriber, paper, kind).undo(undo, now)


def _read_mark_token(
    ctx: AppContext, session: Session, token: str, now: datetime, *, lock: bool = True
) -> tuple[Subscriber, Paper, MarkKind]:
    nonce, number, kind = ctx.token_signer.unsign(TokenPurpose.MARK, token, now).split(".")
    subscriber = subscriber_by_nonce(session, nonce, lock=lock)
    require_running(subscriber)
    return subscriber, load_standing_paper(session, int(number)), MarkKind(kind)


# --- pages of the subscriber, and the API


def get_digest_marks(ctx: AppContext, token: str, now: datetime) -> DigestMarks:
    """Return the papers of the digest that a link is for. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber, delivery = _read_digest_token(ctx, session, token, now, lock=False)
        shown = _with_marks(session, subscriber, _papers_of(session, delivery))
        return DigestMarks(to_profile(session, subscriber), delivery.edition, shown)


def change_digest_mark(
    ctx: AppContext, token: str, paper_id: int, kind: MarkKind, now: datetime, *, is_set: bool
) -> MarkResult:
    """Set or remove a mark on a paper of the digest that a link is for. Raises TokenError or SubscriberError."""
    with write_session(ctx.engine) as session:
        subscriber, delivery = _read_digest_token(ctx, session, token, now)
        paper = load_standing_paper(session, paper_id)
        if paper.id not in _papers_of(session, delivery):
            raise TokenError(messages.NOT_IN_DIGEST)
        return MarkEditor(ctx, session, subscriber, paper, kind).change(now, is_set=is_set)


def list_marked(
    ctx: AppContext,
    token: str,
    kind: MarkKind,
    now: datetime,
    *,
    purpose: TokenPurpose = TokenPurpose.SAVED,
    offset: int = 0,
    limit: int | None = None,
) -> MarkList:
    """Return papers with a mark, also when the subscription has ended. Raises TokenError."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, purpose, token, now, lock=False)
        marks = load_marks(session, int(subscriber.id or 0))
        chosen = sorted(
            (number for number, kinds in marks.items() if kind in kinds),
            key=lambda number: (marks[number][kind], number),
            reverse=True,
        )
        page = chosen[offset : None if limit is None else offset + limit]
        stored = papers.papers_by_id(session, page)
        return MarkList(
            profile=to_profile(session, subscriber),
            marked=tuple(MarkedPaper(stored[number], marks[number]) for number in page if number in stored),
            total=len(chosen),
            counts={name: sum(name in kinds for kinds in marks.values()) for name in MarkKind},
        )


def get_marked_paper(
    ctx: AppContext, token: str, paper_id: int, now: datetime, *, purpose: TokenPurpose = TokenPurpose.SAVED
) -> tuple[SubscriberProfile, MarkedPaper]:
    """Return one paper with its marks. Raises TokenError, also for a paper that is not stored."""
    with read_session(ctx.engine) as session:
        subscriber = subscriber_from_token(ctx, session, purpose, token, now, lock=False)
        paper = load_standing_paper(session, paper_id)
        (shown,) = _with_marks(session, subscriber, [int(paper.id or 0)])
        return to_profile(session, subscriber), shown


def change_mark(
    ctx: AppContext,
    token: str,
    paper_id: int,
    kind: MarkKind,
    now: datetime,
    *,
    is_set: bool,
    purpose: TokenPurpose = TokenPurpose.SAVED,
) -> MarkResult:
    """Set or remove a mark on any paper. Raises TokenError or SubscriberError."""
    with write_session(ctx.engine) as session:
        subscriber = running_subscriber(ctx, session, purpose, token, now)
        paper = load_standing_paper(session, paper_id)
        return MarkEditor(ctx, session, subscriber, paper, kind).change(now, is_set=is_set)


def undo_mark_change(
    ctx: AppContext, token: str, undo: str, now: datetime, *, purpose: TokenPurpose = TokenPurpose.SAVED
) -> MarkResult:
    """Restore what a paper was marked as before a change on a page. Raises TokenError or SubscriberError."""
    with write_session(ctx.engine) as session:
        if purpose == TokenPurpose.MARKS:
            subscriber, _ = _read_digest_token(ctx, session, token, now)
        else:
            subscriber = running_subscriber(ctx, session, purpose, token, now)
        number, kind, _ = read_undo_token(ctx, subscriber, TokenPurpose.MARK, undo, now)
        paper = load_standing_paper(session, number)
        return MarkEditor(ctx, session, subscriber, paper, MarkKind(kind)).undo(undo, now)


def _read_digest_token(
    ctx: AppContext, session: Session, token: str, now: datetime, *, lock: bool = True
) -> tuple[Subscriber, Delivery]:
    subject = ctx.token_signer.unsign(TokenPurpose.MARKS, token, now)
    number = subject.partition("-")[0]
    delivery = session.get(Delivery, int(number)) if number.isdecimal() else None
    is_digest = delivery is not None and delivery.kind == DeliveryKind.DIGEST
    if delivery is None or not is_digest or subject != delivery_subject(int(number), delivery.message_id):
        raise TokenError(messages.DIGEST_GONE)
    nonce = session.exec(select(Subscriber.nonce).where(Subscriber.id == delivery.subscriber_id)).one()
    subscriber = subscriber_by_nonce(session, nonce, lock=lock)
    require_running(subscriber)
    return subscriber, delivery


# --- rows


def load_standing_paper(session: Session, paper_id: int) -> Paper:
    """Return a paper, or the one that stands for it. Raises TokenError where there is none."""
    paper = papers.standing_paper(session, paper_id)
    if paper is None:
        raise TokenError(messages.PAPER_GONE)
    return paper


def _standing_ids(session: Session, paper_ids: Sequence[int]) -> list[int]:
    rows = session.exec(select(col(Paper.id), STANDING_ID).where(is_in_values(session, Paper.id, paper_ids))).all()
    standing = {int(number or 0): int(other) for number, other in rows}
    return list(dict.fromkeys(standing[number] for number in paper_ids if number in standing))


def _papers_of(session: Session, delivery: Delivery) -> list[int]:
    """Return the papers of a digest: those that matched, those that were close, and those that found no room."""
    return _standing_ids(session, [*delivery.papers, *delivery.close_papers, *delivery.omitted_papers])


def _with_marks(session: Session, subscriber: Subscriber, paper_ids: Sequence[int]) -> tuple[MarkedPaper, ...]:
    stored, marks = (
        papers.papers_by_id(session, list(paper_ids)),
        load_marks(session, int(subscriber.id or 0), paper_ids),
    )
    return tuple(MarkedPaper(stored[number], marks.get(number, {})) for number in paper_ids if number in stored)


@dataclass(frozen=True, slots=True)
class MarkEditor:
    """Mark of one kind on one paper, inside the caller's transaction, which has locked the subscriber."""

    ctx: AppContext
    session: Session
    subscriber: Subscriber
    paper: Paper
    kind: MarkKind

    def change(self, now: datetime, *, is_set: bool) -> MarkResult:
        """Set or remove the mark. Raises SubscriberError where there is no room for another one."""
        before = self.load()
        if (self.kind in before) == is_set:
            return self.result(now)
        if is_set:
            self._require_room(self.kind)
        self._replace(self.affected if is_set else [self.kind], {self.kind: now} if is_set else {}, now)
        return self.result(now, undo=self._undo_token(before, now), changed=True)

    def undo(self, token: str, now: datetime) -> MarkResult:
        """Restore the marks that a change has noted, since when they were set.

        Raises TokenError, or SubscriberError where there is no room for them any more.
        """
        number, kind, noted = read_undo_token(self.ctx, self.subscriber, TokenPurpose.MARK, token, now)
        if kind != self.kind or _standing_ids(self.session, [number]) != [self.paper.id]:
            raise TokenError(messages.OTHER_PAPER)
        before = {name: datetime.fromtimestamp(seconds, UTC) for name, seconds in noted.items()}
        present = self.load().keys() & set(self.affected)
        changed = before.keys() != present
        if changed:
            for restored in before.keys() - present:
                self._require_room(restored)
            self._replace(self.affected, before, now)
        return self.result(now, changed=changed)

    def result(self, now: datetime, *, changed: bool = False, undo: str = "") -> MarkResult:
        """Return the marks as they are. While the mark is not set, `undo` is a note of that."""
        marks = self.load()
        is_set = self.kind in marks
        return MarkResult(
            profile=to_profile(self.session, self.subscriber),
            changed=changed,
            undo=undo or ("" if is_set else self._undo_token(marks, now)),
            paper=self.paper,
            kind=self.kind,
            marks=marks,
            is_set=is_set,
        )

    @property
    def affected(self) -> list[MarkKind]:
        """Kinds of marks that are gone when this one is set anew."""
        return [self.kind, *([OPPOSITES[self.kind]] if self.kind in OPPOSITES else [])]

    def load(self) -> Marks:
        """Return all marks on the paper."""
        paper_id = int(self.paper.id or 0)
        return load_marks(self.session, int(self.subscriber.id or 0), [paper_id]).get(paper_id, {})

    def _undo_token(self, before: Marks, now: datetime) -> str:
        noted = {name: since.timestamp() for name, since in before.items() if name in self.affected}
        note = [self.paper.id, self.kind, noted]
        return make_undo_token(self.ctx, self.subscriber, TokenPurpose.MARK, note, now)

    def _replace(self, removed: Sequence[MarkKind], added: Marks, now: datetime) -> None:
        """Remove marks of some kinds from all rows of the paper, add others to the standing one, and learn from it."""
        subscriber_id, paper_id = int(self.subscriber.id or 0), int(self.paper.id or 0)
        delete_marks(self.session, subscriber_id, [paper_id], removed)
        add_marks(self.session, [(subscriber_id, paper_id, kind, since) for kind, since in added.items()])
        refit_profile(self.session, subscriber_id, now)

    def _require_room(self, kind: str) -> None:
        marked = select(func.count()).where(PaperMark.subscriber_id == self.subscriber.id, PaperMark.kind == kind)
        if self.session.exec(marked).one() >= MARKS_LIMIT:
            raise SubscriberError(messages.too_many_marks(MARKS_LIMIT))
