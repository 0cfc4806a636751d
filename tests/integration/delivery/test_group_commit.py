"""On the wire and settled: the fence before DATA, commits that many share, and what a failing store does to them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import get_ident
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery.claims import claim, recover_abandoned
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.retry import DeliveryOutcome
from digest.errors import StoreError
from tests.support.factories import NOW, delivery, subscriber

LATER = NOW + timedelta(minutes=5)
SENT = DeliveryOutcome(DeliveryState.SENT, 250, "250 2.0.0 kept")
WANTED = {
    (DeliveryKind.DIGEST, SubscriberStatus.ACTIVE),
    (DeliveryKind.WELCOME, SubscriberStatus.ACTIVE),
    (DeliveryKind.CONFIRM, SubscriberStatus.PENDING),
    (DeliveryKind.ALREADY_SUBSCRIBED, SubscriberStatus.ACTIVE),
    (DeliveryKind.ALREADY_SUBSCRIBED, SubscriberStatus.PAUSED),
    (DeliveryKind.GOODBYE, SubscriberStatus.UNSUBSCRIBED),
    (DeliveryKind.ADDRESS_CHANGE, SubscriberStatus.ACTIVE),
    (DeliveryKind.ADDRESS_CHANGE, SubscriberStatus.PAUSED),
    # An address that a subscription leaves is told whatever has become of the subscription.
    *((DeliveryKind.ADDRESS_CHANGED, status) for status in SubscriberStatus),
    *((DeliveryKind.ADDRESS_RESTORED, status) for status in SubscriberStatus),
}


def add_delivery(
    store: Engine, *, kind: str = DeliveryKind.DIGEST, status: str = SubscriberStatus.ACTIVE, **given: object
) -> int:
    """An email to a subscriber of its own, claimed by "me" unless `given` says otherwise; its number."""
    with write_session(store) as session:
        to = subscriber(status=status)
        session.add(to)
        session.flush()
        usual: dict[str, object] = {
            "state": DeliveryState.SENDING,
            "owner": "me",
            "lease_expires_at": LATER,
            "attempts": 1,
        }
        row = delivery(to, kind=kind, **usual | given)
        session.add(row)
        session.flush()
        return int(row.id or 0)


def load_delivery(store: Engine, number: int) -> Delivery:
    with read_session(store) as session:
        return session.get_one(Delivery, number)


def load_subscriber(store: Engine, number: int) -> Subscriber:
    with read_session(store) as session:
        return session.get_one(Subscriber, session.get_one(Delivery, number).subscriber_id)


def mark_on_wire(store: Engine, number: int, owner: str = "me", attempt: int = 1) -> bool:
    return asyncio.run(submit_alone(store, owner, None, number, attempt)) is DeliveryState.ON_WIRE


def settle(store: Engine, number: int, outcome: DeliveryOutcome, owner: str = "me", attempt: int = 1) -> bool:
    return asyncio.run(submit_alone(store, owner, outcome, number, attempt)) is not None


async def submit(ledger: GroupCommitter, number: int, outcome: DeliveryOutcome | None) -> DeliveryState | None:
    return await ledger.submit(number, 1, outcome, NOW)


async def submit_alone(
    store: Engine, owner: str, outcome: DeliveryOutcome | None, number: int, attempt: int
) -> DeliveryState | None:
    """One line, and nothing else."""
    ledger = GroupCommitter(store, owner)
    try:
        return await ledger.submit(number, attempt, outcome, NOW)
    finally:
        await ledger.close()


@contextmanager
def hold_commits(store: Engine) -> Iterator[None]:
    """Keep a server from committing until the block ends; SQLite commits on the event loop."""
    if store.dialect.name == "sqlite":
        yield
        return
    with write_session(store) as other:
        other.execute(text("LOCK TABLE delivery"))
        yield


@contextmanager
def count_commits(store: Engine) -> Iterator[Callable[[], int]]:
    """How many transactions have been committed since."""
    seen: list[int] = []

    def count(_connection: object) -> None:
        seen.append(1)

    event.listen(store, "commit", count)
    yield lambda: len(seen)
    event.remove(store, "commit", count)


def test_an_email_goes_on_the_wire_once(store: Engine) -> None:
    number = add_delivery(store)
    assert mark_on_wire(store, number)
    assert load_delivery(store, number).state == DeliveryState.ON_WIRE
    assert not mark_on_wire(store, number)
    assert load_delivery(store, number).state == DeliveryState.ON_WIRE


def test_only_its_owner_may_send_an_email(store: Engine) -> None:
    number = add_delivery(store, owner="somebody else")
    assert not mark_on_wire(store, number)
    assert (load_delivery(store, number).state, load_delivery(store, number).owner) == (
        DeliveryState.SENDING,
        "somebody else",
    )
    assert not mark_on_wire(store, 999_999)


@pytest.mark.parametrize("state", [state for state in DeliveryState if state != DeliveryState.SENDING])
def test_an_email_that_is_not_claimed_does_not_leave(store: Engine, state: DeliveryState) -> None:
    number = add_delivery(store, state=state)
    assert not mark_on_wire(store, number)
    assert load_delivery(store, number).state == state


def test_an_email_swept_away_by_another_sender_does_not_leave(store: Engine) -> None:
    number = add_delivery(store)
    with write_session(store) as session:
        recover_abandoned(session, "another", NOW)
        claim(session, "another", NOW, 10)
    assert not mark_on_wire(store, number)
    assert not settle(store, number, SENT)
    assert (load_delivery(store, number).state, load_delivery(store, number).owner) == (
        DeliveryState.SENDING,
        "another",
    )
    assert mark_on_wire(store, number, "another", attempt=2)


def test_an_email_that_was_taken_away_and_claimed_again_goes_by_the_newer_claim_alone(store: Engine) -> None:
    number = add_delivery(store)
    with write_session(store) as session:
        recover_abandoned(session, "another", NOW)
        (again,) = claim(session, "me", NOW, 10)
    assert again.attempts == 2
    assert not mark_on_wire(store, number)
    assert load_delivery(store, number).state == DeliveryState.SENDING
    assert mark_on_wire(store, number, attempt=2)
    assert not settle(store, number, DeliveryOutcome(DeliveryState.QUEUED, 451, "4.3.0 said of the older copy"))
    assert load_delivery(store, number).state == DeliveryState.ON_WIRE
    assert settle(store, number, SENT, attempt=2)


def test_a_sender_taken_for_dead_may_still_say_how_its_email_fared(store: Engine) -> None:
    number = add_delivery(store)
    assert mark_on_wire(store, number)
    with write_session(store) as session:
        assert recover_abandoned(session, "another", NOW) == (0, 1)
    assert not settle(store, number, SENT, "somebody else")
    assert settle(store, number, SENT)
    assert (load_delivery(store, number).state, load_delivery(store, number).owner) == (DeliveryState.SENT, None)
    assert not settle(store, number, SENT)


@pytest.mark.parametrize("status", SubscriberStatus)
@pytest.mark.parametrize("kind", DeliveryKind)
def test_each_email_leaves_only_for_whom_it_is_meant_at_that_moment(
    store: Engine, kind: DeliveryKind, status: SubscriberStatus
) -> None:
    number = add_delivery(store, kind=kind, status=status)
    wanted = (kind, status) in WANTED
    assert mark_on_wire(store, number) is wanted
    row = load_delivery(store, number)
    if wanted:
        assert (row.state, row.owner, row.settled_at) == (DeliveryState.ON_WIRE, "me", None)
    else:
        assert (row.state, row.owner, row.lease_expires_at, row.settled_at) == (
            DeliveryState.CANCELLED,
            None,
            None,
            NOW,
        )


def test_in_one_commit_each_email_has_its_own_outcome(store: Engine) -> None:
    left, meant, foreign, answered = (
        add_delivery(store, status=SubscriberStatus.UNSUBSCRIBED),
        add_delivery(store),
        add_delivery(store, owner="you"),
        add_delivery(store),
    )

    async def together() -> list[object]:
        ledger = GroupCommitter(store, "me")
        lines = [submit(ledger, number, None) for number in (left, meant, foreign)]
        outcomes = await asyncio.gather(*lines, submit(ledger, answered, SENT))
        await ledger.close()
        return list(outcomes)

    with count_commits(store) as count:
        assert asyncio.run(together()) == [DeliveryState.CANCELLED, DeliveryState.ON_WIRE, None, DeliveryState.SENT]
        assert count() == 1
    assert [load_delivery(store, number).state for number in (left, meant, foreign, answered)] == [
        "cancelled",
        "on_wire",
        "sending",
        "sent",
    ]


@pytest.mark.parametrize(
    "outcome",
    [
        SENT,
        DeliveryOutcome(DeliveryState.QUEUED, 451, "4.7.1 later", LATER),
        DeliveryOutcome(DeliveryState.FAILED, 554, "5.6.0 no"),
        DeliveryOutcome(DeliveryState.UNCERTAIN, 0, "no answer"),
    ],
)
@pytest.mark.parametrize("state", [DeliveryState.SENDING, DeliveryState.ON_WIRE])
def test_an_answer_is_recorded_once(store: Engine, state: DeliveryState, outcome: DeliveryOutcome) -> None:
    number = add_delivery(store, state=state)
    assert settle(store, number, outcome)
    row = load_delivery(store, number)
    assert (row.state, row.reply_code, row.reply) == (outcome.state, outcome.code, outcome.reply)
    assert (row.owner, row.lease_expires_at, row.next_attempt_at, row.attempts) == (None, None, outcome.retry_at, 1)
    assert row.settled_at == (None if outcome.state == DeliveryState.QUEUED else NOW)
    assert not settle(store, number, DeliveryOutcome(DeliveryState.FAILED, 550, "late"))
    assert load_delivery(store, number).state == outcome.state


@pytest.mark.parametrize("state", [DeliveryState.SENDING, DeliveryState.ON_WIRE])
def test_a_refusal_that_is_not_decided_leaves_the_email_with_its_sender(store: Engine, state: DeliveryState) -> None:
    number = add_delivery(store, state=state)
    assert settle(store, number, DeliveryOutcome(DeliveryState.SENDING, 454, "4.7.0 slow down"))
    row = load_delivery(store, number)
    assert (row.state, row.owner, row.attempts, row.settled_at) == (DeliveryState.SENDING, "me", 1, None)
    assert row.lease_expires_at is not None
    assert mark_on_wire(store, number)
    assert settle(store, number, SENT)


def test_only_a_refused_address_ends_a_subscription(store: Engine) -> None:
    ours, theirs = add_delivery(store), add_delivery(store)
    assert settle(store, ours, DeliveryOutcome(DeliveryState.FAILED, 554, "5.7.1 not from you"))
    assert settle(store, theirs, DeliveryOutcome(DeliveryState.FAILED, 550, "5.1.1 unknown", suppress=True))
    assert load_subscriber(store, ours).status == SubscriberStatus.ACTIVE
    ended = load_subscriber(store, theirs)
    assert (ended.status, ended.reason, ended.ended_at) == (
        SubscriberStatus.SUPPRESSED,
        "refused: 550 5.1.1 unknown",
        NOW,
    )


@pytest.mark.parametrize("status", SubscriberStatus)
def test_who_has_left_is_not_marked_as_refused(store: Engine, status: SubscriberStatus) -> None:
    number = add_delivery(store, state=DeliveryState.ON_WIRE, status=status)
    assert settle(store, number, DeliveryOutcome(DeliveryState.FAILED, 550, "5.1.1 unknown", suppress=True))
    stays = status == SubscriberStatus.UNSUBSCRIBED
    assert load_subscriber(store, number).status == (
        SubscriberStatus.UNSUBSCRIBED if stays else SubscriberStatus.SUPPRESSED
    )


def test_a_refusal_of_an_email_that_is_not_ours_ends_nothing(store: Engine) -> None:
    number = add_delivery(store, owner="you")
    assert not settle(store, number, DeliveryOutcome(DeliveryState.FAILED, 550, "5.1.1 unknown", suppress=True))
    assert load_subscriber(store, number).status == SubscriberStatus.ACTIVE


def test_in_one_commit_only_the_newer_of_two_copies_is_recorded(store: Engine) -> None:
    number = add_delivery(store, state=DeliveryState.ON_WIRE, attempts=2)
    uncounted = DeliveryOutcome(DeliveryState.QUEUED, 0, "not in the inbox yet", counts_as_attempt=False)

    async def together() -> list[object]:
        ledger = GroupCommitter(store, "me")
        submitted = [ledger.submit(number, 1, SENT, NOW), ledger.submit(number, 2, uncounted, NOW)]
        states = await asyncio.gather(*submitted)
        await ledger.close()
        return list(states)

    assert asyncio.run(together()) == [None, DeliveryState.QUEUED]
    assert (load_delivery(store, number).state, load_delivery(store, number).attempts) == ("queued", 1)


def test_many_connections_share_few_commits(store: Engine) -> None:
    numbers = [add_delivery(store) for _ in range(60)]

    async def connection(ledger: GroupCommitter, number: int) -> bool:
        left = await submit(ledger, number, None)
        return left is DeliveryState.ON_WIRE and await submit(ledger, number, SENT) is DeliveryState.SENT

    async def together() -> list[bool]:
        ledger = GroupCommitter(store, "me")
        done = await asyncio.gather(*(connection(ledger, number) for number in numbers))
        await ledger.close()
        return list(done)

    with count_commits(store) as count:
        assert asyncio.run(together()) == [True] * 60
        # One takes the first lines, and what comes meanwhile goes together: 120 lines, a handful of commits.
        assert 2 <= count() <= 12
    assert {load_delivery(store, number).state for number in numbers} == {"sent"}


def test_a_failing_store_is_heard_by_everybody_who_waits_and_the_next_commit_works(store: Engine) -> None:
    numbers = [add_delivery(store) for _ in range(20)]

    def rename(old: str, new: str) -> None:
        with write_session(store) as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def together() -> list[object]:
        ledger = GroupCommitter(store, "me", retry_pauses=())
        rename("delivery", "hidden")
        waiting: list[Coroutine[Any, Any, object]] = [submit(ledger, number, None) for number in numbers[:10]]
        waiting += [submit(ledger, number, SENT) for number in numbers[10:]]
        async with asyncio.timeout(30):
            heard = await asyncio.gather(*waiting, return_exceptions=True)
        rename("hidden", "delivery")
        assert await submit(ledger, numbers[0], None) is DeliveryState.ON_WIRE
        await ledger.close()
        return list(heard)

    heard = asyncio.run(together())
    assert len(heard) == 20
    assert all(isinstance(error, StoreError | SQLAlchemyError) for error in heard)
    assert [load_delivery(store, number).state for number in numbers] == ["on_wire"] + ["sending"] * 19


def test_the_commits_of_a_ledger_share_a_connection_and_one_that_was_cut_is_replaced(store: Engine) -> None:
    numbers = [add_delivery(store) for _ in range(4)]
    taken: list[object] = []
    event.listen(store, "checkout", lambda connection, *_: taken.append(connection))

    async def one_after_the_other() -> None:
        ledger = GroupCommitter(store, "me", retry_pauses=(0.01,))
        for number in numbers[:3]:
            assert await submit(ledger, number, None) is DeliveryState.ON_WIRE
        assert len(taken) == 1
        if store.dialect.name == "postgresql":
            with write_session(store) as session:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                session.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        assert await submit(ledger, numbers[3], None) is DeliveryState.ON_WIRE
        await ledger.close()

    asyncio.run(one_after_the_other())


REFUSE = {
    "sqlite": """
        CREATE TRIGGER no BEFORE UPDATE ON delivery WHEN NEW.state = 'sent' BEGIN SELECT RAISE(ABORT, 'no'); END""",
    "postgresql": "ALTER TABLE delivery ADD CONSTRAINT no CHECK (state <> 'sent')",
}


def test_no_email_leaves_behind_an_answer_that_was_not_written(store: Engine) -> None:
    answered, following = add_delivery(store, state=DeliveryState.ON_WIRE), add_delivery(store)
    with write_session(store) as session:
        session.execute(text(REFUSE[store.dialect.name]))

    async def one_after_the_other() -> None:
        ledger = GroupCommitter(store, "me")
        with hold_commits(store):
            answer = ledger.submit(answered, 1, SENT, NOW)
            await asyncio.sleep(0.2 if store.dialect.name == "postgresql" else 0)
            fence = ledger.submit(following, 1, None, NOW)
        heard = await asyncio.gather(answer, fence, return_exceptions=True)
        assert [isinstance(error, SQLAlchemyError) for error in heard] == [True, True], heard
        await ledger.close()

    asyncio.run(one_after_the_other())
    assert [load_delivery(store, number).state for number in (answered, following)] == ["on_wire", "sending"]


def test_a_submitted_update_is_written_though_its_task_does_not_wait(store: Engine) -> None:
    number, behind = add_delivery(store, state=DeliveryState.ON_WIRE), add_delivery(store, state=DeliveryState.ON_WIRE)

    async def cancelled() -> None:
        ledger = GroupCommitter(store, "me")
        with hold_commits(store):
            first = asyncio.create_task(submit(ledger, number, SENT))
            await asyncio.sleep(0.1 if store.dialect.name == "postgresql" else 0)
            second = asyncio.create_task(submit(ledger, behind, SENT))
            await asyncio.sleep(0)
            for task in (first, second):
                task.cancel()
            gone = await asyncio.gather(first, second, return_exceptions=True)
            assert [type(error) for error in gone] == [asyncio.CancelledError] * 2
        await ledger.close()

    asyncio.run(cancelled())
    assert [load_delivery(store, delivery_id).state for delivery_id in (number, behind)] == ["sent", "sent"]


def test_commits_run_on_the_event_loop_with_sqlite_and_in_a_thread_with_postgresql(store: Engine) -> None:
    number = add_delivery(store)
    threads: set[int] = set()

    async def once() -> bool:
        ledger = GroupCommitter(store, "me")
        event.listen(store, "before_cursor_execute", lambda *_: threads.add(get_ident()))
        left = await submit(ledger, number, None)
        await ledger.close()
        return left is DeliveryState.ON_WIRE

    assert asyncio.run(once())
    assert len(threads) == 1
    assert (threads == {get_ident()}) is (store.dialect.name == "sqlite")


def test_an_unused_committer_is_closed_at_once(store: Engine) -> None:
    with count_commits(store) as count:
        asyncio.run(GroupCommitter(store, "me").close())
        assert count() == 0
