"""Conditions of the record one by one: whom each of its statements concerns, and whom it leaves alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import (
    BounceRecord,
    ClaimedDelivery,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Subscriber,
    SubscriberStatus,
)
from digest.database.models.column_types import InvalidDatetime
from digest.delivery import (
    NewDelivery,
    address_of,
    any_in_progress,
    bounces_of,
    cancel,
    claims,
    enqueue,
    failed_since,
    last_address_change,
    retry,
    send_queued,
)
from digest.delivery.addresses import went_to_current_address
from digest.delivery.claimer import find_delivery_error
from digest.delivery.claims import MAX_WAIT, count_due, count_queued, release
from digest.delivery.transitions import GIVE_UP_AFTER, RETRY_REFUSALS, give_up, retry_edition, settle_welcomes
from digest.identifiers import Identifier
from digest.papers import store_listings
from digest.rendering import BatchData
from digest.sources import ListedPaper
from tests.support.contexts import DAY, StoreView, add_active_subscriber, make_context, plan_digests
from tests.support.factories import NOW, delivery, subscriber
from tests.support.relay import relay

SECOND = timedelta(seconds=1)


@pytest.fixture
def subscriber_ids(sqlite_store: Engine) -> list[int]:
    with write_session(sqlite_store) as session:
        rows = [subscriber(), subscriber()]
        session.add_all(rows)
        session.flush()
        return [int(row.id or 0) for row in rows]


def put(store: Engine, subscriber_id: int, **given: Any) -> int:
    """A delivery as a row; its number."""
    with write_session(store) as session:
        row = delivery(session.get_one(Subscriber, subscriber_id), **given)
        session.add(row)
        session.flush()
        return int(row.id or 0)


def get(store: Engine, number: int) -> Delivery:
    with read_session(store) as session:
        return session.get_one(Delivery, number)


def rows(store: Engine) -> Sequence[Delivery]:
    with read_session(store) as session:
        return session.exec(select(Delivery).order_by(col(Delivery.id))).all()


def test_bounces_are_those_of_one_delivery_in_their_order(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    own, other = (put(sqlite_store, number) for number in subscriber_ids)
    with write_session(sqlite_store) as session:
        for number, delivery_id in enumerate((other, own, own), 1):
            usual: dict[str, Any] = {"bounce_class": "hard", "parser": "dsn", "received_at": NOW}
            session.add(BounceRecord(delivery_id=delivery_id, fingerprint=f"f{number}", reason=f"r{number}", **usual))
            session.flush()
    with read_session(sqlite_store) as session:
        assert [bounce.reason for bounce in bounces_of(session, own)] == ["r2", "r3"]
        assert [bounce.reason for bounce in bounces_of(session, other)] == ["r1"]


def test_only_the_chosen_deliveries_of_a_sender_are_handed_back(
    sqlite_store: Engine, subscriber_ids: list[int]
) -> None:
    first, second = (put(sqlite_store, number) for number in subscriber_ids)
    with write_session(sqlite_store) as session:
        assert len(claims.claim(session, "a", NOW, 10)) == 2
        assert release(session, "b") == 0
        assert release(session, "a", []) == 0
        assert release(session, "a", [second]) == 1
    assert [(row.state, row.attempts, row.owner) for row in rows(sqlite_store)] == [
        ("sending", 1, "a"),
        ("queued", 0, None),
    ]
    assert get(sqlite_store, first).lease_expires_at is not None


@pytest.mark.parametrize(
    ("wait", "is_due"),
    [
        pytest.param(None, True, id="at once"),
        pytest.param(timedelta(0), True, id="now"),
        pytest.param(SECOND, False, id="in a second"),
        pytest.param(MAX_WAIT, False, id="as late as any"),
        pytest.param(MAX_WAIT + SECOND, True, id="later than any: the clock was set back"),
    ],
)
def test_a_delivery_is_due_at_its_time(
    sqlite_store: Engine, subscriber_ids: list[int], wait: timedelta | None, is_due: bool
) -> None:
    put(sqlite_store, subscriber_ids[0], next_attempt_at=None if wait is None else NOW + wait)
    with write_session(sqlite_store) as session:
        assert count_due(session, NOW, 10) == is_due
        assert count_queued(session) == 1
        assert len(claims.claim(session, "a", NOW, 10)) == is_due


@pytest.mark.parametrize("state", list(DeliveryState))
@pytest.mark.parametrize("owner", ["a", None])
def test_only_what_a_sender_holds_is_in_progress(
    sqlite_store: Engine, subscriber_ids: list[int], state: DeliveryState, owner: str | None
) -> None:
    put(sqlite_store, subscriber_ids[0], state=state, owner=owner)
    with read_session(sqlite_store) as session:
        is_held = owner is not None and state in {DeliveryState.SENDING, DeliveryState.ON_WIRE}
        assert any_in_progress(session) == is_held


def test_deliveries_are_counted_up_to_a_limit(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    for number in subscriber_ids:
        put(sqlite_store, number)
    put(sqlite_store, subscriber_ids[0], state=DeliveryState.SENT, edition="sent")
    with read_session(sqlite_store) as session:
        assert [count_queued(session, limit) for limit in (None, 1, 9)] == [2, 1, 2]
        assert count_due(session, NOW, 1) == 1


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"state": DeliveryState.FAILED}, ""),
        ({"state": DeliveryState.QUEUED, "next_attempt_at": NOW + DAY}, ""),
        ({"state": DeliveryState.QUEUED}, "it is already queued"),
        ({"state": DeliveryState.SENDING}, "it is being sent now"),
        ({"state": DeliveryState.ON_WIRE}, "it is being sent now"),
        ({"state": DeliveryState.SENT}, "the relay accepted it, and it would be sent twice"),
        ({"state": DeliveryState.CANCELLED}, "the subscriber unsubscribed or was suspended"),
        ({"state": DeliveryState.EXPIRED}, "a later digest has its papers"),
        ({"state": DeliveryState.FAILED, "is_reclaimed": True}, "a later digest has its papers"),
        ({"state": DeliveryState.UNCERTAIN}, RETRY_REFUSALS[DeliveryState.UNCERTAIN]),
    ],
)
def test_a_delivery_is_tried_again_where_that_is_harmless(
    sqlite_store: Engine, subscriber_ids: list[int], columns: dict[str, Any], reason: str
) -> None:
    bystander = put(sqlite_store, subscriber_ids[1], state=DeliveryState.FAILED, settled_at=NOW)
    number = put(sqlite_store, subscriber_ids[0], settled_at=NOW, **columns)
    before = get(sqlite_store, number)
    with write_session(sqlite_store) as session:
        assert retry(session, number) == reason
        assert retry(session, 99) == "there is no such delivery"
    after = get(sqlite_store, number)
    expected = (before.state, before.next_attempt_at, before.settled_at) if reason else ("queued", None, None)
    assert (after.state, after.next_attempt_at, after.settled_at) == expected
    assert get(sqlite_store, bystander).state == DeliveryState.FAILED


def test_nothing_is_tried_again_for_whoever_may_not_get_it(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    with write_session(sqlite_store) as session:
        session.get_one(Subscriber, subscriber_ids[0]).status = SubscriberStatus.SUPPRESSED
    number = put(sqlite_store, subscriber_ids[0], state=DeliveryState.FAILED)
    with write_session(sqlite_store) as session:
        assert retry(session, number) == "its subscriber is suppressed"
    assert get(sqlite_store, number).state == DeliveryState.FAILED


def test_an_edition_is_tried_again_by_its_name(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    first, second = subscriber_ids
    put(sqlite_store, second, kind=DeliveryKind.CONFIRM, edition="confirm:1", state=DeliveryState.FAILED)
    with write_session(sqlite_store) as session:
        session.get_one(Subscriber, second).status = SubscriberStatus.PENDING
        assert not retry_edition(session, NewDelivery(first, DeliveryKind.CONFIRM, "confirm:1"))
        assert not retry_edition(session, NewDelivery(second, DeliveryKind.CONFIRM, "confirm:2"))
        assert retry_edition(session, NewDelivery(second, DeliveryKind.CONFIRM, "confirm:1"))
        assert not retry_edition(session, NewDelivery(second, DeliveryKind.CONFIRM, "confirm:1"))  # it is queued


def test_only_emails_that_are_no_digests_are_given_up_after_four_days(
    sqlite_store: Engine, subscriber_ids: list[int]
) -> None:
    old = NOW - GIVE_UP_AFTER - SECOND
    confirm: dict[str, Any] = {"kind": DeliveryKind.CONFIRM, "priority": 0, "reply": "451 later", "created_at": old}
    given_up = put(sqlite_store, subscriber_ids[0], edition="confirm:1", next_attempt_at=NOW, **confirm)
    others = [
        put(sqlite_store, subscriber_ids[0], created_at=old, edition="2026-06-20"),
        put(sqlite_store, subscriber_ids[0], **confirm | {"created_at": NOW - GIVE_UP_AFTER, "edition": "confirm:2"}),
        put(sqlite_store, subscriber_ids[0], **confirm, edition="confirm:3", state=DeliveryState.SENT),
    ]
    with write_session(sqlite_store) as session:
        assert give_up(session, NOW) == 1
        assert give_up(session, NOW) == 0
    row = get(sqlite_store, given_up)
    assert (row.state, row.reply, row.settled_at) == ("failed", "given up after four days: 451 later", NOW)
    assert row.next_attempt_at is None
    assert [get(sqlite_store, number).state for number in others] == ["queued", "queued", "sent"]


def test_failed_deliveries_are_listed_from_an_instant_on(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    failed = [
        put(sqlite_store, number, state=DeliveryState.FAILED, settled_at=NOW + seconds * SECOND)
        for number, seconds in ((subscriber_ids[0], 1), (subscriber_ids[1], 0))
    ]
    put(sqlite_store, subscriber_ids[0], state=DeliveryState.FAILED, settled_at=NOW - SECOND, edition="before")
    put(sqlite_store, subscriber_ids[0], state=DeliveryState.SENT, settled_at=NOW, edition="sent")
    with read_session(sqlite_store) as session:
        assert failed_since(session, NOW) == failed


def test_welcomes_of_the_planned_are_settled_and_no_others(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        people = [subscriber() for _ in range(4)]
        session.add_all(people)
        session.flush()
        with_digest, without, deferred, unplanned = (int(row.id or 0) for row in people)
    welcome: dict[str, Any] = {"kind": DeliveryKind.WELCOME, "priority": 1, "next_attempt_at": NOW + DAY}
    for number in (with_digest, without, unplanned):
        put(sqlite_store, number, edition="welcome", **welcome)
    put(sqlite_store, deferred, edition="welcome", attempts=1, **welcome)
    put(sqlite_store, with_digest, edition="2026-07-01")
    put(sqlite_store, without, edition="sent", **welcome, state=DeliveryState.SENT)
    with write_session(sqlite_store) as session:
        settle_welcomes(session, [with_digest, without, deferred], [with_digest])
    found = [(row.subscriber_id, row.edition, row.next_attempt_at is None) for row in rows(sqlite_store)]
    assert found == [
        (without, "welcome", True),
        (unplanned, "welcome", False),
        (deferred, "welcome", False),
        (with_digest, "2026-07-01", True),
        (without, "sent", False),
    ]


def test_a_message_id_is_new_and_at_our_domain(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    digests = [NewDelivery(number, DeliveryKind.DIGEST, "2026-07-01", [1], not_before=NOW) for number in subscriber_ids]
    with write_session(sqlite_store) as session:
        assert enqueue(session, [], "example.org", NOW) == 0
        assert enqueue(session, digests, "example.org", NOW) == 2
        assert enqueue(session, digests, "example.org", NOW) == 0
    first, second = rows(sqlite_store)
    assert first.message_id != second.message_id
    assert first.message_id.startswith("<")
    assert first.message_id.endswith("@example.org>")
    usual = (first.attempts, first.reply_code, first.reply, first.next_attempt_at, first.is_reclaimed, first.created_at)
    assert usual == (0, 0, "", NOW, False, NOW)


def test_addresses_are_those_of_their_time(sqlite_store: Engine, subscriber_ids: list[int]) -> None:
    own, other = subscriber_ids
    with write_session(sqlite_store) as session:
        session.get_one(Subscriber, own).email = "Now@example.org"
    before = put(sqlite_store, own, edition="before")
    notice = {"kind": DeliveryKind.ADDRESS_CHANGED, "priority": 0}
    first = put(sqlite_store, own, edition="changed:1", recipient="first@example.org", **notice)
    between = put(sqlite_store, own, edition="between")
    second = put(sqlite_store, own, edition="changed:2", recipient="second@example.org", **notice)
    after = put(sqlite_store, own, edition="after")
    change = put(sqlite_store, own, edition="change", kind=DeliveryKind.ADDRESS_CHANGE, recipient="now@example.org")
    strange = put(sqlite_store, other, edition="changed", recipient="else@example.org", **notice)
    with read_session(sqlite_store) as session:
        found = [address_of(session, get(sqlite_store, number)) for number in (before, first, between, second, after)]
        assert found == [f"{name}@example.org" for name in ("first", "first", "second", "second", "Now")]
        assert last_address_change(session, own) == second
        assert last_address_change(session, own, DeliveryKind.ADDRESS_RESTORED) == 0
        assert last_address_change(session, other) == strange
        is_current = [went_to_current_address(session, get(sqlite_store, n)) for n in (between, after, change)]
        assert is_current == [False, True, True]


def test_notices_about_an_address_leave_although_their_subscriber_does(
    sqlite_store: Engine, subscriber_ids: list[int]
) -> None:
    own, other = subscriber_ids
    kinds = (DeliveryKind.DIGEST, DeliveryKind.ADDRESS_CHANGED, DeliveryKind.ADDRESS_RESTORED, DeliveryKind.GOODBYE)
    for kind in kinds:
        put(sqlite_store, own, kind=kind, edition=f"{kind}:1")
    put(sqlite_store, other)
    with write_session(sqlite_store) as session:
        assert cancel(session, own, NOW) == 2
    assert [row.state for row in rows(sqlite_store)] == ["cancelled", "queued", "queued", "cancelled", "queued"]


def test_faults_of_a_delivery_are_named_before_it_is_rendered() -> None:
    claimed = ClaimedDelivery(1, 7, DeliveryKind.DIGEST, "2026-07-28", "<1@x>", 1, NOW, papers=[1])
    person = SimpleNamespace(email="a@example.org", timezone="UTC", send_hour=8, frequency="daily", weekday=0)

    def fault(delivery: ClaimedDelivery = claimed, **changes: object) -> str | None:
        recipients = {7: SimpleNamespace(**(vars(person) | changes))}
        return find_delivery_error(delivery, cast("BatchData", SimpleNamespace(recipients=recipients)))

    assert fault() is None
    created_at = InvalidDatetime(1970, 1, 1, tzinfo=UTC)
    assert fault(replace(claimed, created_at=created_at)) == "created_at cannot be read"
    assert fault(replace(claimed, subscriber_id=8)) == "its subscriber is missing"
    assert fault(email="a\ufffd@example.org") == "its subscriber cannot be read: email is not text"
    assert str(fault(timezone="Mars/Base")).startswith("its subscriber cannot be read: ")


def test_a_digest_whose_papers_came_under_another_name_is_cancelled(sqlite_store: Engine) -> None:
    def listing(day: int, *dois: str) -> ListedPaper:
        names = tuple(Identifier("pmid" if doi.isdigit() else "doi", doi) for doi in dois)
        now = NOW + day * DAY
        return ListedPaper(
            source="journal", list_day=now.date(), rank=1, title=f"A robot of day {day}", identifiers=names, url="https://x.y"
        )  # fmt: skip

    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, "a@example.org", "robot", now=NOW - DAY, send_hour=5)
    record = StoreView(sqlite_store)
    for day, names, state in ((0, ("10.5555/a",), DeliveryState.SENT), (1, ("7",), DeliveryState.QUEUED)):
        with write_session(sqlite_store) as session:
            store_listings(session, [listing(day, *names)], NOW + day * DAY)
        plan_digests(ctx, NOW + day * DAY)
        record.set_state(state)
    with write_session(sqlite_store) as session:
        store_listings(session, [listing(1, "7", "10.5555/a")], NOW + DAY)
    with relay() as running:
        at = make_context(sqlite_store, smtp_host="127.0.0.1", smtp_port=running.port, smtp_tls="none")
        report = asyncio.run(asyncio.wait_for(send_queued(at, lambda: NOW + DAY, force=True), 60))
        assert running.accepted == []
    assert (report.sent, report.failed) == (0, 0)
    last = record.deliveries()[-1]
    assert (last.state, last.reply) == ("cancelled", "earlier digests had its papers")
    assert (last.owner, last.lease_expires_at, last.settled_at) == (None, None, NOW + DAY)
