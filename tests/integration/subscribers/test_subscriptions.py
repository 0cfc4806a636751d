from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine

from digest import subscribers
from digest.context import AppContext
from digest.database import write_session
from digest.database.models import DeliveryState, SubscriberStatus
from digest.errors import QueryError, SubscriberError, TokenError
from digest.subscribers import (
    Preferences,
    SubscriberProfile,
    add_subscriber,
    decline,
    get_profile,
    parse_keywords,
    parse_keywords_or_raise,
    remove_subscriber,
    subscribe,
    unsubscribe,
    update_preferences,
)
from digest.tokens import TokenPurpose
from tests.support.contexts import Record, make_context, put, reader, token
from tests.support.factories import listing, paper

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
ADA = "ada@example.org"
CONFIRM, PREFERENCES, UNSUBSCRIBE = TokenPurpose.CONFIRM, TokenPurpose.PREFERENCES, TokenPurpose.UNSUBSCRIBE


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


def ask(at: AppContext, *keywords: str, now: datetime = NOW, email: str = ADA) -> None:
    subscribe(at, email, Preferences(), parse_keywords_or_raise(keywords or ["robot"]), now)


def confirm(at: AppContext, now: datetime = NOW) -> SubscriberProfile:
    return subscribers.confirm(at, token(at, ADA, CONFIRM, now), now).profile


def in_state(at: AppContext, status: SubscriberStatus, reason: str = "") -> None:
    reader(at, ADA, "graph", now=NOW - timedelta(days=9))
    until = date(2026, 8, 9) if status == SubscriberStatus.PAUSED else None
    put(at.engine, ADA, status, paused_until=until, reason=reason)


@pytest.mark.parametrize(
    ("status", "reason", "after", "mailed"),
    [
        (SubscriberStatus.PENDING, "", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.ACTIVE, "", SubscriberStatus.ACTIVE, ["already"]),
        (SubscriberStatus.PAUSED, "", SubscriberStatus.PAUSED, ["already"]),
        (SubscriberStatus.UNSUBSCRIBED, "", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.UNSUBSCRIBED, "declined", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.SUPPRESSED, "refused: 550", SubscriberStatus.PENDING, ["confirm"]),
        (SubscriberStatus.SUPPRESSED, "complaint", SubscriberStatus.SUPPRESSED, []),
    ],
)
def test_asking_again_in_every_state(
    at: AppContext, record: Record, status: SubscriberStatus, reason: str, after: SubscriberStatus, mailed: list[str]
) -> None:
    in_state(at, status, reason)
    ask(at, "protein")
    assert (record.of(ADA).status, record.kinds(ADA)) == (after, mailed)
    # What a reader has set up is not for a stranger to change.
    profile = get_profile(at, PREFERENCES, token(at, ADA, PREFERENCES, NOW), NOW)
    assert profile.keywords == (("protein",) if after == SubscriberStatus.PENDING else ("graph",))


@pytest.mark.parametrize("status", SubscriberStatus)
def test_confirming_in_every_state(at: AppContext, record: Record, status: SubscriberStatus) -> None:
    in_state(at, status)
    if status in {SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED}:
        with pytest.raises(TokenError, match="has ended"):
            confirm(at)
        assert (record.of(ADA).status, record.kinds(ADA)) == (status, [])
        return
    was_pending = status == SubscriberStatus.PENDING
    result = subscribers.confirm(at, token(at, ADA, CONFIRM, NOW), NOW)
    assert result.profile.status == (SubscriberStatus.ACTIVE if was_pending else status)
    assert result.changed == was_pending
    again = subscribers.confirm(at, token(at, ADA, CONFIRM, NOW), NOW)
    assert (again.profile, again.changed) == (result.profile, False)
    assert record.kinds(ADA) == (["welcome"] if status == SubscriberStatus.PENDING else [])


@pytest.mark.parametrize("status", SubscriberStatus)
def test_declining_undoes_a_request_and_nothing_else(at: AppContext, record: Record, status: SubscriberStatus) -> None:
    in_state(at, status)
    result = decline(at, token(at, ADA, CONFIRM, NOW), NOW)
    assert result.changed == (status == SubscriberStatus.PENDING)
    assert result.profile.status == record.of(ADA).status
    assert record.of(ADA).status == (SubscriberStatus.UNSUBSCRIBED if status == SubscriberStatus.PENDING else status)
    assert record.kinds(ADA) == []


def test_who_declines_is_not_mailed_again_on_the_same_day(at: AppContext, record: Record) -> None:
    for hour in range(3):
        ask(at, now=NOW + timedelta(hours=hour))
        decline(at, token(at, ADA, CONFIRM, NOW), NOW + timedelta(hours=hour))
    assert record.kinds(ADA) == ["confirm"]
    assert record.letters(ADA)[0].state == DeliveryState.CANCELLED
    ask(at, now=NOW + timedelta(days=1))
    assert record.kinds(ADA) == ["confirm", "confirm"]


@pytest.mark.parametrize("status", SubscriberStatus)
def test_changing_preferences_needs_a_running_subscription(
    at: AppContext, record: Record, status: SubscriberStatus
) -> None:
    in_state(at, status)
    preferences = Preferences(
        frequency="weekly", send_hour=6, timezone="Asia/Tokyo", cap=7, trending=True, summaries=True
    )
    key = token(at, ADA, PREFERENCES, NOW)
    keywords, until = parse_keywords_or_raise(["protein", "robot"]), date(2026, 8, 3)
    before = get_profile(at, PREFERENCES, key, NOW)
    result = update_preferences(at, key, preferences, keywords, until, NOW)
    profile = result.profile
    assert profile == get_profile(at, PREFERENCES, key, NOW)
    if status not in {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}:
        assert (profile, result.changed) == (before, False)
        return
    assert (profile.status, profile.preferences) == (SubscriberStatus.PAUSED, preferences)
    assert (profile.keywords, result.changed) == (("protein", "robot"), True)
    assert not update_preferences(at, key, preferences, keywords, until, NOW).changed
    profile = update_preferences(at, key, preferences, [], None, NOW).profile
    assert (profile.status, profile.paused_until, profile.keywords) == (SubscriberStatus.ACTIVE, None, ())


@pytest.mark.parametrize("status", SubscriberStatus)
@pytest.mark.parametrize("farewell", [True, False])
def test_unsubscribing_in_every_state(at: AppContext, record: Record, status: SubscriberStatus, farewell: bool) -> None:
    in_state(at, status, "complaint" if status == SubscriberStatus.SUPPRESSED else "")
    first, second = (unsubscribe(at, token(at, ADA, UNSUBSCRIBE, NOW), NOW, send_goodbye=farewell) for _ in range(2))
    assert first.profile == second.profile
    assert first.profile.status == (
        SubscriberStatus.SUPPRESSED if status == SubscriberStatus.SUPPRESSED else SubscriberStatus.UNSUBSCRIBED
    )
    was_running = status in {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}
    assert (first.changed, second.changed) == (was_running or status == SubscriberStatus.PENDING, False)
    assert bool(first.undo) == was_running
    assert record.kinds(ADA) == (["goodbye"] if was_running and farewell else [])


def test_leaving_withdraws_what_is_queued(at: AppContext, record: Record) -> None:
    ask(at)
    confirm(at)
    unsubscribe(at, token(at, ADA, UNSUBSCRIBE, NOW), NOW)
    states = {each.kind: each.state for each in record.letters(ADA)}
    assert states == {
        "confirm": DeliveryState.CANCELLED,
        "welcome": DeliveryState.CANCELLED,
        "goodbye": DeliveryState.QUEUED,
    }


def test_the_operator_ends_a_subscription_quietly_and_a_complaint_stays_one(at: AppContext, record: Record) -> None:
    in_state(at, SubscriberStatus.ACTIVE)
    assert remove_subscriber(at, "ADA@example.org", NOW).profile.status == SubscriberStatus.UNSUBSCRIBED
    put(at.engine, ADA, SubscriberStatus.SUPPRESSED, reason="complaint")
    assert remove_subscriber(at, ADA, NOW).profile.status == SubscriberStatus.SUPPRESSED
    ask(at)
    assert record.kinds(ADA) == []


def test_a_second_request_on_the_same_day_is_mailed_once(at: AppContext, record: Record) -> None:
    for minutes in (0, 5, 600):
        ask(at, now=NOW + timedelta(minutes=minutes))
    assert record.kinds(ADA) == ["confirm"]
    ask(at, now=NOW + timedelta(days=1))
    assert record.kinds(ADA) == ["confirm", "confirm"]
    confirm(at)
    for _ in range(2):
        ask(at)
    assert record.kinds(ADA) == ["confirm", "confirm", "welcome", "already"]


def test_who_leaves_and_comes_back_on_one_day_is_asked_and_welcomed_again(at: AppContext, record: Record) -> None:
    ask(at)
    confirm(at)
    now = NOW + timedelta(hours=1)
    unsubscribe(at, token(at, ADA, UNSUBSCRIBE, now), now)
    for _ in range(2):
        ask(at, now=now + timedelta(hours=1))
    confirm(at, now + timedelta(hours=2))
    assert record.kinds(ADA) == ["confirm", "welcome", "goodbye", "confirm", "welcome"]
    assert record.of(ADA).status == SubscriberStatus.ACTIVE


def test_a_complaint_is_never_mailed_again(at: AppContext, record: Record) -> None:
    in_state(at, SubscriberStatus.SUPPRESSED, "complaint: abuse report")
    for day in range(3):
        ask(at, now=NOW + timedelta(days=day))
    for confirmed in (True, False):
        with pytest.raises(SubscriberError, match="is suppressed already"):
            add_subscriber(at, ADA, Preferences(), [], NOW, confirmed=confirmed)
    assert record.kinds(ADA) == []


@pytest.mark.parametrize("status", [SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED])
@pytest.mark.parametrize("confirmed", [True, False])
def test_adding_a_reader_again_is_refused_and_changes_nothing(
    at: AppContext, record: Record, status: SubscriberStatus, confirmed: bool
) -> None:
    in_state(at, status)
    with pytest.raises(SubscriberError, match=f"{ADA} is {status} already; nothing was changed"):
        add_subscriber(at, ADA, Preferences(cap=3), [], NOW, confirmed=confirmed)
    assert (record.of(ADA).cap, record.kinds(ADA)) == (20, [])


def test_two_clicks_at_the_same_moment_give_one_welcome(at: AppContext, record: Record) -> None:
    ask(at)
    barrier, key = Barrier(4), token(at, ADA, CONFIRM, NOW)

    def click(minute: int) -> str:
        barrier.wait()
        # Two of them fall on another day, where the name of the letter is another too.
        return subscribers.confirm(at, key, NOW + timedelta(minutes=minute)).profile.status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, (0, 1, 24 * 60, 24 * 60 + 1))) == {SubscriberStatus.ACTIVE}
    assert record.kinds(ADA) == ["confirm", "welcome"]


def test_many_who_ask_at_the_same_moment_with_the_same_words_all_get_in(at: AppContext, record: Record) -> None:
    barrier, words = Barrier(8), ["protein", "robot", "graph"]

    def request(number: int) -> None:
        barrier.wait()
        ask(at, *(words if number % 2 else reversed(words)), email=f"reader{number // 2}@example.org")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(request, range(8)))
    assert [record.kinds(f"reader{number}@example.org") for number in range(4)] == [["confirm"]] * 4


def test_a_new_reader_begins_with_the_latest_list_day(at: AppContext, record: Record, store: Engine) -> None:
    with write_session(store) as session:
        rows = [paper() for _ in range(4)]
        session.add_all(rows)
        session.flush()
        for row, day in zip(rows, (27, 28, 29, 29), strict=True):
            session.add(each := listing(row, list_day=date(2026, 7, day)))
            session.flush()
            row.first_listing_id = int(each.id or 0)
        third = rows[2].first_listing_id
    ask(at)
    confirm(at)
    assert record.of(ADA).covered_listing_id == third - 1


def test_keywords_that_cannot_be_read_are_told_with_their_lines() -> None:
    saved, misread = parse_keywords(["robot", "", '"open', "  protein "])
    assert [each.text for each in saved] == ["robot", "protein"]
    assert [(each.line, each.text) for each in misread] == [(3, '"open')]
    with pytest.raises(QueryError, match=r"keyword '\"open': unclosed quote"):
        parse_keywords_or_raise(['"open'])
    assert parse_keywords([f"word{n}" for n in range(101)])[1][0].line == 101
