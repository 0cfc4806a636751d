"""Attacks with links of somebody who is gone: what they name must never be somebody else's."""

from base64 import b32encode
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, delete

from digest.bounces import BounceAction, handle_message
from digest.context import AppContext
from digest.database import write_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, SubscriberStatus
from digest.mail import ReturnPathKind
from digest.mail.verp import _mask, _sign
from digest.subscribers.records import subscriber_by_email
from digest.tokens import TokenPurpose, delivery_subject
from digest.web import create_app
from tests.support.bounce_messages import BOUNCES, bounce_message, unsubscribe_message
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import (
    ADA,
    BOB,
    KEY,
    StoreView,
    add_active_subscriber,
    erase_by_email,
    make_context,
    store_papers,
)

LATER = TEST_TIME + timedelta(hours=1)
NUMBER = 7


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    """A service with two subscribers, on both databases."""
    ctx = make_context(store, base_url="http://digest.test", bounce_address=BOUNCES)
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "robot", now=TEST_TIME)
    store_papers(ctx, TEST_TIME, "Robot hands")
    return ctx


def send_digest(ctx: AppContext, email: str, now: datetime) -> Delivery:
    """Record a digest that was sent to a subscriber under one number, whoever has had it before."""
    with write_session(ctx.engine) as session:
        session.execute(delete(Delivery).where(col(Delivery.id) == NUMBER))
        delivery = Delivery(
            id=NUMBER,
            subscriber_id=int(subscriber_by_email(session, email).id or 0),
            kind=DeliveryKind.DIGEST,
            edition=TEST_TIME.date().isoformat(),
            state=DeliveryState.SENT,
            papers=[1],
            keywords=[1],
            message_id=f"<{'a' * 31}{len(email)}{'b' if email == BOB else 'a'}@example.org>",
            created_at=now,
        )
        session.add(delivery)
        session.flush()
        session.expunge(delivery)
        return delivery


def address_of(ctx: AppContext, kind: ReturnPathKind, delivery: Delivery) -> str:
    assert ctx.return_path
    return ctx.return_path.address_for(kind, NUMBER, delivery.message_id)


def former_address(kind: ReturnPathKind) -> str:
    """Return an address as schema 0006 made it, with the number alone."""
    plain = NUMBER.to_bytes(8, "big")
    signature = _sign(KEY, kind, plain)
    token = b32encode(signature + _mask(KEY, kind, signature, plain)).decode().rstrip("=").lower()
    return BOUNCES.replace("@", f"+{token}@")


def browser_for(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: LATER, min_answer_seconds=0))


def view(ctx: AppContext, subject: str, issued: datetime) -> str:
    return f"/emails/{ctx.token_signer.sign(TokenPurpose.VIEW, subject, issued)}"


def test_a_link_of_an_erased_subscriber_shows_no_other_email(ctx: AppContext) -> None:
    old = send_digest(ctx, ADA, TEST_TIME)
    links = [
        view(ctx, delivery_subject(NUMBER, old.message_id), TEST_TIME),
        view(ctx, str(NUMBER), TEST_TIME),  # of schema 0006
    ]
    assert [browser_for(ctx).get(link).status_code for link in links] == [200, 200]
    erase_by_email(ctx, ADA)
    assert [browser_for(ctx).get(link).status_code for link in links] == [410, 410]
    new = send_digest(ctx, BOB, TEST_TIME + timedelta(seconds=2))
    assert [browser_for(ctx).get(link).status_code for link in links] == [410, 410]
    assert browser_for(ctx).get(view(ctx, delivery_subject(NUMBER, new.message_id), LATER)).status_code == 200
    # A link of schema 0006 to this very e-mail goes on to work, and so does one that was mailed again later.
    assert browser_for(ctx).get(view(ctx, str(NUMBER), new.created_at)).status_code == 200
    assert browser_for(ctx).get(view(ctx, str(NUMBER), new.created_at + timedelta(days=1))).status_code == 200


Message = Callable[[str], bytes]
MESSAGES: list[tuple[ReturnPathKind, Message]] = [
    (ReturnPathKind.UNSUBSCRIBE, unsubscribe_message),
    (ReturnPathKind.BOUNCE, lambda to: bounce_message("no-such-mailbox", to)),
    (ReturnPathKind.BOUNCE, lambda to: bounce_message("complaint", to)),
]


@pytest.mark.parametrize(("kind", "message"), MESSAGES, ids=["unsubscribe", "bounce", "complaint"])
def test_an_address_of_an_erased_subscriber_ends_no_other_subscription(
    ctx: AppContext, kind: ReturnPathKind, message: Message
) -> None:
    to = address_of(ctx, kind, send_digest(ctx, ADA, TEST_TIME))
    erase_by_email(ctx, ADA)
    assert handle_message(ctx, message(to), LATER).action is BounceAction.IGNORED
    new = send_digest(ctx, BOB, LATER)
    assert handle_message(ctx, message(to), LATER).action is BounceAction.IGNORED
    assert StoreView(ctx.engine).subscriber(BOB).status == SubscriberStatus.ACTIVE
    assert handle_message(ctx, message(address_of(ctx, kind, new)), LATER).action is not BounceAction.IGNORED
    assert StoreView(ctx.engine).subscriber(BOB).status != SubscriberStatus.ACTIVE


@pytest.mark.parametrize(("kind", "message"), MESSAGES, ids=["unsubscribe", "bounce", "complaint"])
def test_an_address_of_schema_0006_counts_where_the_message_names_the_email_or_its_subscriber(
    ctx: AppContext, kind: ReturnPathKind, message: Message
) -> None:
    delivery, raw = (
        send_digest(ctx, ADA, TEST_TIME),
        message(former_address(kind)).replace(ADA.encode(), b"x@y.example"),
    )
    if ctx.engine.dialect.name == "sqlite":  # which gave numbers again
        assert handle_message(ctx, raw, LATER).action is BounceAction.IGNORED
        assert StoreView(ctx.engine).subscriber(ADA).status == SubscriberStatus.ACTIVE
    name = delivery.message_id if kind is ReturnPathKind.BOUNCE else ADA.upper()
    named = b"X-About: " + name.encode() + b"\n" + raw
    assert handle_message(ctx, named, LATER).action in {BounceAction.SUPPRESSED, BounceAction.UNSUBSCRIBED}
    assert StoreView(ctx.engine).subscriber(BOB).status == SubscriberStatus.ACTIVE
