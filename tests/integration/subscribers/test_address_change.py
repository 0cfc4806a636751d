"""Change of address, on both stores: the link to the new one, the undo of the old one, and what each address keeps."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.bounces import BounceAction
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    ClaimedDelivery,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Subscriber,
    SubscriberStatus,
    SuppressionEntry,
)
from digest.delivery import address_of
from digest.delivery.group_commit import suppress_subscriber
from digest.delivery.retry import DeliveryOutcome
from digest.errors import AddressSuppressedError, SubscriberError, TokenError
from digest.rendering import load_batch, prepare_email
from digest.subscribers import (
    Preferences,
    add_subscriber,
    change_address,
    decline_address_change,
    get_address_change,
    get_address_undo,
    get_delivery_history,
    request_address_change,
    subscribe,
    undo_address_change,
    unsubscribe,
)
from digest.tokens import TokenPurpose, delivery_subject
from tests.support.bounce_messages import BOUNCES, receive_bounce
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    StoreView,
    add_active_subscriber,
    erase_by_email,
    make_context,
    set_status,
    sign_token,
)
from tests.support.factories import NOW

NEW, THIRD = "ada@new.example.net", "ada@third.example.net"
MINUTE = timedelta(minutes=1)
CHANGE, CHANGED, RESTORED = DeliveryKind.ADDRESS_CHANGE, DeliveryKind.ADDRESS_CHANGED, DeliveryKind.ADDRESS_RESTORED


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    ctx = make_context(store, bounce_address=BOUNCES)
    add_active_subscriber(ctx, ADA, "robot", now=NOW - DAY)
    return ctx


@pytest.fixture
def record(ctx: AppContext) -> StoreView:
    return StoreView(ctx.engine)


def request(ctx: AppContext, email: str, current: str = ADA, now: object = NOW) -> None:
    request_address_change(ctx, sign_token(ctx, current, TokenPurpose.PREFERENCES, NOW), email, now)  # type: ignore[arg-type]


def links(ctx: AppContext, kind: DeliveryKind) -> list[str]:
    """Return the tokens of all e-mails of a kind, in the order in which they were queued."""
    purpose = TokenPurpose.ADDRESS_CHANGE if kind == CHANGE else TokenPurpose.ADDRESS_UNDO
    with read_session(ctx.engine) as session:
        deliveries = session.exec(select(Delivery).where(Delivery.kind == kind).order_by(Delivery.id)).all()  # type: ignore[arg-type]
        return [
            ctx.token_signer.sign(purpose, delivery_subject(int(row.id or 0), row.message_id), row.created_at)
            for row in deliveries
        ]


def emails(ctx: AppContext) -> list[tuple[str, str]]:
    """Return the kind and the envelope recipient of each e-mail in the record."""
    with read_session(ctx.engine) as session:
        claimed = [
            ClaimedDelivery.from_delivery(row)
            for row in session.exec(select(Delivery).order_by(Delivery.id)).all()  # type: ignore[arg-type]
        ]
        batch = load_batch(session, claimed, NOW)
        return [(delivery.kind, prepare_email(ctx, batch, delivery, NOW).recipient) for delivery in claimed]


def test_a_change_goes_from_the_request_to_the_undo(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    [link] = links(ctx, CHANGE)
    assert get_address_change(ctx, link, NOW) == (NEW, False)
    result = change_address(ctx, link, NOW + MINUTE)
    assert (result.changed, result.profile.email, result.profile.keywords) == (True, NEW, ("robot",))
    assert not change_address(ctx, link, NOW + 2 * MINUTE).changed
    assert get_address_change(ctx, link, NOW + 2 * MINUTE) == (NEW, True)
    assert emails(ctx) == [(CHANGE, NEW), (CHANGED, ADA)]

    [undo] = links(ctx, CHANGED)
    assert get_address_undo(ctx, undo, NOW + MINUTE) == (ADA, False)
    assert undo_address_change(ctx, undo, NOW + 6 * DAY).profile.email == ADA
    assert not undo_address_change(ctx, undo, NOW + 6 * DAY).changed
    assert emails(ctx) == [(CHANGE, NEW), (CHANGED, ADA), (RESTORED, NEW)]
    with pytest.raises(TokenError, match="no longer works"):
        change_address(ctx, link, NOW + MINUTE)


def test_the_links_expire(ctx: AppContext) -> None:
    request(ctx, NEW)
    [link] = links(ctx, CHANGE)
    with pytest.raises(TokenError, match="72 hours"):
        change_address(ctx, link, NOW + timedelta(hours=72, seconds=1))
    change_address(ctx, link, NOW + timedelta(hours=72))
    [undo] = links(ctx, CHANGED)
    with pytest.raises(TokenError, match="7 days"):
        undo_address_change(ctx, undo, NOW + timedelta(hours=72) + 7 * DAY + MINUTE)


def test_each_link_can_do_one_thing(ctx: AppContext) -> None:
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    for purpose in (TokenPurpose.ADDRESS_CHANGE, TokenPurpose.ADDRESS_UNDO):
        with pytest.raises(TokenError):
            change_address(ctx, sign_token(ctx, NEW, purpose, NOW), NOW)
        with pytest.raises(TokenError):
            undo_address_change(ctx, sign_token(ctx, NEW, purpose, NOW), NOW)
    with pytest.raises(TokenError, match="damaged"):
        undo_address_change(ctx, links(ctx, CHANGE)[0], NOW)
    with pytest.raises(TokenError, match="damaged"):
        change_address(ctx, links(ctx, CHANGED)[0], NOW)


def test_a_taken_address_gets_the_same_answer_and_learns_of_it(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, BOB, "protein", now=NOW)
    request(ctx, BOB.upper())
    request(ctx, BOB)
    assert emails(ctx) == [(DeliveryKind.ALREADY_SUBSCRIBED, BOB)]
    assert record.subscriber(BOB).status == record.subscriber(ADA).status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("is_erased", [False, True])
def test_an_address_that_complained_gets_nothing(ctx: AppContext, is_erased: bool) -> None:
    add_active_subscriber(ctx, BOB, "protein", now=NOW)
    set_status(ctx.engine, BOB, SubscriberStatus.SUPPRESSED, reason="complaint: abuse", ended_at=NOW)
    if is_erased:
        erase_by_email(ctx, BOB)
    request(ctx, BOB)
    assert emails(ctx) == []


def test_an_address_that_was_taken_meanwhile_stays_with_its_owner(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    add_active_subscriber(ctx, NEW, "protein", now=NOW)
    with pytest.raises(TokenError, match="subscription of its own"):
        change_address(ctx, links(ctx, CHANGE)[0], NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("status", [SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED])
def test_a_subscription_that_does_not_run_gives_way(
    ctx: AppContext, record: StoreView, status: SubscriberStatus
) -> None:
    add_active_subscriber(ctx, NEW, "protein", now=NOW)
    set_status(ctx.engine, NEW, status, ended_at=NOW)
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    assert record.subscriber(NEW).status == SubscriberStatus.ACTIVE
    assert get_delivery_history(ctx, sign_token(ctx, NEW, TokenPurpose.PREFERENCES, NOW), 1, NOW).profile.keywords == (
        "robot",
    )
    with read_session(ctx.engine) as session:
        assert len(session.exec(select(Subscriber)).all()) == 1


def test_ones_own_address_is_refused_and_a_text_that_is_none(ctx: AppContext) -> None:
    with pytest.raises(SubscriberError, match="already goes to this address"):
        request(ctx, ADA.upper())
    with pytest.raises(SubscriberError, match="not an e-mail address"):
        request(ctx, "nobody")


def test_one_link_a_day_goes_to_an_address_and_one_that_failed_goes_again(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    request(ctx, NEW)
    assert emails(ctx) == [(CHANGE, NEW)]
    record.set_state(DeliveryState.FAILED)
    request(ctx, NEW)
    assert [delivery.state for delivery in record.deliveries(ADA)] == [DeliveryState.QUEUED]
    request(ctx, NEW, now=NOW + DAY)
    request(ctx, THIRD)
    assert emails(ctx) == [(CHANGE, NEW), (CHANGE, NEW), (CHANGE, THIRD)]


def test_a_change_ends_the_requests_before_it(ctx: AppContext) -> None:
    request(ctx, NEW)
    request(ctx, THIRD)
    first, second = links(ctx, CHANGE)
    change_address(ctx, first, NOW)
    with pytest.raises(TokenError, match="no longer works"):
        change_address(ctx, second, NOW)
    request(ctx, THIRD, NEW)  # on the same day, and after the change: a new link
    assert change_address(ctx, links(ctx, CHANGE)[-1], NOW).profile.email == THIRD


def test_who_owns_the_first_address_undoes_also_two_changes(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    request(ctx, THIRD, NEW)
    change_address(ctx, links(ctx, CHANGE)[1], NOW)
    of_ada, of_new = links(ctx, CHANGED)
    assert undo_address_change(ctx, of_ada, NOW + DAY).profile.email == ADA
    for attempt in (of_new, *links(ctx, CHANGE)):
        with pytest.raises(TokenError):
            (undo_address_change if attempt == of_new else change_address)(ctx, attempt, NOW + DAY)
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    assert emails(ctx)[-1] == (RESTORED, THIRD)


def test_the_undo_works_after_the_subscription_was_ended(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    unsubscribe(ctx, sign_token(ctx, NEW, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    notices = [row.state for row in record.deliveries(NEW) if row.kind == CHANGED]
    assert notices == [DeliveryState.QUEUED]  # not cancelled with the others
    undo_address_change(ctx, links(ctx, CHANGED)[0], NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_a_request_ends_with_the_subscription(ctx: AppContext) -> None:
    request(ctx, NEW)
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    with pytest.raises(TokenError, match="has ended"):
        change_address(ctx, links(ctx, CHANGE)[0], NOW)
    with pytest.raises(TokenError, match="not running"):
        request(ctx, THIRD)


def test_who_did_not_ask_for_it_gets_nothing_more(ctx: AppContext) -> None:
    request(ctx, NEW)
    [link] = links(ctx, CHANGE)
    decline_address_change(ctx, link, NOW)
    request(ctx, NEW, now=NOW + DAY)
    subscribe(ctx, NEW, Preferences(), [], NOW)
    assert emails(ctx) == [(CHANGE, NEW)]
    with pytest.raises(AddressSuppressedError):
        add_subscriber(ctx, NEW, Preferences(), [], NOW, confirmed=True)
    assert change_address(ctx, link, NOW).profile.email == NEW  # they have changed their mind
    with read_session(ctx.engine) as session:
        assert session.exec(select(SuppressionEntry)).all() == []


def test_a_subscription_that_could_not_reach_the_old_address_goes_on(ctx: AppContext, record: StoreView) -> None:
    set_status(ctx.engine, ADA, SubscriberStatus.PAUSED, reason="3 of the last 5 e-mails came back")
    request(ctx, NEW)
    profile = change_address(ctx, links(ctx, CHANGE)[0], NOW).profile
    assert (profile.status, profile.suspend_reason) == (SubscriberStatus.ACTIVE, "")


def test_what_comes_back_from_an_address_stays_with_it(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    record.set_state(DeliveryState.SENT)
    to_new, to_old = (int(row.id or 0) for row in record.deliveries(NEW))
    assert receive_bounce(ctx, "no-such-mailbox", to_old) is BounceAction.RECORDED
    assert record.subscriber(NEW).status == SubscriberStatus.ACTIVE
    assert receive_bounce(ctx, "no-such-mailbox", to_new, 1) is BounceAction.SUPPRESSED


def test_a_complaint_of_the_old_address_suppresses_that_one(ctx: AppContext, record: StoreView) -> None:
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    record.set_state(DeliveryState.SENT)
    [to_old] = [int(row.id or 0) for row in record.deliveries(NEW) if row.kind == CHANGED]
    assert receive_bounce(ctx, "complaint", to_old) is BounceAction.SUPPRESSED
    assert record.subscriber(NEW).status == SubscriberStatus.ACTIVE
    with pytest.raises(AddressSuppressedError):
        add_subscriber(ctx, ADA, Preferences(), [], NOW, confirmed=False)


def test_a_refusal_of_a_new_address_ends_no_subscription(ctx: AppContext, record: StoreView) -> None:
    request(ctx, "typo@example.net")
    [delivery] = record.deliveries(ADA)
    with ctx.engine.connect().execution_options(writer=True) as connection, connection.begin():
        outcome = DeliveryOutcome(DeliveryState.FAILED, 550, "5.1.1 unknown", suppress=True)
        suppress_subscriber(connection, delivery.subscriber_id, int(delivery.id or 0), outcome, NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE


def test_the_record_knows_which_address_an_email_went_to(ctx: AppContext, record: StoreView) -> None:
    def queue(edition: str) -> int:
        with write_session(ctx.engine) as session:
            subscriber = session.exec(select(Subscriber)).one()
            from digest.delivery import NewDelivery, enqueue

            enqueue(session, [NewDelivery(int(subscriber.id or 0), DeliveryKind.DIGEST, edition)], "example.org", NOW)
        return int(record.deliveries()[-1].id or 0)

    first = queue("2026-07-01")
    request(ctx, NEW)
    change_address(ctx, links(ctx, CHANGE)[0], NOW)
    second = queue("2026-07-02")
    undo_address_change(ctx, links(ctx, CHANGED)[0], NOW)
    third = queue("2026-07-03")
    with read_session(ctx.engine) as session:
        went_to = [address_of(session, session.get_one(Delivery, number)) for number in (first, second, third)]
    assert went_to == [ADA, NEW, ADA]
