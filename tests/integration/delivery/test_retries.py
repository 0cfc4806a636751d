"""Deliveries that an operator or a new request makes due again, and those that are given up."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery import NewDelivery, bounces_of, claims, failed_since, retry, retry_edition
from digest.delivery.transitions import GIVE_UP_AFTER, RETRY_REFUSALS, give_up
from tests.support.factories import NOW, delivery, subscriber

EDITION = "2026-07-01"


def put(store: Engine, status: SubscriberStatus = SubscriberStatus.ACTIVE, **values: Any) -> int:
    """Store a delivery to a subscriber of its own; return its id."""
    with write_session(store) as session:
        recipient = subscriber(status=status)
        session.add(recipient)
        session.flush()
        row = delivery(recipient, **{"edition": EDITION, **values})
        session.add(row)
        session.flush()
        return int(row.id or 0)


def load(store: Engine, number: int) -> Delivery:
    with read_session(store) as session:
        return session.get_one(Delivery, number)


def retry_now(store: Engine, number: int) -> str:
    with write_session(store) as session:
        return retry(session, number)


@pytest.mark.parametrize(
    "values",
    [
        {"state": DeliveryState.FAILED, "settled_at": NOW},
        {"state": DeliveryState.QUEUED, "next_attempt_at": NOW + timedelta(hours=5), "attempts": 3},
    ],
)
def test_a_failed_or_deferred_delivery_is_due_again(store: Engine, values: dict[str, Any]) -> None:
    number = put(store, **values)
    assert retry_now(store, number) == ""
    row = load(store, number)
    assert (row.state, row.next_attempt_at, row.settled_at) == (DeliveryState.QUEUED, None, None)
    with write_session(store) as session:
        assert [claimed.id for claimed in claims.claim(session, "me", NOW, 10)] == [number]


@pytest.mark.parametrize("state", RETRY_REFUSALS)
def test_what_is_under_way_or_settled_is_not_due_again(store: Engine, state: DeliveryState) -> None:
    number = put(store, state=state)
    assert retry_now(store, number) == RETRY_REFUSALS[state]
    assert load(store, number).state == state


def test_why_a_delivery_is_not_due_again(store: Engine) -> None:
    taken = put(store, state=DeliveryState.FAILED, is_reclaimed=True)
    left = put(store, SubscriberStatus.UNSUBSCRIBED, state=DeliveryState.FAILED)
    waiting = put(store)
    reasons = [retry_now(store, number) for number in (4711, taken, left, waiting)]
    assert all(reasons)
    assert len(set(reasons)) == 4
    assert reasons[1] == RETRY_REFUSALS[DeliveryState.EXPIRED]
    assert SubscriberStatus.UNSUBSCRIBED in reasons[2]
    assert [load(store, number).state for number in (taken, left, waiting)] == ["failed", "failed", "queued"]


def test_another_edition_or_subscriber_is_not_due_again(store: Engine) -> None:
    kind, failed = DeliveryKind.CONFIRM, DeliveryState.FAILED
    mine, other = (put(store, SubscriberStatus.PENDING, kind=kind, state=failed) for _ in range(2))
    owner = load(store, mine).subscriber_id
    with write_session(store) as session:
        assert not retry_edition(session, NewDelivery(owner, kind, "2026-07-02"))
        assert not retry_edition(session, NewDelivery(4711, kind, EDITION))
        assert retry_edition(session, NewDelivery(owner, kind, EDITION))
        assert not retry_edition(session, NewDelivery(owner, kind, EDITION)), "it waits in the queue"
    assert [load(store, number).state for number in (mine, other)] == [DeliveryState.QUEUED, failed]


def test_all_but_digests_are_given_up_after_four_days(store: Engine) -> None:
    old, kind = NOW - GIVE_UP_AFTER - timedelta(seconds=1), DeliveryKind.WELCOME
    late = put(store, kind=kind, created_at=old, next_attempt_at=NOW, reply="x" * 300)
    others = [
        put(store, kind=kind, created_at=NOW - GIVE_UP_AFTER),
        put(store, created_at=old),
        put(store, kind=kind, created_at=old, state=DeliveryState.ON_WIRE),
    ]
    with write_session(store) as session:
        assert give_up(session, NOW) == 1
    row = load(store, late)
    assert (row.state, row.settled_at, row.next_attempt_at) == (DeliveryState.FAILED, NOW, None)
    assert row.reply.startswith("given up after four days: xxx")
    assert len(row.reply) == 300
    assert {load(store, number).state for number in others} == {DeliveryState.QUEUED, DeliveryState.ON_WIRE}


def test_deliveries_that_failed_lately_are_found_in_order(store: Engine) -> None:
    found = [put(store, state=DeliveryState.FAILED, settled_at=NOW + timedelta(hours=hour)) for hour in (1, 0)]
    put(store, state=DeliveryState.FAILED, settled_at=NOW - timedelta(seconds=1))
    put(store, state=DeliveryState.SENT, settled_at=NOW)
    with read_session(store) as session:
        assert failed_since(session, NOW) == sorted(found)
        assert list(bounces_of(session, found[0])) == []
        assert session.get(Subscriber, 4711) is None
