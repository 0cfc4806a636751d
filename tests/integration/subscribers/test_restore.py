"""Giving back subscriptions that a relay's refusal ended."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.database import write_session
from digest.database.models import DeliveryKind, DeliveryState, SubscriberStatus
from digest.subscribers import RestoredSubscriber, list_subscribers, parse_keywords, restore_suppressed
from digest.subscribers.records import set_keywords
from tests.support.contexts import StoreView
from tests.support.factories import NOW, delivery, subscriber

OURS = "refused: 550 Relay NOT permitted here"


def suppress(store: Engine, reason: str = OURS, *, hours: int = 0, kind: str = DeliveryKind.DIGEST) -> str:
    """A subscriber whose last delivery was refused; their address."""
    keywords, _ = parse_keywords(["protein folding", '"graph neural network"'])
    with write_session(store) as session:
        row = subscriber()
        session.add(row)
        session.flush()
        set_keywords(session, row, keywords)
        row.end_subscription(SubscriberStatus.SUPPRESSED, reason, NOW + timedelta(hours=hours))
        session.add(delivery(row, kind=kind, state=DeliveryState.FAILED, settled_at=NOW, attempts=1))
        return row.email


def test_only_those_who_were_suppressed_since_for_the_reason_get_back_what_they_had(store: Engine) -> None:
    ours, other, early = suppress(store), suppress(store, "refused: 550 5.1.1 unknown"), suppress(store, hours=-1)
    assert restore_suppressed(store, "ada", NOW, "relay not permitted", NOW) == [
        RestoredSubscriber(ours, "active", OURS)
    ]
    view = StoreView(store)
    assert [view.subscriber(email).status for email in (ours, other, early)] == ["active", "suppressed", "suppressed"]
    row = view.subscriber(ours)
    assert (row.reason, row.ended_at) == ("", None)
    (listed,) = (row for row in list_subscribers(store) if row["email"] == ours)
    assert listed["keywords"] == ["protein folding", '"graph neural network"']


@pytest.mark.parametrize("pattern", ["*not permitted*", "550 ??lay", "refused"])
def test_a_reason_may_have_wildcards(store: Engine, pattern: str) -> None:
    suppress(store)
    assert len(restore_suppressed(store, "ada", NOW, pattern, NOW)) == 1


def test_a_dry_run_changes_nothing(store: Engine) -> None:
    suppress(store, kind=DeliveryKind.CONFIRM)
    assert len(restore_suppressed(store, "ada", NOW, "relay", NOW, dry_run=True)) == 1
    (listed,) = list_subscribers(store)
    assert listed["status"] == "suppressed"
    assert [row.state for row in StoreView(store).deliveries()] == ["failed"]


def test_who_complained_stays_suppressed(store: Engine) -> None:
    suppress(store, "complaint: refused by a relay")
    assert not restore_suppressed(store, "ada", NOW, "refused", NOW)


def test_pending_subscribers_get_a_new_confirmation(store: Engine) -> None:
    email = suppress(store, kind=DeliveryKind.CONFIRM)
    assert restore_suppressed(store, "ada", NOW, "relay", NOW) == [RestoredSubscriber(email, "pending", OURS)]
    assert StoreView(store).subscriber(email).status == "pending"
    assert [row.state for row in StoreView(store).deliveries()] == ["queued"]
