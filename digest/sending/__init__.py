"""Sending. On SQLite there is one sender, whoever starts first; the others find the lock taken and leave the work to
it. On PostgreSQL there may be any number, each known as alive by a lock of its own: none waits for another, and what
a dead one leaves behind the others take up.

claim ─> look up ─> outbox ─> write ─┬─> connection ─> on wire ─> DATA ─> settle
                                     └─> connection ...

outbox.py   letters that wait for a connection, or for the rate of their domain
shares.py   this sender's share of rates that all senders keep together
lane.py     whether the relay takes letters from us at all, and when to ask again
intake.py   letters of the queue, and all that is needed to write them; what dead senders left behind
pen.py      letters written, a few at a time
hand.py     what a connection has in hand
answers.py  what the relay has said, recorded while the next letter is written
sender.py   the life of one delivery
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from digest import db
from digest.deliveries import Sent
from digest.house import House
from digest.mail.inbox import Inbox
from digest.mail.smtp import Relay
from digest.sending.intake import LETTERS_EACH, Clock, Intake, Place
from digest.sending.sender import Sender
from digest.writing import Memory

__all__ = ["LETTERS_EACH", "Clock", "Place", "Sender", "Sent", "send_all", "way_out"]

log = structlog.get_logger()


@asynccontextmanager
async def way_out(house: House) -> AsyncIterator[Relay]:
    """The relay of the settings; while none is set, the local inbox."""
    if house.settings.relay:
        yield house.relay()
        return
    async with Inbox(house.inbox) as inbox:
        yield Relay(host=inbox.host, port=inbox.port)


async def send_all(
    house: House,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    tell: Callable[[Sent], None] = lambda _: None,
    insist: bool = False,
    most: int | None = None,
    known: Memory | None = None,
) -> Sent:
    """Send everything that may go now, or the first `most` letters. Setting `stop` ends it after those on the wire.

    Where the store is an SQLite file, the loop may have to wait for it: nothing else should be on it. A relay that
    refused us is left alone for a while, unless the caller `insist`s. What was worked out for letters before is in
    `known`; one delivery at a time may have it.
    """
    with _place(house) as place:
        if place is None:
            log.info("sender.busy")
            return Sent(busy=True)
        async with way_out(house) as relay:
            intake = Intake(house, clock, place, Memory() if known is None else known)
            return await Sender(intake, relay, stop or asyncio.Event(), tell).run(insist=insist, most=most)


@contextmanager
def _place(house: House) -> Iterator[Place | None]:
    """Our place among the senders of this store; None where there is only one, and it is taken."""
    name = secrets.token_hex(8)
    if db.on_server(house.engine):
        with db.present(house.engine, name) as still_there:
            yield Place(name, still_there)
        return
    with db.alone(house.engine, db.SENDER_LOCK) as won:
        yield Place(name) if won else None
