"""Lists of subscribers and deliveries for operators: what they show, in which order, and by which indexes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session

from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, SavedKeyword, Subscriber, SubscriberStatus
from digest.monitoring import (
    DeliveryFilter,
    DeliveryTab,
    Monitoring,
    SubscriberFilter,
    SubscriberOrder,
    count_deliveries,
    count_tabs,
    find_deliveries,
    find_subscribers,
    sum_counts,
    summarize_subscribers,
)
from tests.support.contexts import make_context
from tests.support.factories import delivery, keyword, subscriber

NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
STATUSES = ("active", "active", "paused", "suppressed", "pending", "unsubscribed")
FREQUENCIES = ("daily", "weekly", "monthly", "weekdays")


@pytest.fixture
def filled(store: Engine) -> Engine:
    """Store 24 subscribers of all kinds, and two days of deliveries in all states."""
    with write_session(store) as session:
        people = [
            subscriber(
                email=f"{'zyxwvu'[n % 6]}{n:02}@example.org", status=STATUSES[n % 6], frequency=FREQUENCIES[n % 4]
            )
            for n in range(24)
        ]
        session.add_all(people)
        session.add(robots := keyword("robots"))
        session.flush()
        session.add(
            SavedKeyword(
                subscriber_id=int(people[3].id or 0), position=0, keyword_id=int(robots.id or 0), text="robots"
            )
        )
        states = list(DeliveryState)
        for n in range(32):
            state = states[n % 8]
            kind = DeliveryKind.CONFIRM if n % 5 == 0 else DeliveryKind.DIGEST
            at = NOW - DAY * (1 if n < 16 else 0)
            owner = {"owner": "x"} if state in {DeliveryState.SENDING, DeliveryState.ON_WIRE} else {}
            edition = f"{at:%F}" if kind == DeliveryKind.DIGEST else f"confirm:{n}"
            row = delivery(people[n % 16], state=state, kind=kind, edition=edition, created_at=at, papers=[n], **owner)
            session.add(row)
            session.flush()
    return store


def pages(session: Session, wanted: SubscriberFilter, size: int) -> Iterator[list[Subscriber]]:
    after = None
    while page := find_subscribers(session, wanted, after=after, limit=size):
        yield page
        after = page[-1].id


def test_every_filter_and_order_pages_through_all_its_subscribers_once(filled: Engine) -> None:
    with read_session(filled) as session:
        everyone = list(session.scalars(text("SELECT id FROM subscriber ORDER BY id")))
        for status in ("", *SubscriberStatus):
            for frequency in ("", *FREQUENCIES):
                for order in SubscriberOrder:
                    wanted = SubscriberFilter(status=status, frequency=frequency, order=order)
                    found = [row for page in pages(session, wanted, 5) for row in page]
                    expected = [
                        row
                        for row in (session.get_one(Subscriber, number) for number in everyone)
                        if status in {"", row.status} and frequency in {"", row.frequency}
                    ]
                    key: Any = (lambda row: row.email_key) if order == SubscriberOrder.ADDRESS else (lambda row: row.id)
                    expected.sort(key=key, reverse=order == SubscriberOrder.NEWEST)
                    assert [row.id for row in found] == [row.id for row in expected], wanted
        found = find_subscribers(session, SubscriberFilter(text="Z0", order=SubscriberOrder.OLDEST))
        assert [row.email for row in found] == ["z00@example.org", "z06@example.org"]
        (only,) = find_subscribers(session, SubscriberFilter(text="no such", canonical="robots"))
        assert only.email == "w03@example.org"
        assert find_subscribers(session, SubscriberFilter(canonical="no such")) == []
        assert find_subscribers(session, SubscriberFilter(text="%")) == []
        assert len(find_subscribers(session, SubscriberFilter(), after=10**9)) == len(everyone)  # that row is gone


def test_counts_and_summaries(filled: Engine) -> None:
    counts = Monitoring(make_context(filled)).subscribers(NOW)
    assert sum_counts(counts) == {
        "": 24, "active": 8, "paused": 4, "suppressed": 4, "pending": 4, "unsubscribed": 4,
    }  # fmt: skip
    assert sum_counts(counts, "monthly")[""] == 6
    with read_session(filled) as session:
        numbers = [
            int(row.id or 0) for row in find_subscribers(session, SubscriberFilter(order=SubscriberOrder.OLDEST))
        ]
        found = summarize_subscribers(session, numbers, NOW.date())
    # The fourth has a digest of one paper that was sent on each day; the first has a confirmation and a queued digest.
    assert (found[numbers[3]].keywords, found[numbers[3]].papers, found[numbers[3]].last_digest) == (1, 2, NOW.date())
    assert (found[numbers[0]].keywords, found[numbers[0]].papers) == (0, 0)
    assert numbers[20] not in found or found[numbers[20]].last_digest is None


TABS: dict[DeliveryTab, set[str]] = {
    DeliveryTab.ALL: {state.value for state in DeliveryState},
    DeliveryTab.WAITING: {"queued", "sending", "on_wire"},
    DeliveryTab.SENT: {"sent"},
    DeliveryTab.FAILED: {"failed"},
    DeliveryTab.UNCERTAIN: {"uncertain"},
    DeliveryTab.CANCELLED: {"cancelled", "expired"},
}


def test_every_tab_kind_and_day_pages_through_all_its_deliveries_once(filled: Engine) -> None:
    with read_session(filled) as session:
        everything = [session.get_one(Delivery, number) for number in session.scalars(text("SELECT id FROM delivery"))]
        days = (None, NOW.date(), (NOW - DAY).date(), (NOW - 5 * DAY).date())
        for kind, day in product(("", "digest", "confirm", "welcome"), days):
            candidates = [row for row in everything if kind in {"", row.kind} and day in {None, row.created_at.date()}]
            counts = count_tabs(session, DeliveryFilter(kind=kind, day=day))
            for tab, states in TABS.items():
                wanted = DeliveryFilter(tab=tab, kind=kind, day=day)
                found: list[int] = []
                while page := find_deliveries(session, wanted, before=found[-1] if found else None, limit=5):
                    found += [int(row.id or 0) for row in page]
                expected = sorted((int(row.id or 0) for row in candidates if row.state in states), reverse=True)
                assert found == expected, wanted
                assert (count_deliveries(session, wanted), counts[tab]) == (len(expected), len(expected))
        first = session.scalars(text("SELECT min(id) FROM subscriber")).one()
        of_one = find_deliveries(session, DeliveryFilter(subscriber_id=first))
        assert len(of_one) == 2
        assert {row.subscriber_id for row in of_one} == {first}
        assert count_deliveries(session, DeliveryFilter(), limit=7) == 8  # "7+"


def statements_of(engine: Engine, call: Any) -> list[tuple[str, Any]]:
    """Return the statements that a call sends."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return seen


def test_lists_take_few_statements_and_walk_indexes(filled: Engine) -> None:
    """The plans of SQLite, which does not depend on how many rows there are; PostgreSQL has the same indexes."""
    calls: dict[str, tuple[Any, str]] = {
        "subscribers": (lambda s: find_subscribers(s, SubscriberFilter()), "PRIMARY KEY"),
        "of a status": (lambda s: find_subscribers(s, SubscriberFilter(status="paused")), "ix_subscriber_list"),
        "of a frequency": (lambda s: find_subscribers(s, SubscriberFilter(frequency="monthly")), "ix_subscriber_list"),
        "by address": (
            lambda s: find_subscribers(s, SubscriberFilter(status="active", order=SubscriberOrder.ADDRESS)),
            "ix_subscriber_address",
        ),
        "failed": (lambda s: find_deliveries(s, DeliveryFilter(tab=DeliveryTab.FAILED)), "ix_delivery_exceptional"),
        "confirmations": (lambda s: find_deliveries(s, DeliveryFilter(kind="confirm")), "ix_delivery_notice"),
        "waiting": (lambda s: find_deliveries(s, DeliveryFilter(tab=DeliveryTab.WAITING)), "ix_delivery_queue"),
    }
    for name, (call, index) in calls.items():
        with read_session(filled) as session:
            sent = statements_of(filled, lambda call=call, session=session: call(session))
            assert len(sent) == (3 if name == "waiting" else 2), name  # first it is counted, up to a bound
            if filled.dialect.name != "sqlite" or index == "PRIMARY KEY":
                continue
            connection = session.connection()
            plan = " ".join(
                row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sent[-2][0]}", sent[-2][1])
            )
        assert index in plan, (name, plan)
        assert "SCAN subscriber" not in plan, (name, plan)
        assert "SCAN delivery" not in plan.replace("SCAN delivery USING INDEX ix_delivery_queue", ""), (name, plan)
