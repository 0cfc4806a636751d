"""Mails that come back to a house of the tests, about letters that it has sent."""

import asyncio
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from digest.bounces import handle_message
from digest.bounces.apply import BounceAction
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import BounceRecord, DeliveryState
from digest.jobs.pipeline import plan
from digest.mail import ReturnPathKind
from tests.support.contexts import ADA, DAY, TUESDAY, Record, arrive, make_context, reader

SAMPLES = Path(__file__).parents[1] / "data" / "bounces"
BOUNCES = "bounces@digest.example.org"
LATER = TUESDAY + timedelta(hours=1)


def return_address(at: AppContext, delivery_id: int, kind: ReturnPathKind = ReturnPathKind.BOUNCE) -> str:
    """Where a letter comes back to."""
    assert at.return_path
    return at.return_path.address_for(kind, delivery_id)


def bounce_message(name: str, to: str, n: int = 0) -> bytes:
    """A sample that came back to an address; another `n` is another mail of the same kind."""
    text = (SAMPLES / f"{name}.eml").read_text().replace("RETURN-ADDRESS", to)
    return text.replace("Message-ID: <", f"Message-ID: <{n}.", 1).encode()


def unsubscribe_message(to: str) -> bytes:
    """What a mail program sends for somebody who wants no more letters."""
    return f"From: Somebody <somebody@example.net>\nTo: {to}\nSubject: unsubscribe\n\n".encode()


def bounce_records(at: AppContext) -> list[BounceRecord]:
    with read_session(at.engine) as session:
        return list(session.exec(select(BounceRecord).order_by(col(BounceRecord.id))).all())


def context_with_delivery(store: Engine) -> AppContext:
    """A house with a reader who has had one letter, with one paper."""
    at = make_context(store, bounce_address=BOUNCES)
    reader(at, ADA, "robot", now=TUESDAY - DAY)
    arrive(at, TUESDAY, "A robot")
    asyncio.run(plan(at, TUESDAY))
    Record(store).settle(DeliveryState.SENT)
    return at


def deliver_more(at: AppContext, record: Record, count: int) -> list[int]:
    """So many more letters to Ada, one a day, all of which the relay took; the numbers of all of hers."""
    for day in range(1, count + 1):
        arrive(at, TUESDAY + day * DAY, f"Robot {day}")
        asyncio.run(plan(at, TUESDAY + day * DAY))
        record.settle(DeliveryState.SENT)
    return [int(each.id or 0) for each in record.letters(ADA)]


def first_delivery_id(record: Record) -> int:
    return int(record.letters(ADA)[0].id or 0)


def receive_bounce(at: AppContext, name: str, number: int, n: int = 0) -> BounceAction:
    """A sample comes back about a letter."""
    return handle_message(at, bounce_message(name, return_address(at, number), n), LATER).action
