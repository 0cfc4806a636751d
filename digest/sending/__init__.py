"""Sending: one sender a store, whoever starts first. The others find the lock taken and leave the work to it.

claim ─> write ─> outbox ─┬─> connection ─> on wire ─> DATA ─> settle
                          └─> connection ...

outbox.py   letters that wait for a connection, or for the rate of their domain
lane.py     whether the relay takes letters from us at all, and when to ask again
sender.py   the life of one delivery
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from digest import db
from digest.deliveries import Sent
from digest.house import House
from digest.mail.inbox import Inbox
from digest.mail.smtp import Relay
from digest.sending.sender import LETTERS_EACH, Clock, Sender

__all__ = ["LETTERS_EACH", "Clock", "Sender", "Sent", "send_all", "way_out"]

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
) -> Sent:
    """Send everything that may go now. Setting `stop` ends it after the letters that are on the wire.

    A relay that refused us is left alone for a while, unless the caller `insist`s.
    """
    with db.alone(house.engine, db.SENDER_LOCK) as won:
        if not won:
            log.info("sender.busy")
            return Sent(busy=True)
        async with way_out(house) as relay:
            return await Sender(house, relay, clock, stop or asyncio.Event(), tell).run(insist=insist)
