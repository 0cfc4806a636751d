"""Transitions of the record that are plain transactions. Each works inside the caller's; conditions are in the SQL,
so that the database and its row counts decide, never a look followed by an act.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Self, cast

from sqlalchemy import ColumnElement, Table, exists, func, inspect, or_, text, update
from sqlalchemy import select as core_select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from digest.db import among, gone
from digest.deliveries.outcome import LAST_RETRY
from digest.errors import DigestError
from digest.models import Delivery, Kind, State, Subscriber
from digest.models.record import OWED

LEASE = timedelta(minutes=5)  # for a letter that is claimed; taking it away is harmless at any time
LEASE_ON_WIRE = timedelta(minutes=15)  # for one that leaves: a relay may take ten minutes to answer
LONGEST_WAIT = 2 * LAST_RETRY  # no letter is put off for longer; see claim
PRIORITY = {Kind.CONFIRM: 0, Kind.ALREADY: 0, Kind.WELCOME: 1, Kind.GOODBYE: 1, Kind.DIGEST: 2}
GIVES_BACK = (State.FAILED, State.EXPIRED, State.CANCELLED)
LETTERS = cast("Table", inspect(Delivery).local_table)
HAS_OR_MAY_HAVE = (State.QUEUED, State.SENDING, State.ON_WIRE, State.SENT, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter to be queued. `edition` names it among its reader's letters: a second one of that name is refused."""

    subscriber_id: int
    kind: Kind
    edition: str
    papers: Sequence[int] = ()
    left_out: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that this process may send now."""

    id: int
    subscriber_id: int
    kind: str
    edition: str
    message_id: str
    attempts: int
    created_at: datetime
    papers: list[int] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    keywords: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """What a row says of its letter."""
        return cls(
            id=int(delivery.id or 0),
            subscriber_id=delivery.subscriber_id,
            kind=delivery.kind,
            edition=delivery.edition,
            message_id=delivery.message_id,
            attempts=delivery.attempts,
            created_at=delivery.created_at,
            papers=list(delivery.papers),
            left_out=list(delivery.left_out),
            keywords=list(delivery.keywords),
        )


def enqueue(session: Session, drafts: Iterable[Draft], domain: str, now: datetime) -> int:
    """Queue letters; how many were new. The Message-ID is fixed here and stays the same on every attempt."""
    rows = [
        {
            "subscriber_id": draft.subscriber_id,
            "kind": draft.kind,
            "edition": draft.edition,
            "state": State.QUEUED,
            "priority": PRIORITY[draft.kind],
            "papers": list(draft.papers),
            "left_out": list(draft.left_out),
            "given_back": False,
            "message_id": f"<{secrets.token_hex(16)}@{domain}>",
            "attempts": 0,
            "reply_code": 0,
            "reply": "",
            "created_at": now,
        }
        for draft in drafts
    ]
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    if not rows:
        return 0
    # The table, not the class: the statement is compiled once and its rows go in batches.
    new = insert(LETTERS).on_conflict_do_nothing(index_elements=["subscriber_id", "edition"])
    statement = new.returning(LETTERS.c.id)
    return len(session.execute(statement, rows).all())


def claim(session: Session, owner: str, now: datetime, limit: int, *, without: Collection[str] = ()) -> list[Claimed]:
    """Take up to `limit` letters that may go now: requests before digests, in the order of the queue.

    Letters to the domains `without` stay where they are.
    """
    ready = (
        core_select(*(LETTERS.c[each.name] for each in fields(Claimed)))
        .where(col(Delivery.state) == State.QUEUED, may_go(now))
        .order_by(*_in_turn(session))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if without:
        there = or_(*(col(Subscriber.email_key).endswith(f"@{each}", autoescape=True) for each in without))
        ready = ready.where(~exists(select(1).where(col(Subscriber.id) == col(Delivery.subscriber_id), there)))
    connection = session.connection()  # past the ORM, which would make an object of each row
    found = [Claimed(**row) for row in connection.execute(ready).mappings()]
    connection.execute(
        update(LETTERS)
        .where(among(session, LETTERS.c.id, [each.id for each in found]), LETTERS.c.state == State.QUEUED)
        .values(state=State.SENDING, owner=owner, lease_until=now + LEASE, attempts=LETTERS.c.attempts + 1)
    )
    return [replace(each, attempts=each.attempts + 1) for each in found]


def _in_turn(session: Session) -> Sequence[ColumnElement[object]]:
    """As the index of the queue has them, so that a million letters are not sorted for the sake of a hundred."""
    turn = [LETTERS.c.priority, LETTERS.c.next_attempt_at]
    return turn if session.get_bind().dialect.name == "postgresql" else [*turn, LETTERS.c.id]


def sweep(session: Session, owner: str, now: datetime) -> tuple[int, int]:
    """What dead senders left behind, and what living ones have held for too long: (letters queued again, letters now
    uncertain). Taking a letter from a sender that lives does no harm: its next step finds the letter gone.

    An uncertain letter keeps its owner's name: should that one still live, it may say how the letter fared.
    """
    at_work = col(Delivery.state).in_((State.SENDING, State.ON_WIRE))
    owned = (at_work, col(Delivery.owner).is_not(None), col(Delivery.owner) != owner)
    owners = [str(each) for each in session.scalars(select(Delivery.owner).where(*owned).distinct())]
    if not owners:
        return 0, 0
    left = or_(col(Delivery.owner).in_(gone(session, owners)), col(Delivery.lease_until) < now)
    again = session.execute(
        update(Delivery)
        .where(*owned, left, col(Delivery.state) == State.SENDING)
        .values(state=State.QUEUED, owner=None, lease_until=None)
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    ).all()
    uncertain = session.execute(
        update(Delivery)
        .where(*owned, left, col(Delivery.state) == State.ON_WIRE)
        .values(
            state=State.UNCERTAIN,
            lease_until=None,
            reply="the sender died while this letter was on the wire",
        )
        .returning(col(Delivery.id))
        .execution_options(synchronize_session=False)
    ).all()
    return len(again), len(uncertain)


def release(session: Session, owner: str) -> int:
    """Hand back what this process claimed and did not send. It was no attempt: the relay never heard of it."""
    released = session.execute(
        update(Delivery)
        .where(col(Delivery.owner) == owner, col(Delivery.state) == State.SENDING)
        .values(state=State.QUEUED, owner=None, lease_until=None, attempts=col(Delivery.attempts) - 1)
        .returning(col(Delivery.id))
    )
    return len(released.all())


@dataclass(slots=True)
class Owed:
    """What letters that did not arrive carried, and what they had no room for."""

    papers: list[int] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)


def take_back(session: Session, subscriber_ids: Sequence[int], now: datetime) -> dict[int, Owed]:
    """Papers that go into the next edition again, by reader: those of digests that failed or were cancelled, and
    those of digests still waiting, which expire here. Each is handed out once.
    """
    readers = among(session, col(Delivery.subscriber_id), subscriber_ids)
    # The words of the partial index, so that years of letters that went well are never looked at.
    digests = (col(Delivery.kind) == Kind.DIGEST, text(OWED), readers)
    session.execute(
        update(Delivery)
        .where(*digests, col(Delivery.state) == State.QUEUED)
        .values(state=State.EXPIRED, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(
        update(Delivery)
        .where(*digests, col(Delivery.state).in_(GIVES_BACK))
        .values(given_back=True)
        .returning(col(Delivery.subscriber_id), col(Delivery.papers), col(Delivery.left_out))
    ).all()
    back: dict[int, Owed] = {}
    for subscriber_id, papers, left_out in rows:
        owed = back.setdefault(subscriber_id, Owed())
        owed.papers += papers
        owed.left_out += left_out
    return back


def had(session: Session, subscriber_ids: Sequence[int]) -> dict[int, set[int]]:
    """Papers that each reader has or may have in the inbox, or will have when the queue is through."""
    rows = session.exec(
        select(Delivery.subscriber_id, Delivery.papers)
        .where(among(session, col(Delivery.subscriber_id), subscriber_ids), Delivery.kind == Kind.DIGEST)
        .where(col(Delivery.state).in_(HAS_OR_MAY_HAVE))
    ).all()
    found: dict[int, set[int]] = {}
    for subscriber_id, papers in rows:
        found.setdefault(subscriber_id, set()).update(papers)
    return found


def cancel(session: Session, subscriber_id: int, now: datetime) -> int:
    """Withdraw what is queued for somebody who leaves."""
    cancelled = session.execute(
        update(Delivery)
        .where(col(Delivery.subscriber_id) == subscriber_id, col(Delivery.state) == State.QUEUED)
        .values(state=State.CANCELLED, settled_at=now)
        .returning(col(Delivery.id))
    )
    return len(cancelled.all())


def drop_returns(session: Session, subscriber_id: int) -> None:
    """Somebody begins anew: papers of letters that never reached them long ago are not news any more."""
    session.execute(
        update(Delivery)
        .where(col(Delivery.subscriber_id) == subscriber_id, col(Delivery.state).in_(GIVES_BACK))
        .values(given_back=True)
        .execution_options(synchronize_session=False)
    )


def resolve(session: Session, delivery_id: int, *, sent: bool, now: datetime) -> None:
    """The operator looked into the relay's log: an uncertain letter was sent, or is lost (its papers go back)."""
    state = State.SENT if sent else State.FAILED
    said = f"resolved by the operator as {'sent' if sent else 'lost'}"
    changed = session.execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == State.UNCERTAIN)
        .values(state=state, reply=said, owner=None, settled_at=now)
        .returning(col(Delivery.id))
    ).all()
    if not changed:
        known = session.get(Delivery, delivery_id)
        where = f"it is {known.state}" if known else "there is no such delivery"
        raise DigestError(f"delivery {delivery_id} is not uncertain: {where}")


def ready(session: Session, now: datetime, most: int) -> int:
    """How many letters may go now; nobody counts beyond `most`."""
    found = select(Delivery.id).where(Delivery.state == State.QUEUED, may_go(now)).limit(most).subquery()
    return session.exec(select(func.count()).select_from(found)).one()


def in_hand(session: Session) -> bool:
    """Whether senders hold letters, or dead ones have left some behind."""
    at_work = col(Delivery.state).in_((State.SENDING, State.ON_WIRE))
    owned = select(col(Delivery.id)).where(col(Delivery.owner).is_not(None), at_work).limit(1)
    return session.scalar(owned) is not None


def may_go(now: datetime) -> ColumnElement[bool]:
    """A queued letter whose time has come. One that would have to wait longer than any letter does was put off by a
    clock that has been set back since.
    """
    when = col(Delivery.next_attempt_at)
    return or_(when.is_(None), when <= now, when > now + LONGEST_WAIT)


def waiting(session: Session, most: int | None = None) -> int:
    """How many letters are queued, for now or for later; nobody counts beyond `most`."""
    queued = select(Delivery.id).where(Delivery.state == State.QUEUED).limit(most).subquery()
    return session.exec(select(func.count()).select_from(queued)).one()


def tally(session: Session) -> dict[str, int]:
    """How many letters are in each state."""
    rows = session.exec(select(Delivery.state, func.count()).group_by(Delivery.state)).all()
    return {state.value: 0 for state in State} | dict(rows)
