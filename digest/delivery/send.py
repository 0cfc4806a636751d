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

from digest.context import AppContext
from digest.database import SENDER_LOCK, exclusive_lock, is_postgresql, liveness_lock
from digest.delivery.claimer import Claimer, Clock, FirstPapersFinder, SenderIdentity
from digest.delivery.report import DeliveryReport
from digest.delivery.sender import Sender
from digest.mail import LocalMailbox, RelayConfig
from digest.rendering import RenderCache

log = structlog.get_logger()


@asynccontextmanager
async def open_relay(ctx: AppContext) -> AsyncIterator[RelayConfig]:
    """The relay of the settings; while none is set, the local inbox."""
    if ctx.settings.has_relay:
        yield ctx.relay_config()
        return
    async with LocalMailbox(ctx.mailbox_directory) as inbox:
        yield RelayConfig(host=inbox.host, port=inbox.port)


async def send_queued(
    ctx: AppContext,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[DeliveryReport], None] = lambda _: None,
    force: bool = False,
    limit: int | None = None,
    cache: RenderCache | None = None,
    first_papers: FirstPapersFinder | None = None,
) -> DeliveryReport:
    """Send everything that may go now, or the first `most` letters. Setting `stop` ends it after those on the wire.

    Where the store is an SQLite file, the loop may have to wait for it: nothing else should be on it. A relay that
    refused us is left alone for a while, unless the caller `insist`s. What was worked out for letters before is in
    `known`; one delivery at a time may have it.
    """
    with _register_sender(ctx) as place:
        if place is None:
            log.info("sender.busy")
            return DeliveryReport(busy=True)
        async with open_relay(ctx) as relay:
            intake = Claimer(ctx, clock, place, RenderCache() if cache is None else cache, first_papers)
            return await Sender(intake, relay, stop or asyncio.Event(), on_progress).run(force=force, limit=limit)


@contextmanager
def _register_sender(ctx: AppContext) -> Iterator[SenderIdentity | None]:
    """Our place among the senders of this store; None where there is only one, and it is taken."""
    name = secrets.token_hex(8)
    if is_postgresql(ctx.engine):
        with liveness_lock(ctx.engine, name) as still_there:
            yield SenderIdentity(name, still_there)
        return
    with exclusive_lock(ctx.engine, SENDER_LOCK) as won:
        yield SenderIdentity(name) if won else None
