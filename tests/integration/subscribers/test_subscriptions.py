"""Subscriptions in every status: requested, confirmed, changed, ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from digest import subscribers
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState, SubscriberStatus, SuppressionEntry
from digest.errors import QueryError, SubscriberError, TokenError
from digest.subscribers import (
    ActionResult,
    Preferences,
    SubscriberProfile,
    add_subscriber,
    allow_address,
    decline,
    get_profile,
    parse_keywords,
    parse_keywords_or_raise,
    subscribe,
    unsubscribe,
    update_preferences,
)
from digest.tokens import TokenPurpose, TokenSigner
from tests.support.contexts import (
    BOB,
    KEY,
    StoreView,
    add_active_subscriber,
    erase_by_email,
    make_context,
    remove_subscriber,
    set_status,
    sign_token,
)
from tests.support.factories import listing, paper

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
ADA = "ada@example.org"
CONFIRM, PREFERENCES, UNSUBSCRIBE = TokenPurpose.CONFIRM, TokenPurpose.PREFERENCES, TokenPurpose.UNSUBSCRIBE


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> StoreView:
    return StoreView(store)


def request(ctx: AppContext, *keywords: str, now: datetime = NOW, email: str = ADA) -> None:
    subscribe(ctx, email, Preferences(), parse_keywords_or_raise(keywords or ["robot"]), now)


def confirm(ctx: AppContext, now: datetime = NOW) -> SubscriberProfile:
    return subscribers.confirm(ctx, sign_token(ctx, ADA, CONFIRM, now), now).profile


def set_up(ctx: AppContext, status: SubscriberStatus, reason: str = "") -> None:
    add_active_subscriber(ctx, ADA, "graph", now=NOW - timedelta(days=9))
    until = date(2026, 8, 9) if status == SubscriberStatus.PAUSED else None
    set_status(ctx.engine, ADA, status, paused_until=until, reason=reason)


@pytest.mark.parametrize(
    ("status", "reason", "after", "mailed"),
    [
        (SubscriberStatus.PENDING, "", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.ACTIVE, "", SubscriberStatus.ACTIVE, ["already"]),
        (SubscriberStatus.PAUSED, "", SubscriberStatus.PAUSED, ["already"]),
        (SubscriberStatus.UNSUBSCRIBED, "", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.UNSUBSCRIBED, "declined", SubscriberStatus.UNSUBSCRIBED, []),
        (SubscriberStatus.SUPPRESSED, "refused: 550", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.SUPPRESSED, "complaint", SubscriberStatus.SUPPRESSED, []),
    ],
)
def test_a_request_in_every_status(
    ctx: AppContext,
    record: StoreView,
    status: SubscriberStatus,
    reason: str,
    after: SubscriberStatus,
    mailed: list[str],
) -> None:
    set_up(ctx, status, reason)
    request(ctx, "protein")
    assert (record.subscriber(ADA).status, record.delivery_kinds(ADA)) == (after, mailed)
    # A stranger cannot change what a subscriber has set up.
    profile = get_profile(ctx, PREFERENCES, sign_token(ctx, ADA, PREFERENCES, NOW), NOW)
    assert profile.keywords == (("protein",) if after == SubscriberStatus.PENDING else ("graph",))


@pytest.mark.parametrize("status", SubscriberStatus)
def test_confirming_in_every_status(ctx: AppContext, record: StoreView, status: SubscriberStatus) -> None:
    set_up(ctx, status)
    if status in {SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED}:
        with pytest.raises(TokenError, match="has ended"):
            confirm(ctx)
        assert (record.subscriber(ADA).status, record.delivery_kinds(ADA)) == (status, [])
        return
    was_pending = status == SubscriberStatus.PENDING
    result = subscribers.confirm(ctx, sign_token(ctx, ADA, CONFIRM, NOW), NOW)
    assert result.profile.status == (SubscriberStatus.ACTIVE if was_pending else status)
    assert result.changed == was_pending
    again = subscribers.confirm(ctx, sign_token(ctx, ADA, CONFIRM, NOW), NOW)
    assert (again.profile, again.changed) == (result.profile, False)
    assert record.delivery_kinds(ADA) == (["welcome"] if status == SubscriberStatus.PENDING else [])


@pytest.mark.parametrize("status", SubscriberStatus)
def test_declining_ends_a_request_and_nothing_else(
    ctx: AppContext, record: StoreView, status: SubscriberStatus
) -> None:
    set_up(ctx, status)
    result = decline(ctx, sign_token(ctx, ADA, CONFIRM, NOW), NOW)
    assert result.changed == (status == SubscriberStatus.PENDING)
    assert result.profile.status == record.subscriber(ADA).status
    assert record.subscriber(ADA).status == (
        SubscriberStatus.UNSUBSCRIBED if status == SubscriberStatus.PENDING else status
    )
    assert record.delivery_kinds(ADA) == []


def test_a_declined_address_is_not_mailed_again(ctx: AppContext, record: StoreView) -> None:
    request(ctx)
    decline(ctx, sign_token(ctx, ADA, CONFIRM, NOW), NOW)
    for days in (0, 1, 40, 400):
        request(ctx, now=NOW + timedelta(days=days))
    assert record.delivery_kinds(ADA) == ["confirm"]
    assert record.deliveries(ADA)[0].state == DeliveryState.CANCELLED
    with pytest.raises(SubscriberError, match=f"{ADA} declined .* digest subscribers allow"):
        add_active_subscriber(ctx, ADA, "graph", now=NOW)


def test_the_link_that_declined_can_still_confirm(ctx: AppContext, record: StoreView) -> None:
    request(ctx)
    token = sign_token(ctx, ADA, CONFIRM, NOW)
    decline(ctx, token, NOW)
    assert subscribers.confirm(ctx, token, NOW).changed
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    assert record.delivery_kinds(ADA) == ["confirm", "welcome"]


@pytest.mark.parametrize("reason", ["declined", "complaint: called spam"])
def test_what_was_refused_survives_erasing_without_the_address(ctx: AppContext, record: StoreView, reason: str) -> None:
    add_active_subscriber(ctx, ADA, "graph", now=NOW)
    status = SubscriberStatus.UNSUBSCRIBED if reason == "declined" else SubscriberStatus.SUPPRESSED
    set_status(ctx.engine, ADA, status, reason=reason)
    erase_by_email(ctx, ADA)
    with read_session(ctx.engine) as session:
        (entry,) = session.exec(select(SuppressionEntry)).all()
    assert "ada" not in entry.model_dump_json()
    assert entry.reason == reason.partition(":")[0]
    for _ in range(2):
        request(ctx, now=NOW + timedelta(days=60))
    subscribe(ctx, ADA.upper(), Preferences(), [], NOW)
    assert record.deliveries() == []
    # A key that was replaced since is still tried; another address is not affected.
    renewed = AppContext(ctx.settings, ctx.engine, TokenSigner(["the new key", KEY]))
    request(renewed)
    assert record.deliveries() == []
    subscribe(renewed, BOB, Preferences(), [], NOW)
    assert record.delivery_kinds(BOB) == ["confirm"]
    assert allow_address(renewed, "ada", ADA, NOW)
    assert not allow_address(renewed, "ada", ADA, NOW)
    request(renewed)
    assert record.delivery_kinds(ADA) == ["confirm"]


@pytest.mark.parametrize("reason", ["declined", "complaint: called spam"])
def test_the_operator_can_allow_an_address_that_is_still_stored(
    ctx: AppContext, record: StoreView, reason: str
) -> None:
    add_active_subscriber(ctx, ADA, "graph", now=NOW)
    status = SubscriberStatus.UNSUBSCRIBED if reason == "declined" else SubscriberStatus.SUPPRESSED
    set_status(ctx.engine, ADA, status, reason=reason)
    assert allow_address(ctx, "ada", ADA, NOW)
    request(ctx)
    assert (record.subscriber(ADA).status, record.delivery_kinds(ADA)) == (SubscriberStatus.PENDING, ["confirm"])


def test_who_never_declined_leaves_nothing_behind(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "graph", now=NOW)
    erase_by_email(ctx, ADA)
    with read_session(ctx.engine) as session:
        assert session.exec(select(SuppressionEntry)).all() == []


@pytest.mark.parametrize("status", SubscriberStatus)
def test_preferences_of_a_running_subscription_are_updated(
    ctx: AppContext, record: StoreView, status: SubscriberStatus
) -> None:
    set_up(ctx, status)
    preferences = Preferences(
        frequency="weekly", send_hour=6, timezone="Asia/Tokyo", cap=7, trending=True, summaries=True
    )
    key = sign_token(ctx, ADA, PREFERENCES, NOW)
    keywords, until = parse_keywords_or_raise(["protein", "robot"]), date(2026, 8, 3)
    before = get_profile(ctx, PREFERENCES, key, NOW)
    result = update_preferences(ctx, key, preferences, keywords, until, NOW)
    profile = result.profile
    assert profile == get_profile(ctx, PREFERENCES, key, NOW)
    if status not in {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}:
        assert (profile, result.changed) == (before, False)
        return
    assert (profile.status, profile.preferences) == (SubscriberStatus.PAUSED, preferences)
    assert (profile.keywords, result.changed) == (("protein", "robot"), True)
    assert not update_preferences(ctx, key, preferences, keywords, until, NOW).changed
    profile = update_preferences(ctx, key, preferences, [], None, NOW).profile
    assert (profile.status, profile.paused_until, profile.keywords) == (SubscriberStatus.ACTIVE, None, ())


@pytest.mark.parametrize("status", SubscriberStatus)
@pytest.mark.parametrize("send_goodbye", [True, False])
def test_unsubscribing_in_every_status(
    ctx: AppContext, record: StoreView, status: SubscriberStatus, send_goodbye: bool
) -> None:
    set_up(ctx, status, "complaint" if status == SubscriberStatus.SUPPRESSED else "")
    first, second = (
        unsubscribe(ctx, sign_token(ctx, ADA, UNSUBSCRIBE, NOW), NOW, send_goodbye=send_goodbye) for _ in range(2)
    )
    assert first.profile == second.profile
    assert first.profile.status == (
        SubscriberStatus.SUPPRESSED if status == SubscriberStatus.SUPPRESSED else SubscriberStatus.UNSUBSCRIBED
    )
    was_running = status in {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}
    assert (first.changed, second.changed) == (was_running or status == SubscriberStatus.PENDING, False)
    assert bool(first.undo) == was_running
    assert record.delivery_kinds(ADA) == (["goodbye"] if was_running and send_goodbye else [])


@pytest.mark.parametrize("act", [subscribers.confirm, decline, unsubscribe])
def test_an_action_verifies_its_token_and_answers_in_one_transaction(
    ctx: AppContext, act: Callable[[AppContext, str, datetime], ActionResult]
) -> None:
    request(ctx)
    key = sign_token(ctx, ADA, UNSUBSCRIBE if act is unsubscribe else CONFIRM, NOW)
    transactions: list[object] = []
    event.listen(ctx.engine, "begin", transactions.append)
    assert act(ctx, key, NOW).changed
    assert len(transactions) == 1


def test_unsubscribing_cancels_queued_deliveries(ctx: AppContext, record: StoreView) -> None:
    request(ctx)
    confirm(ctx)
    unsubscribe(ctx, sign_token(ctx, ADA, UNSUBSCRIBE, NOW), NOW)
    states = {delivery.kind: delivery.state for delivery in record.deliveries(ADA)}
    assert states == {
        "confirm": DeliveryState.CANCELLED,
        "welcome": DeliveryState.CANCELLED,
        "goodbye": DeliveryState.QUEUED,
    }


def test_removal_by_the_operator_mails_nothing_and_a_complaint_stays_one(ctx: AppContext, record: StoreView) -> None:
    set_up(ctx, SubscriberStatus.ACTIVE)
    assert remove_subscriber(ctx, "ADA@example.org", NOW).status == SubscriberStatus.UNSUBSCRIBED
    set_status(ctx.engine, ADA, SubscriberStatus.SUPPRESSED, reason="complaint")
    assert remove_subscriber(ctx, ADA, NOW).status == SubscriberStatus.SUPPRESSED
    request(ctx)
    assert record.delivery_kinds(ADA) == []


def test_a_second_request_on_the_same_day_is_mailed_once(ctx: AppContext, record: StoreView) -> None:
    for minutes in (0, 5, 600):
        request(ctx, now=NOW + timedelta(minutes=minutes))
    assert record.delivery_kinds(ADA) == ["confirm"]
    request(ctx, now=NOW + timedelta(days=1))
    assert record.delivery_kinds(ADA) == ["confirm", "confirm"]
    confirm(ctx)
    for _ in range(2):
        request(ctx)
    assert record.delivery_kinds(ADA) == ["confirm", "confirm", "welcome", "already"]


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.QUEUED])
def test_a_confirmation_that_failed_or_was_deferred_is_sent_when_requested_again(
    ctx: AppContext, record: StoreView, store: Engine, state: DeliveryState
) -> None:
    request(ctx)
    with write_session(store) as session:
        row = session.get_one(Delivery, record.deliveries(ADA)[0].id)
        row.state, row.next_attempt_at, row.attempts = state, NOW + timedelta(hours=1), 1
    request(ctx)
    (row,) = record.deliveries(ADA)
    assert (row.state, row.next_attempt_at) == ("queued", None)


def test_a_new_subscription_on_the_same_day_is_confirmed_and_welcomed_again(ctx: AppContext, record: StoreView) -> None:
    request(ctx)
    confirm(ctx)
    now = NOW + timedelta(hours=1)
    unsubscribe(ctx, sign_token(ctx, ADA, UNSUBSCRIBE, now), now)
    for _ in range(2):
        request(ctx, now=now + timedelta(hours=1))
    confirm(ctx, now + timedelta(hours=2))
    assert record.delivery_kinds(ADA) == ["confirm", "welcome", "goodbye", "confirm", "welcome"]
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE


def test_an_address_that_complained_is_not_mailed_again(ctx: AppContext, record: StoreView) -> None:
    set_up(ctx, SubscriberStatus.SUPPRESSED, "complaint: abuse report")
    for day in range(3):
        request(ctx, now=NOW + timedelta(days=day))
    for confirmed in (True, False):
        with pytest.raises(SubscriberError, match="gets none again"):
            add_subscriber(ctx, ADA, Preferences(), [], NOW, confirmed=confirmed)
    assert record.delivery_kinds(ADA) == []


@pytest.mark.parametrize("status", [SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED])
@pytest.mark.parametrize("confirmed", [True, False])
def test_adding_a_running_subscription_is_refused_and_changes_nothing(
    ctx: AppContext, record: StoreView, status: SubscriberStatus, confirmed: bool
) -> None:
    set_up(ctx, status)
    with pytest.raises(SubscriberError, match=f"{ADA} is already {status}"):
        add_subscriber(ctx, ADA, Preferences(cap=3), [], NOW, confirmed=confirmed)
    assert (record.subscriber(ADA).cap, record.delivery_kinds(ADA)) == (20, [])


def test_two_clicks_at_the_same_moment_give_one_welcome(ctx: AppContext, record: StoreView) -> None:
    request(ctx)
    barrier, key = Barrier(4), sign_token(ctx, ADA, CONFIRM, NOW)

    def click(minute: int) -> str:
        barrier.wait()
        # Two of them fall on another day, where the edition of the welcome is another, too.
        return subscribers.confirm(ctx, key, NOW + timedelta(minutes=minute)).profile.status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, (0, 1, 24 * 60, 24 * 60 + 1))) == {SubscriberStatus.ACTIVE}
    assert record.delivery_kinds(ADA) == ["confirm", "welcome"]


def test_requests_at_the_same_moment_with_the_same_keywords_all_succeed(ctx: AppContext, record: StoreView) -> None:
    barrier, words = Barrier(8), ["protein", "robot", "graph"]

    def request_at_once(number: int) -> None:
        barrier.wait()
        request(ctx, *(words if number % 2 else reversed(words)), email=f"subscriber{number // 2}@example.org")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(request_at_once, range(8)))
    assert [record.delivery_kinds(f"subscriber{number}@example.org") for number in range(4)] == [["confirm"]] * 4


def test_a_new_subscriber_starts_with_the_latest_list_day(ctx: AppContext, record: StoreView, store: Engine) -> None:
    with write_session(store) as session:
        rows = [paper() for _ in range(4)]
        session.add_all(rows)
        session.flush()
        for row, day in zip(rows, (27, 28, 29, 29), strict=True):
            session.add(added := listing(row, list_day=date(2026, 7, day)))
            session.flush()
            row.first_listing_id = int(added.id or 0)
        third = rows[2].first_listing_id
    request(ctx)
    confirm(ctx)
    assert record.subscriber(ADA).covered_listing_id == third - 1


def test_keyword_errors_name_their_lines() -> None:
    keywords, errors = parse_keywords(["robot", "", '"open', "  protein "])
    assert [keyword.text for keyword in keywords] == ["robot", "protein"]
    assert [(error.line, error.text) for error in errors] == [(3, '"open')]
    with pytest.raises(QueryError, match=r"keyword '\"open': A quotation mark is not closed"):
        parse_keywords_or_raise(['"open'])
    assert parse_keywords([f"word{n}" for n in range(101)])[1][0].line == 101
