"""What operators may do: each is on record, changes what it says, and is undone where it can be."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest import subscribers
from digest.context import AppContext
from digest.database import list_actions, quarantine_rows, read_session, resolve_row, retry_row, write_session
from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    OperatorAction,
    Paper,
    Profile,
    QuarantinedRow,
    Subscriber,
    SubscriberStatus,
    SuppressionEntry,
)
from digest.database.quarantine import InvalidRow
from digest.delivery import cancel_delivery, release_delivery, resolve_delivery, retry_delivery
from digest.errors import DigestError, ObjectNotFoundError, SubscriberError, SubscriberNotFoundError, UsageError
from digest.identifiers import LinkRelation
from digest.jobs import can_undo, prune, request_fetch, undo_action
from digest.jobs.fetch_requests import take_fetch_requests
from digest.papers import link_pair, separate_pair
from digest.subscribers import Preferences, add_subscriber, parse_keywords_or_raise
from tests.support.contexts import ADA, StoreView, add_active_subscriber, make_context, set_status, store_papers
from tests.support.factories import delivery
from tests.support.spoiled_rows import spoil

NOW = datetime(2026, 7, 28, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DAY = timedelta(days=1)
ACTOR = "token bot"


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    ctx = make_context(store, sources="arxiv")
    add_active_subscriber(ctx, ADA, "robot", "-survey", now=NOW - 5 * DAY)
    return ctx


def state(ctx: AppContext) -> tuple[str, str, date | None, datetime | None]:
    row = StoreView(ctx.engine).subscriber(ADA)
    return row.status, row.reason, row.paused_until, row.ended_at


def number_of(ctx: AppContext, email: str = ADA) -> int:
    return int(StoreView(ctx.engine).subscriber(email).id or 0)


def records(ctx: AppContext) -> list[tuple[str, str, str, str]]:
    with read_session(ctx.engine) as session:
        return [(row.actor, row.action, row.object_kind, row.object_id) for row in list_actions(session)]


Act = Callable[..., OperatorAction]


@pytest.mark.parametrize(
    ("act", "status", "values", "expected"),
    [
        ("pause", "active", {}, "paused"),
        ("resume", "paused", {"paused_until": date(2026, 9, 1)}, "active"),
        ("resume", "paused", {"reason": "3 of the last 5 e-mails bounced"}, "active"),
        ("remove", "active", {}, "unsubscribed"),
        ("remove", "paused", {"paused_until": date(2026, 9, 1)}, "unsubscribed"),
        ("remove", "pending", {}, "unsubscribed"),
        ("restore", "suppressed", {"reason": "refused: 550 no", "ended_at": NOW - DAY}, "active"),
        ("restore", "unsubscribed", {"reason": "removed by the operator", "ended_at": NOW - DAY}, "active"),
    ],
)
def test_a_change_of_state_is_recorded_and_undone_to_what_was(
    ctx: AppContext, act: str, status: str, values: dict[str, Any], expected: str
) -> None:
    set_status(ctx.engine, ADA, SubscriberStatus(status), **values)
    before, number = state(ctx), number_of(ctx)
    more = {"until": date(2026, 8, 15)} if act == "pause" else {}
    record: OperatorAction = getattr(subscribers, f"{act}_subscription")(ctx, ACTOR, number, NOW, **more)
    assert state(ctx)[0] == expected
    assert records(ctx) == [(ACTOR, act, "subscriber", str(number))]
    assert can_undo(record)
    undone = undo_action(ctx, "grace", int(record.id or 0), LATER)
    assert (undone.undone_at, undone.undone_by, can_undo(undone)) == (LATER, "grace", False)
    assert state(ctx) == before
    with pytest.raises(UsageError, match="already undone"):
        undo_action(ctx, "grace", int(record.id or 0), LATER)


def test_an_undo_that_comes_too_late_changes_nothing(ctx: AppContext) -> None:
    number = number_of(ctx)
    paused = subscribers.pause_subscription(ctx, ACTOR, number, NOW, until=date(2026, 8, 15))
    subscribers.resume_subscription(ctx, ACTOR, number, NOW)
    removed = subscribers.remove_subscription(ctx, ACTOR, number, NOW)
    for record, at in ((paused, LATER), (removed, NOW + 31 * DAY)):
        with pytest.raises(SubscriberError, match=r"has changed since|are deleted by now"):
            undo_action(ctx, ACTOR, int(record.id or 0), at)
    with read_session(ctx.engine) as session:
        assert all(row.undone_at is None for row in list_actions(session))
    assert state(ctx)[0] == "unsubscribed"


def test_what_cannot_be_done_is_refused_and_leaves_no_record(ctx: AppContext) -> None:
    number = number_of(ctx)
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("resume_subscription", {}, "is active and cannot be resumed"),
        ("restore_subscription", {}, "is active and cannot be restored"),
        ("resend_confirmation", {}, "only pending ones"),
        ("pause_subscription", {"until": date(2026, 7, 28)}, "Choose a day after today"),
        ("pause_subscription", {"until": date(2036, 7, 28)}, "Choose a day after today"),
    ]
    for name, more, reason in refused:
        with pytest.raises(SubscriberError, match=reason):
            getattr(subscribers, name)(ctx, ACTOR, number, NOW, **more)
    for reason in ("", "one-click", "complaint: abuse"):
        status = SubscriberStatus.SUPPRESSED if "complaint" in reason else SubscriberStatus.UNSUBSCRIBED
        set_status(ctx.engine, ADA, status, reason=reason, ended_at=NOW)
        with pytest.raises(SubscriberError, match=f"is {status} and cannot be changed"):
            subscribers.change_subscription(ctx, ACTOR, number, NOW, keywords=[])
        with pytest.raises(SubscriberError, match=r"Only they can|stays suppressed"):
            subscribers.restore_subscription(ctx, ACTOR, number, NOW)
    for act in (subscribers.remove_subscription, subscribers.erase_subscriber, subscribers.resume_subscription):
        with pytest.raises(SubscriberNotFoundError):
            act(ctx, ACTOR, 99, NOW)
    assert records(ctx) == []


def test_choices_are_changed_and_put_back(ctx: AppContext) -> None:
    view, number = StoreView(ctx.engine), number_of(ctx)
    before = view.keywords(ADA)
    keywords = parse_keywords_or_raise(["protein folding"])
    changed = subscribers.change_subscription(
        ctx, ACTOR, number, NOW, preferences=Preferences(cap=3, frequency="weekly"), keywords=keywords
    )
    assert (view.subscriber(ADA).cap, view.subscriber(ADA).frequency) == (3, "weekly")
    assert view.keywords(ADA) == [("protein folding", False)]
    undo_action(ctx, ACTOR, int(changed.id or 0), LATER)
    assert (view.subscriber(ADA).cap, view.subscriber(ADA).frequency, view.keywords(ADA)) == (20, "daily", before)
    closer = subscribers.change_subscription(ctx, ACTOR, number, NOW, preferences=Preferences(close_papers=True))
    with read_session(ctx.engine) as session:
        assert session.get_one(Profile, number).in_digest is True
    undo_action(ctx, ACTOR, int(closer.id or 0), LATER)
    with read_session(ctx.engine) as session:
        profile = session.get(Profile, number)
        assert profile is None or profile.in_digest is None
    only_keywords = subscribers.change_subscription(ctx, ACTOR, number, NOW, keywords=keywords)
    subscribers.change_subscription(ctx, ACTOR, number, NOW, preferences=Preferences(cap=4))
    with pytest.raises(SubscriberError, match="have changed since"):
        undo_action(ctx, ACTOR, int(only_keywords.id or 0), LATER)


def test_erasing_leaves_the_record_that_it_was_done_and_nothing_else(ctx: AppContext) -> None:
    number = number_of(ctx)
    subscribers.pause_subscription(ctx, ACTOR, number, NOW, until=date(2026, 8, 15))
    erased = subscribers.erase_subscriber(ctx, ACTOR, number, NOW)
    assert records(ctx) == [(ACTOR, "erase", "subscriber", str(number))]
    assert (erased.detail, can_undo(erased)) == ("{}", False)
    with pytest.raises(UsageError, match="erase is final"):
        undo_action(ctx, ACTOR, int(erased.id or 0), LATER)
    with pytest.raises(ObjectNotFoundError):
        undo_action(ctx, ACTOR, 99, LATER)


def test_a_confirmation_is_sent_again_three_times_a_day(ctx: AppContext) -> None:
    email = "bob@example.org"
    add_subscriber(ctx, email, Preferences(), [], NOW, confirmed=False, actor="ada")
    number = number_of(ctx, email)
    for _ in range(3):
        subscribers.resend_confirmation(ctx, ACTOR, number, NOW)
    with pytest.raises(SubscriberError, match="daily limit of 3"):
        subscribers.resend_confirmation(ctx, ACTOR, number, NOW)
    subscribers.resend_confirmation(ctx, ACTOR, number, NOW + DAY)
    assert StoreView(ctx.engine).delivery_kinds(email) == [DeliveryKind.CONFIRM] * 5
    assert [action for _, action, _, _ in records(ctx)] == ["resend-confirmation"] * 4 + ["add"]


@pytest.mark.parametrize("is_erased", [False, True])
def test_an_address_is_allowed_and_suppressed_again(ctx: AppContext, is_erased: bool) -> None:
    set_status(ctx.engine, ADA, SubscriberStatus.SUPPRESSED, reason="complaint: abuse", ended_at=NOW)
    if is_erased:
        subscribers.erase_subscriber(ctx, ACTOR, number_of(ctx), NOW)
    record = subscribers.allow_address(ctx, ACTOR, ADA.upper(), NOW)
    assert record
    assert ADA not in f"{record.detail} {record.object_id}"
    assert subscribers.allow_address(ctx, ACTOR, ADA, NOW) is None
    undo_action(ctx, ACTOR, int(record.id or 0), LATER)
    with read_session(ctx.engine) as session:
        assert len(session.exec(select(SuppressionEntry)).all()) == is_erased
    assert is_erased or state(ctx)[:2] == ("suppressed", "complaint: abuse")
    assert subscribers.allow_address(ctx, ACTOR, ADA, LATER)


def queue(ctx: AppContext, state: DeliveryState, **values: Any) -> int:
    with write_session(ctx.engine) as session:
        ada = session.get_one(Subscriber, number_of(ctx))
        usual: dict[str, Any] = {"edition": "2026-07-28", "papers": [1], "attempts": 2, "reply": "451 busy"}
        session.add(row := delivery(ada, state=state, **(usual | values)))
        session.flush()
        return int(row.id or 0)


def delivery_values(ctx: AppContext, number: int) -> dict[str, Any]:
    with read_session(ctx.engine) as session:
        row = session.get_one(Delivery, number)
        return row.model_dump(include={"state", "attempts", "reply", "next_attempt_at", "settled_at", "owner"})


@pytest.mark.parametrize(
    ("act", "values", "expected"),
    [
        (retry_delivery, {"state": DeliveryState.FAILED, "settled_at": NOW}, DeliveryState.QUEUED),
        (retry_delivery, {"state": DeliveryState.QUEUED, "next_attempt_at": NOW + DAY}, DeliveryState.QUEUED),
        (cancel_delivery, {"state": DeliveryState.QUEUED, "next_attempt_at": NOW + DAY}, DeliveryState.CANCELLED),
        (cancel_delivery, {"state": DeliveryState.QUEUED}, DeliveryState.CANCELLED),
        (resolve_delivery, {"state": DeliveryState.UNCERTAIN, "sent": True}, DeliveryState.SENT),
        (resolve_delivery, {"state": DeliveryState.UNCERTAIN, "sent": False}, DeliveryState.FAILED),
    ],
)
def test_what_was_done_to_a_delivery_is_recorded_and_undone(
    ctx: AppContext, act: Act, values: dict[str, Any], expected: DeliveryState
) -> None:
    more = {"sent": values["sent"]} if "sent" in values else {}
    number = queue(ctx, **{name: value for name, value in values.items() if name != "sent"})
    before = delivery_values(ctx, number)
    with write_session(ctx.engine) as session:
        record = act(session, ACTOR, number, NOW, **more)
    after = delivery_values(ctx, number)
    assert (after["state"], after["next_attempt_at"]) == (expected, None)
    undo_action(ctx, ACTOR, int(record.id or 0), LATER)
    assert delivery_values(ctx, number) == before
    with write_session(ctx.engine) as session:
        again = act(session, ACTOR, number, LATER, **more)
        session.get_one(Delivery, number).is_reclaimed = True  # the next digest has its papers
    with pytest.raises(UsageError, match="has gone on since"):
        undo_action(ctx, ACTOR, int(again.id or 0), LATER)


def test_a_claimed_delivery_is_released_and_a_sent_one_is_left_alone(ctx: AppContext) -> None:
    claimed = queue(ctx, DeliveryState.SENDING, owner="a dead sender", lease_expires_at=LATER)
    sent = queue(ctx, DeliveryState.SENT, edition="2026-07-27")
    with write_session(ctx.engine) as session:
        release_delivery(session, ACTOR, claimed, NOW)
    assert {"state": "queued", "owner": None, "attempts": 1}.items() <= delivery_values(ctx, claimed).items()
    acts: list[Act] = [retry_delivery, cancel_delivery, release_delivery]
    for act in acts:
        for number, error in ((sent, UsageError), (99, ObjectNotFoundError)):
            with pytest.raises(error), write_session(ctx.engine) as session:
                act(session, ACTOR, number, NOW)
    for number in (sent, 99):
        with pytest.raises(DigestError), write_session(ctx.engine) as session:
            resolve_delivery(session, ACTOR, number, NOW, sent=True)
    assert [action for _, action, _, _ in records(ctx)] == ["release"]


def test_quarantined_rows_are_read_again_or_released(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    spoil(sqlite_store, "UPDATE subscriber SET send_hour = 25 WHERE id = 1")
    with write_session(sqlite_store) as session:
        quarantine_rows(session, [InvalidRow("subscriber", "1", "send_hour is not an hour of the day")], NOW)
    with pytest.raises(UsageError, match="still cannot be read: send_hour"), write_session(sqlite_store) as session:
        retry_row(session, ACTOR, 1, NOW)
    with write_session(sqlite_store) as session:
        released = resolve_row(session, ACTOR, 1, NOW)
    with pytest.raises(ObjectNotFoundError), write_session(sqlite_store) as session:
        retry_row(session, ACTOR, 1, NOW)
    undo_action(ctx, ACTOR, int(released.id or 0), LATER)
    spoil(sqlite_store, "UPDATE subscriber SET send_hour = 8 WHERE id = 1")
    with write_session(sqlite_store) as session:
        retry_row(session, ACTOR, 1, LATER)
    with read_session(sqlite_store) as session:
        assert session.get_one(QuarantinedRow, 1).released_at == LATER
    assert [action for _, action, _, _ in records(ctx)] == ["retry", "resolve"]


def test_papers_are_linked_or_separated_and_undone(ctx: AppContext) -> None:
    one, other = store_papers(ctx, NOW, "Robot hands", "Robot arms")
    with write_session(ctx.engine) as session:
        linked = link_pair(session, ACTOR, one, other, LinkRelation.SAME, NOW)
    undo_action(ctx, ACTOR, int(linked.id or 0), LATER)
    with read_session(ctx.engine) as session:
        assert [paper.merged_into for paper in session.exec(select(Paper))] == [None, None]
    third = store_papers(ctx, NOW, "Robot legs")[0]
    with write_session(ctx.engine) as session:
        separated = separate_pair(session, ACTOR, one, third, NOW)
    undo_action(ctx, ACTOR, int(separated.id or 0), LATER)
    with read_session(ctx.engine) as session:
        assert [(row.action, row.undone_by) for row in list_actions(session)] == [
            ("separate", ACTOR),
            ("link", ACTOR),
        ]


def test_a_requested_fetch_is_taken_once_and_for_an_hour(ctx: AppContext) -> None:
    request_fetch(ctx, ACTOR, "arxiv", NOW)
    request_fetch(ctx, ACTOR, "arxiv", NOW)
    assert take_fetch_requests(ctx, LATER + timedelta(seconds=1)) == []
    assert take_fetch_requests(ctx, NOW) == ["arxiv"]
    assert take_fetch_requests(ctx, NOW) == []
    with pytest.raises(ObjectNotFoundError, match="In use: arxiv"):
        request_fetch(ctx, ACTOR, "hugging", NOW)


def test_details_end_with_the_keywords_and_records_with_pruning(ctx: AppContext) -> None:
    number = number_of(ctx)
    subscribers.change_subscription(ctx, ACTOR, number, NOW, keywords=parse_keywords_or_raise(["protein"]))
    subscribers.remove_subscription(ctx, ACTOR, number, NOW)
    prune(ctx, NOW + 31 * DAY, days=45)
    with read_session(ctx.engine) as session:
        rows = list_actions(session)
        assert [(row.action, row.detail, can_undo(row)) for row in rows] == [
            ("remove", "{}", False),
            ("change", "{}", False),
        ]
    assert prune(ctx, NOW + 46 * DAY, days=45)["actions of operators"] == 2
    assert records(ctx) == []
