"""Messages that come back about e-mails that a test has sent."""

import asyncio
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from digest.bounces import BounceAction, handle_message
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import BounceRecord, Delivery, DeliveryState
from digest.jobs.pipeline import plan
from digest.mail import ReturnPathKind
from tests.support.contexts import ADA, DAY, TUESDAY, StoreView, add_active_subscriber, make_context, store_papers

SAMPLES = Path(__file__).parents[1] / "data" / "bounces"
BOUNCES = "bounces@digest.example.org"
LATER = TUESDAY + timedelta(hours=1)


def return_address(ctx: AppContext, delivery_id: int, kind: ReturnPathKind = ReturnPathKind.BOUNCE) -> str:
    """Return the return path of a delivery."""
    assert ctx.return_path
    with read_session(ctx.engine) as session:
        return ctx.return_path.address_for(kind, delivery_id, session.get_one(Delivery, delivery_id).message_id)


def bounce_message(name: str, to: str, n: int = 0) -> bytes:
    """Return a sample that came back to an address; another `n` is another message of the same kind."""
    text = (SAMPLES / f"{name}.eml").read_text().replace("RETURN-ADDRESS", to)
    return text.replace("Message-ID: <", f"Message-ID: <{n}.", 1).encode()


def unsubscribe_message(to: str) -> bytes:
    """Return what a mail program sends to unsubscribe."""
    return f"From: Somebody <somebody@example.net>\nTo: {to}\nSubject: unsubscribe\n\n".encode()


def bounce_records(ctx: AppContext) -> list[BounceRecord]:
    with read_session(ctx.engine) as session:
        return list(session.exec(select(BounceRecord).order_by(col(BounceRecord.id))).all())


def context_with_delivery(store: Engine) -> AppContext:
    """Create a context with a subscriber who has had one digest, with one paper."""
    ctx = make_context(store, bounce_address=BOUNCES)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY - DAY)
    store_papers(ctx, TUESDAY, "A robot")
    asyncio.run(plan(ctx, TUESDAY))
    StoreView(store).set_state(DeliveryState.SENT)
    return ctx


def deliver_more(ctx: AppContext, record: StoreView, count: int) -> list[int]:
    """Deliver so many more digests to Ada, one a day; return the ids of all of hers."""
    for day in range(1, count + 1):
        store_papers(ctx, TUESDAY + day * DAY, f"Robot {day}")
        asyncio.run(plan(ctx, TUESDAY + day * DAY))
        record.set_state(DeliveryState.SENT)
    return [int(delivery.id or 0) for delivery in record.deliveries(ADA)]


def first_delivery_id(record: StoreView) -> int:
    return int(record.deliveries(ADA)[0].id or 0)


def receive_bounce(ctx: AppContext, name: str, delivery_id: int, n: int = 0) -> BounceAction:
    """Handle a sample that comes back about a delivery."""
    return handle_message(ctx, bounce_message(name, return_address(ctx, delivery_id), n), LATER).action
