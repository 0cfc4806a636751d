"""The record beside a plain model of it: senders come, die and are taken for dead, clocks jump, subscribers leave.

Never is an email on the wire twice, no paper is handed out twice, and none is lost.
"""

import asyncio
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, delete
from sqlmodel import col, select

from digest import delivery
from digest.database import liveness_lock, read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery import (
    CLAIM_LEASE,
    ON_WIRE_LEASE,
    NewDelivery,
    cancel,
    claims,
    reclaim_undelivered_papers,
)
from digest.delivery.claims import MAX_WAIT, recover_abandoned
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.retry import DeliveryOutcome
from digest.errors import DigestError
from digest.papers import delivered_paper_ids
from tests.support.factories import NOW, subscriber

SUBSCRIBERS = 2
OWNERS = ("one", "two")
MOVING = {DeliveryState.SENDING, DeliveryState.ON_WIRE}
RETURNS = {DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED}
KEEPS_PAPERS = {
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.ON_WIRE,
    DeliveryState.SENT,
    DeliveryState.UNCERTAIN,
}

subscriber_index = st.integers(0, SUBSCRIBERS - 1)
owner = st.sampled_from(OWNERS)
which = st.integers(0, 7)


async def submit(
    committer: GroupCommitter, number: int, attempt: int, outcome: DeliveryOutcome | None, now: datetime
) -> DeliveryState | None:
    return await committer.submit(number, attempt, outcome, now)


@dataclass
class ModelDelivery:
    """What the model knows of one email."""

    subscriber: int
    papers: frozenset[int]
    state: DeliveryState = DeliveryState.QUEUED
    owner: str | None = None
    lease: timedelta = timedelta()
    wait: timedelta | None = None  # until this long after the beginning of the play
    attempts: int = 0
    returned: bool = False
    left: int = 0  # how often its bytes may have left without an answer that nothing of it was taken


@dataclass
class Model:
    """The emails by their number, who wants any, and papers that wait for a next edition."""

    deliveries: dict[int, ModelDelivery] = field(default_factory=dict)
    active: set[int] = field(default_factory=lambda: set(range(SUBSCRIBERS)))
    owed: dict[int, Counter[int]] = field(default_factory=lambda: {place: Counter() for place in range(SUBSCRIBERS)})
    given: int = 0  # papers so far: each is new for one subscriber


class Play(RuleBasedStateMachine):
    """The same steps for the store and for the model."""

    store: Engine

    def __init__(self) -> None:
        super().__init__()
        self.model, self.time = Model(), timedelta()
        self.alive: dict[str, ExitStack] = {}
        self.ledgers = {name: GroupCommitter(self.store, name) for name in OWNERS}
        with write_session(self.store) as session:
            session.execute(delete(Delivery))
            session.execute(delete(Subscriber))
            rows = [subscriber() for _ in range(SUBSCRIBERS)]
            session.add_all(rows)
            session.flush()
            self.ids = [int(row.id or 0) for row in rows]

    def teardown(self) -> None:
        for ledger in self.ledgers.values():
            asyncio.run(ledger.close())
        for lock in self.alive.values():
            lock.close()

    def pick(self, number: int, *states: DeliveryState) -> int | None:
        """One of the emails in these states, if there is any; else any email: what must not work is tried too."""
        found = [key for key, row in self.model.deliveries.items() if row.state in states] or list(
            self.model.deliveries
        )
        return found[number % len(found)] if found else None

    @rule(who=subscriber_index, papers=st.integers(1, 2))
    def enqueue(self, who: int, papers: int) -> None:
        """A plan: what comes back and what is new goes into one email."""
        carried = set(range(self.model.given, self.model.given + papers))
        self.model.given += papers
        for entry in self.model.deliveries.values():
            if entry.subscriber == who and entry.state == DeliveryState.QUEUED:
                entry.state, entry.wait = DeliveryState.EXPIRED, entry.wait
            if entry.subscriber == who and entry.state in RETURNS and not entry.returned:
                entry.returned = True
                carried |= entry.papers
        with write_session(self.store) as session:
            back = reclaim_undelivered_papers(session, [self.ids[who]], NOW + self.time)
            expected = {*range(self.model.given - papers, self.model.given)}
            for row in back.values():
                assert not expected & set(row.papers), "a paper was handed out twice"
                expected |= set(row.papers)
            assert expected == carried
            draft = NewDelivery(
                self.ids[who], DeliveryKind.DIGEST, f"edition {len(self.model.deliveries)}", sorted(expected)
            )
            assert delivery.enqueue(session, [draft], "example.org", NOW) == 1
            assert delivery.enqueue(session, [draft], "example.org", NOW) == 0
            added = session.exec(select(Delivery.id).order_by(col(Delivery.id).desc())).first()
        self.model.deliveries[int(added or 0)] = ModelDelivery(who, frozenset(carried))

    @rule(who=owner, most=st.integers(1, 3))
    def claim(self, who: str, most: int) -> None:
        ready = [
            key
            for key, row in sorted(self.model.deliveries.items())
            if row.state == DeliveryState.QUEUED
            and (row.wait is None or row.wait <= self.time or row.wait > self.time + MAX_WAIT)
        ]
        with write_session(self.store) as session:
            taken = [claimed.id for claimed in claims.claim(session, who, NOW + self.time, most)]
        # In which order is the database's affair; which emails may go at all, and how many, is not.
        assert set(taken) <= set(ready)
        assert len(taken) == len(set(taken)) == min(most, len(ready))
        for key in taken:
            entry = self.model.deliveries[key]
            entry.state, entry.owner, entry.attempts = (
                DeliveryState.SENDING,
                who,
                entry.attempts + 1,
            )
            entry.lease = self.time + CLAIM_LEASE

    @rule(who=owner, number=which)
    def on_wire(self, who: str, number: int) -> None:
        key = self.pick(number, DeliveryState.SENDING)
        if key is None:
            return
        entry = self.model.deliveries[key]
        ours = entry.state == DeliveryState.SENDING and entry.owner == who
        may = ours and entry.subscriber in self.model.active
        expected = DeliveryState.ON_WIRE if may else DeliveryState.CANCELLED if ours else None
        assert asyncio.run(submit(self.ledgers[who], key, entry.attempts, None, NOW + self.time)) is expected
        if may:
            assert entry.left == 0, "a letter that may have left goes a second time"
            entry.state, entry.left = DeliveryState.ON_WIRE, entry.left + 1
            entry.lease = self.time + ON_WIRE_LEASE
        elif ours:
            entry.state, entry.owner = DeliveryState.CANCELLED, None

    @rule(
        who=owner,
        number=which,
        end_state=st.sampled_from(
            [DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.QUEUED]
        ),
        wait=st.integers(0, 600),
        charged=st.booleans(),
    )
    def settle(self, who: str, number: int, end_state: DeliveryState, wait: int, charged: bool) -> None:
        key = self.pick(number, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN)
        if key is None:
            return
        entry = self.model.deliveries[key]
        if entry.state == DeliveryState.SENDING and end_state == DeliveryState.SENT:
            return  # nobody answers what was not asked
        until = self.time + timedelta(minutes=wait) if end_state == DeliveryState.QUEUED and wait else None
        outcome = DeliveryOutcome(
            end_state, 0, "said", NOW + until if until is not None else None, counts_as_attempt=charged
        )
        ours = entry.state in {*MOVING, DeliveryState.UNCERTAIN} and entry.owner == who
        state = asyncio.run(submit(self.ledgers[who], key, entry.attempts, outcome, NOW + self.time))
        assert (state is not None) is ours
        if ours:
            entry.state, entry.owner, entry.wait = end_state, None, until
            entry.attempts -= not charged
            if end_state in {DeliveryState.QUEUED, DeliveryState.FAILED}:
                entry.left = 0  # the relay said that it did not take it

    @rule(
        number=which,
        end_state=st.sampled_from(
            [DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN, DeliveryState.QUEUED]
        ),
    )
    def an_older_claim_of_the_same_sender_does_nothing(self, number: int, end_state: DeliveryState) -> None:
        """It was away for longer than its leases, and has claimed again what it still held."""
        key = self.pick(number, *MOVING)
        if key is None:
            return
        entry = self.model.deliveries[key]
        ledger, older = self.ledgers[entry.owner or OWNERS[0]], entry.attempts - 1
        assert asyncio.run(submit(ledger, key, older, None, NOW + self.time)) is None
        assert not asyncio.run(
            submit(ledger, key, older, DeliveryOutcome(end_state, 0, "said of the older"), NOW + self.time)
        )

    @rule(who=owner)
    def come_to_life_or_die(self, who: str) -> None:
        """On a server a sender may live; else it is dead, or taken for dead: a lock that was lost looks the same."""
        if self.store.dialect.name != "postgresql":
            return
        if who in self.alive:
            self.alive.pop(who).close()
        else:
            self.alive[who] = ExitStack()
            self.alive[who].enter_context(liveness_lock(self.store, who))

    @rule(who=owner)
    def sweep(self, who: str) -> None:
        again = uncertain = 0
        for entry in self.model.deliveries.values():
            if entry.owner in {None, who} or (entry.owner in self.alive and entry.lease >= self.time):
                continue
            if entry.state == DeliveryState.SENDING:
                entry.state, entry.owner, again = DeliveryState.QUEUED, None, again + 1
            elif entry.state == DeliveryState.ON_WIRE:
                entry.state, uncertain = (
                    DeliveryState.UNCERTAIN,
                    uncertain + 1,
                )  # its owner may yet hear how it fared
        with write_session(self.store) as session:
            assert recover_abandoned(session, who, NOW + self.time) == (again, uncertain)

    @rule(who=owner)
    def release(self, who: str) -> None:
        mine = [row for row in self.model.deliveries.values() if (row.owner, row.state) == (who, DeliveryState.SENDING)]
        for entry in mine:
            entry.state, entry.owner, entry.attempts = (
                DeliveryState.QUEUED,
                None,
                entry.attempts - 1,
            )
        with write_session(self.store) as session:
            assert claims.release(session, who) == len(mine)

    @rule(who=subscriber_index)
    def leave_or_come_back(self, who: int) -> None:
        leaves = who in self.model.active
        self.model.active ^= {who}
        with write_session(self.store) as session:
            found = session.get_one(Subscriber, self.ids[who])
            found.status = SubscriberStatus.UNSUBSCRIBED if leaves else SubscriberStatus.ACTIVE
            if leaves:
                queued = [
                    row
                    for row in self.model.deliveries.values()
                    if (row.subscriber, row.state) == (who, DeliveryState.QUEUED)
                ]
                for entry in queued:
                    entry.state = DeliveryState.CANCELLED
                assert cancel(session, self.ids[who], NOW + self.time) == len(queued)

    @rule(number=which, sent=st.booleans())
    def resolve(self, number: int, sent: bool) -> None:
        key = self.pick(number, DeliveryState.UNCERTAIN)
        if key is None:
            return
        entry = self.model.deliveries[key]
        with write_session(self.store) as session:
            if entry.state != DeliveryState.UNCERTAIN:
                with pytest.raises(DigestError, match="not uncertain"):
                    delivery.resolve(session, key, sent=sent, now=NOW)
                return
            delivery.resolve(session, key, sent=sent, now=NOW)
        entry.state, entry.owner = DeliveryState.SENT if sent else DeliveryState.FAILED, None
        entry.left = int(sent)

    @rule(number=which)
    def retry(self, number: int) -> None:
        key = self.pick(number, DeliveryState.FAILED)
        if key is None:
            return
        entry = self.model.deliveries[key]
        failed = entry.state == DeliveryState.FAILED and not entry.returned
        may = failed or (entry.state == DeliveryState.QUEUED and entry.wait is not None)
        with write_session(self.store) as session:
            assert (delivery.retry(session, key) == "") is (may and entry.subscriber in self.model.active)
        if may and entry.subscriber in self.model.active:
            entry.state, entry.wait = DeliveryState.QUEUED, None

    @rule(minutes=st.sampled_from([1, 7, 300, 2000, -5, -400, -100_000]))
    def clock_jumps(self, minutes: int) -> None:
        self.time += timedelta(minutes=minutes)

    @invariant()
    def store_and_model_agree(self) -> None:
        with read_session(self.store) as session:
            rows = session.exec(select(Delivery).order_by(col(Delivery.id))).all()
            had = delivered_paper_ids(session, self.ids)
        expected = {
            row.id: (row.state, row.owner, row.attempts, row.is_reclaimed, frozenset(row.papers)) for row in rows
        }
        assert expected == {
            key: (row.state, row.owner, row.attempts, row.returned, row.papers)
            for key, row in self.model.deliveries.items()
        }
        for who, number in enumerate(self.ids):
            mine = [row for row in self.model.deliveries.values() if row.subscriber == who]
            keeps = Counter(paper for row in mine if row.state in KEEPS_PAPERS for paper in row.papers)
            owed = Counter(paper for row in mine if row.state in RETURNS and not row.returned for paper in row.papers)
            assert had.get(number, set()) == set(keeps)
            # Each paper is in exactly one place: with the subscriber, on its way, or owed.
            everything = {paper for row in mine for paper in row.papers}
            assert keeps + owed == Counter(everything)


def play(store: Engine, examples: int) -> None:
    machine = type("Here", (Play,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_the_record_does_what_its_model_does(store: Engine) -> None:
    play(store, 45 if store.dialect.name == "sqlite" else 15)
