"""Every transition of the record that is a plain transaction, on both kinds of store."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import col, select

from digest.database import liveness_lock, read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, Subscriber
from digest.delivery import (
    NewDelivery,
    UndeliveredPapers,
    cancel,
    claims,
    count_by_state,
    count_queued,
    discard_undelivered,
    enqueue,
    reclaim_undelivered_papers,
    resolve,
)
from digest.delivery.claims import recover_abandoned, release
from digest.delivery.retry import MAX_BACKOFF
from digest.errors import DigestError, StoreError
from digest.papers import delivered_paper_ids
from tests.support.factories import NOW, delivery, subscriber

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def subscriber_ids(store: Engine) -> list[int]:
    """Two of them, by number."""
    with write_session(store) as session:
        rows = [subscriber(), subscriber()]
        session.add_all(rows)
        session.flush()
        return [int(row.id or 0) for row in rows]


def put(store: Engine, subscriber_id: int, **given: object) -> int:
    """A delivery as a row; its number."""
    with write_session(store) as session:
        row = delivery(session.get_one(Subscriber, subscriber_id), **given)
        session.add(row)
        session.flush()
        return int(row.id or 0)


def rows(store: Engine) -> Sequence[Delivery]:
    with read_session(store) as session:
        return session.exec(select(Delivery).order_by(col(Delivery.id))).all()


def states(store: Engine) -> list[str]:
    return [row.state for row in rows(store)]


def claim(store: Engine, owner: str = "me", limit: int = 100) -> list[int]:
    with write_session(store) as session:
        return [claimed.id for claimed in claims.claim(session, owner, NOW, limit)]


def test_a_second_email_of_the_same_edition_is_refused(store: Engine, subscriber_ids: list[int]) -> None:
    first, second = subscriber_ids
    drafts = [
        NewDelivery(first, DeliveryKind.DIGEST, "2026-07-01", [1, 2], [3]),
        NewDelivery(second, DeliveryKind.DIGEST, "2026-07-01", [1]),
    ]
    again = [
        NewDelivery(first, DeliveryKind.DIGEST, "2026-07-01", [9]),
        NewDelivery(first, DeliveryKind.DIGEST, "2026-07-02", [9]),
    ]
    with write_session(store) as session:
        assert enqueue(session, drafts, "example.org", NOW) == 2
    with write_session(store) as session:
        assert enqueue(session, again, "example.org", NOW) == 1
    stored = rows(store)
    assert [(row.subscriber_id, row.edition, row.papers, row.omitted_papers) for row in stored] == [
        (first, "2026-07-01", [1, 2], [3]),
        (second, "2026-07-01", [1], []),
        (first, "2026-07-02", [9], []),
    ]
    assert len({row.message_id for row in stored}) == 3
    assert all(row.message_id.endswith("@example.org>") and row.state == DeliveryState.QUEUED for row in stored)


def test_more_emails_than_one_statement_holds_are_queued(store: Engine, subscriber_ids: list[int]) -> None:
    drafts = [NewDelivery(subscriber_ids[0], DeliveryKind.DIGEST, str(number)) for number in range(1201)]
    with write_session(store) as session:
        assert enqueue(session, drafts, "example.org", NOW) == 1201
        assert enqueue(session, drafts, "example.org", NOW) == 0
        assert enqueue(session, [], "example.org", NOW) == 0


def test_requested_emails_go_first_and_then_the_oldest(store: Engine, subscriber_ids: list[int]) -> None:
    kinds = [
        DeliveryKind.DIGEST,
        DeliveryKind.GOODBYE,
        DeliveryKind.DIGEST,
        DeliveryKind.CONFIRM,
        DeliveryKind.WELCOME,
        DeliveryKind.ALREADY_SUBSCRIBED,
    ]
    with write_session(store) as session:
        drafts = [NewDelivery(subscriber_ids[0], kind, str(number)) for number, kind in enumerate(kinds)]
        enqueue(session, drafts, "example.org", NOW)
    kind_of = {int(row.id or 0): row.kind for row in rows(store)}
    claimed = [claim(store, limit=2) for _ in range(4)]
    assert [[kind_of[number] for number in numbers] for numbers in claimed] == [
        [DeliveryKind.CONFIRM, DeliveryKind.ALREADY_SUBSCRIBED],
        [DeliveryKind.GOODBYE, DeliveryKind.WELCOME],
        [DeliveryKind.DIGEST, DeliveryKind.DIGEST],
        [],
    ]
    assert claimed[2] == sorted(claimed[2])


def test_a_claim_names_its_owner_and_counts_the_attempt(store: Engine, subscriber_ids: list[int]) -> None:
    number = put(
        store, subscriber_ids[0], papers=[4, 5], omitted_papers=[6], attempts=2, message_id="<fixed@example.org>"
    )
    with write_session(store) as session:
        (claimed,) = claims.claim(session, "me", NOW, 10)
    assert (claimed.id, claimed.attempts, claimed.papers, claimed.omitted_papers) == (number, 3, [4, 5], [6])
    assert (claimed.message_id, claimed.created_at) == ("<fixed@example.org>", NOW)
    (row,) = rows(store)
    assert (row.state, row.owner, row.attempts, row.lease_expires_at) == (
        DeliveryState.SENDING,
        "me",
        3,
        NOW + timedelta(minutes=5),
    )


def test_nothing_is_claimed_before_its_time_or_out_of_another_state(store: Engine, subscriber_ids: list[int]) -> None:
    put(store, subscriber_ids[0], edition="later", next_attempt_at=NOW + timedelta(seconds=1))
    for state in DeliveryState:
        if state != DeliveryState.QUEUED:
            put(store, subscriber_ids[0], edition=state.value, state=state)
    ready = [put(store, subscriber_ids[0], edition=f"ready {at}", next_attempt_at=at) for at in (NOW, None)]
    assert sorted(claim(store)) == ready


def test_a_clock_that_was_set_back_strands_no_email(store: Engine, subscriber_ids: list[int]) -> None:
    put(store, subscriber_ids[0], edition="longest wait", next_attempt_at=NOW + MAX_BACKOFF * 1.25)
    stranded = put(store, subscriber_ids[0], edition="put off next year", next_attempt_at=NOW + timedelta(days=300))
    assert claim(store) == [stranded]


def test_emails_to_domains_that_have_enough_stay_where_they_are(store: Engine) -> None:
    addresses = [
        "ada@full.example",
        "Bob@FULL.example",
        "cy@not-full.example",
        "di@un_der.example",
        "ed@unxder.example",
    ]
    with write_session(store) as session:
        members = [subscriber(email=address) for address in addresses]
        session.add_all(members)
        session.flush()
        session.add_all(delivery(member) for member in members)
        mine = {int(member.id or 0): member.email for member in members}

    def taken(*without: str) -> list[str]:
        with write_session(store) as session:
            return sorted(
                mine[claimed.subscriber_id] for claimed in claims.claim(session, "me", NOW, 9, excluded_domains=without)
            )

    assert taken("full.example", "un_der.example") == ["cy@not-full.example", "ed@unxder.example"]
    assert taken("full.example") == ["di@un_der.example"]
    assert taken() == ["Bob@FULL.example", "ada@full.example"]


def test_two_claims_at_once_are_disjoint(store: Engine, subscriber_ids: list[int]) -> None:
    wanted = {put(store, subscriber_ids[0], edition=str(number)) for number in range(40)}
    start = Barrier(4)

    def take(owner: str) -> list[int]:
        start.wait(10)
        return [number for _ in range(10) for number in claim(store, owner, limit=3)]

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(take, "abcd"))
    assert sorted(number for numbers in taken for number in numbers) == sorted(wanted)
    owner_of = {int(row.id or 0): row.owner for row in rows(store)}
    assert owner_of == {number: owner for owner, numbers in zip("abcd", taken, strict=True) for number in numbers}


def test_an_open_claim_holds_up_no_other_on_a_server(store: Engine, subscriber_ids: list[int]) -> None:
    if store.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    numbers = [put(store, subscriber_ids[0], edition=str(number)) for number in range(4)]
    with write_session(store) as first:
        mine = [claimed.id for claimed in claims.claim(first, "me", NOW, 2)]
        assert (mine, claim(store, "you")) == (numbers[:2], numbers[2:])


def test_a_sweep_queues_what_was_not_sent_and_doubts_what_was_on_the_wire(
    store: Engine, subscriber_ids: list[int]
) -> None:
    for owner in ("dead", "me"):
        for state in (DeliveryState.SENDING, DeliveryState.ON_WIRE):
            put(
                store,
                subscriber_ids[0],
                edition=f"{owner} {state}",
                state=state,
                owner=owner,
                lease_expires_at=LATER,
                attempts=1,
            )
    for state in (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.QUEUED):
        put(store, subscriber_ids[0], edition=state.value, state=state)
    with write_session(store) as session:
        assert recover_abandoned(session, "me", NOW) == (1, 1)
        assert recover_abandoned(session, "me", NOW) == (0, 0)
    assert states(store) == ["queued", "uncertain", "sending", "on_wire", "sent", "failed", "queued"]
    swept = rows(store)[:2]
    assert [(row.owner, row.lease_expires_at) for row in swept] == [(None, None), ("dead", None)]
    assert swept[1].reply == "the sender stopped while it was sending this e-mail"


def test_a_living_senders_emails_are_left_to_it_until_its_leases_are_over(
    store: Engine, subscriber_ids: list[int]
) -> None:
    if store.dialect.name == "sqlite":
        pytest.skip("SQLite has one sender at a time")
    for state in (DeliveryState.SENDING, DeliveryState.ON_WIRE):
        put(
            store,
            subscriber_ids[0],
            edition=state.value,
            state=state,
            owner="alive",
            lease_expires_at=LATER,
            attempts=1,
        )
    with liveness_lock(store, "alive") as still_there:
        with write_session(store) as session:
            assert recover_abandoned(session, "me", NOW) == (0, 0)
        still_there()
        with write_session(store) as session:
            assert recover_abandoned(session, "me", LATER + timedelta(seconds=1)) == (1, 1)


def test_a_sender_that_the_server_has_lost_gets_an_error_and_counts_as_dead(
    store: Engine, subscriber_ids: list[int]
) -> None:
    if store.dialect.name == "sqlite":
        pytest.skip("an SQLite file has no server")
    put(
        store,
        subscriber_ids[0],
        edition="one",
        state=DeliveryState.SENDING,
        owner="lost",
        lease_expires_at=LATER,
        attempts=1,
    )
    with liveness_lock(store, "lost") as still_there:
        with write_session(store) as session:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
            session.execute(text(cut))
        for _ in range(2):  # it does not come back by asking again
            with pytest.raises(StoreError):
                still_there()
        with write_session(store) as session:
            assert recover_abandoned(session, "me", NOW) == (1, 0)


def test_what_is_released_was_no_attempt_and_keeps_its_turn(store: Engine, subscriber_ids: list[int]) -> None:
    numbers = [put(store, subscriber_ids[0], edition=str(number), attempts=4) for number in range(3)]
    claim(store, "me", 2)
    claim(store, "you")
    with write_session(store) as session:
        assert release(session, "me") == 2
        assert release(session, "me") == 0
    assert [(row.state, row.owner, row.attempts) for row in rows(store)] == [
        ("queued", None, 4),
        ("queued", None, 4),
        ("sending", "you", 5),
    ]
    assert claim(store) == numbers[:2]


def test_what_is_on_the_wire_is_never_released(store: Engine, subscriber_ids: list[int]) -> None:
    put(store, subscriber_ids[0], state=DeliveryState.ON_WIRE, owner="me")
    with write_session(store) as session:
        assert release(session, "me") == 0
    assert states(store) == ["on_wire"]


def test_papers_of_emails_that_did_not_arrive_go_back_once(store: Engine, subscriber_ids: list[int]) -> None:
    first, second = subscriber_ids
    for number, state in enumerate(DeliveryState):
        put(
            store,
            first,
            edition=f"2026-06-{number + 1:02}",
            state=state,
            papers=[number],
            omitted_papers=[100 + number],
        )
    put(store, first, kind=DeliveryKind.WELCOME, edition="welcome", papers=[])
    put(store, second, papers=[50])
    numbers = {state: number for number, state in enumerate(DeliveryState)}
    back = {
        numbers[final_state]
        for final_state in (DeliveryState.QUEUED, DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)
    }
    with write_session(store) as session:
        taken = reclaim_undelivered_papers(session, [first], LATER)
    (owed,) = taken.values()
    assert (list(taken), sorted(owed.papers)) == ([first], sorted(back))
    assert sorted(owed.omitted_papers) == sorted(100 + number for number in back)
    with write_session(store) as session:
        assert reclaim_undelivered_papers(session, [first], LATER) == {}
        assert reclaim_undelivered_papers(session, [], LATER) == {}
    stored = {row.edition: row for row in rows(store)}
    expired = stored["2026-06-01"]
    assert (expired.state, expired.settled_at, expired.is_reclaimed) == ("expired", LATER, True)
    assert stored["welcome"].state == stored["2026-07-01"].state == "queued"


def test_what_a_subscriber_has_or_may_have_is_known(store: Engine, subscriber_ids: list[int]) -> None:
    first, second = subscriber_ids
    for number, state in enumerate(DeliveryState):
        put(store, first, edition=str(number), state=state, papers=[number, 90], omitted_papers=[100 + number])
    put(store, second, papers=[7])
    may_have = (
        DeliveryState.QUEUED,
        DeliveryState.SENDING,
        DeliveryState.ON_WIRE,
        DeliveryState.SENT,
        DeliveryState.UNCERTAIN,
    )
    with read_session(store) as session:
        found = delivered_paper_ids(session, subscriber_ids)
        assert delivered_paper_ids(session, []) == {}
    assert found == {
        first: {number for number, initial in enumerate(DeliveryState) if initial in may_have} | {90},
        second: {7},
    }


def test_who_leaves_gets_nothing_of_what_was_queued(store: Engine, subscriber_ids: list[int]) -> None:
    first, second = subscriber_ids
    put(store, first, edition="a")
    put(store, first, edition="b", kind=DeliveryKind.WELCOME)
    put(store, first, edition="c", state=DeliveryState.SENDING, owner="me")
    put(store, first, edition="d", state=DeliveryState.SENT)
    put(store, second)
    with write_session(store) as session:
        assert cancel(session, first, LATER) == 2
        assert cancel(session, first, LATER) == 0
    assert states(store) == ["cancelled", "cancelled", "sending", "sent", "queued"]
    assert [row.settled_at for row in rows(store)][:3] == [LATER, LATER, None]


def test_who_begins_anew_is_not_sent_what_went_astray_long_ago(store: Engine, subscriber_ids: list[int]) -> None:
    first, second = subscriber_ids
    put(store, first, edition="a", state=DeliveryState.FAILED, papers=[1])
    put(store, second, edition="a", state=DeliveryState.FAILED, papers=[2])
    with write_session(store) as session:
        discard_undelivered(session, first)
    with write_session(store) as session:
        assert reclaim_undelivered_papers(session, subscriber_ids, NOW) == {second: UndeliveredPapers([2])}


@pytest.mark.parametrize(("sent", "state", "back"), [(True, "sent", {}), (False, "failed", {0: [1, 2]})])
def test_an_operator_says_what_became_of_an_uncertain_email(
    store: Engine, subscriber_ids: list[int], *, sent: bool, state: str, back: dict[int, list[int]]
) -> None:
    number = put(store, subscriber_ids[0], state=DeliveryState.UNCERTAIN, papers=[1, 2])
    with write_session(store) as session:
        resolve(session, number, sent=sent, now=LATER)
    (row,) = rows(store)
    assert (row.state, row.settled_at) == (state, LATER)
    assert row.reply.endswith("by the operator")
    with write_session(store) as session:
        assert reclaim_undelivered_papers(session, subscriber_ids, LATER) == {
            subscriber_ids[key]: UndeliveredPapers(papers) for key, papers in back.items()
        }


def test_only_an_uncertain_email_can_be_resolved(store: Engine, subscriber_ids: list[int]) -> None:
    for state in DeliveryState:
        if state == DeliveryState.UNCERTAIN:
            continue
        number = put(store, subscriber_ids[0], edition=state.value, state=state)
        with write_session(store) as session, pytest.raises(DigestError, match=f"{number} is {state}, not uncertain"):
            resolve(session, number, sent=True, now=LATER)
    with write_session(store) as session, pytest.raises(DigestError, match="There is no delivery 999999"):
        resolve(session, 999_999, sent=True, now=LATER)
    assert states(store) == [state for state in DeliveryState if state != DeliveryState.UNCERTAIN]


def test_emails_are_counted_by_state(store: Engine, subscriber_ids: list[int]) -> None:
    with read_session(store) as session:
        assert count_queued(session) == 0
        assert count_by_state(session) == {state.value: 0 for state in DeliveryState}
    put(store, subscriber_ids[0], edition="a")
    put(store, subscriber_ids[0], edition="b", next_attempt_at=LATER)
    put(store, subscriber_ids[0], edition="c", state=DeliveryState.SENT)
    with read_session(store) as session:
        assert count_queued(session) == 2
        assert count_by_state(session) == {state.value: 0 for state in DeliveryState} | {
            "queued": 2,
            "sent": 1,
        }


def test_a_plan_asks_about_emails_to_give_back_by_their_own_index(sqlite_store: Engine) -> None:
    statements: list[tuple[str, tuple[object, ...]]] = []
    with write_session(sqlite_store) as session:
        driver = session.connection()
        event.listen(driver, "before_cursor_execute", lambda *given: statements.append((given[2], given[3])))
        reclaim_undelivered_papers(session, [1, 2], NOW)
        plans = [
            driver.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            for statement, given in list(statements)
        ]
    assert len(plans) == 2
    assert all("ix_delivery_undelivered" in str(plan) for plan in plans), plans
