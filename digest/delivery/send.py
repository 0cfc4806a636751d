"""Send what is due: choose the relay, register as a sender, run one delivery.

On SQLite there is one sender at a time, whoever comes first; the others leave the work to it. On PostgreSQL there may
be any number: each holds a lock that shows it is alive, none waits for another, and what a dead one leaves is
recovered.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from digest.context import AppContext
from digest.database import SENDER_LOCK, exclusive_lock, is_postgresql, liveness_lock
from digest.delivery.claimer import Claimer, Clock, FirstPapersFinder, SenderIdentity
from digest.delivery.history import DeliveryReport
from digest.delivery.sender import Sender
from digest.mail import LocalMailbox, RelayConfig
from digest.rendering import RenderCache

log = structlog.get_logger()


async def send_queued(
    ctx: AppContext,
    clock: Clock,
    *,
    stop: asyncio.Event | None = None,
    on_progress: Callable[[DeliveryReport], None] | None = None,
    force: bool = False,
    limit: int | None = None,
    cache: RenderCache | None = None,
    first_papers: FirstPapersFinder | None = None,
) -> DeliveryReport:
    """Send everything that is due, or the first `limit` deliveries; setting `stop` ends it after those on the wire.

    With SQLite the event loop waits for the store: nothing else should run on it. `force` probes a relay even before
    its circuit allows it. `cache` outlives one delivery, and serves one at a time. `first_papers` finds what welcomes
    show.
    """
    with _register_sender(ctx) as identity:
        if identity is None:
            log.info("sender.busy")
            return DeliveryReport(busy=True)
        async with open_relay(ctx) as relay:
            claimer = Claimer(ctx, clock, identity, RenderCache() if cache is None else cache, first_papers)
            return await Sender(claimer, relay, stop or asyncio.Event(), on_progress).run(force=force, limit=limit)


@asynccontextmanager
async def open_relay(ctx: AppContext) -> AsyncIterator[RelayConfig]:
    """Yield the relay of the settings, or the local mailbox while none is set."""
    if ctx.settings.has_relay:
        yield ctx.relay_config()
        return
    async with LocalMailbox(ctx.mailbox_directory) as mailbox:
        yield RelayConfig(host=mailbox.host, port=mailbox.port)


@contextmanager
def _register_sender(ctx: AppContext) -> Iterator[SenderIdentity | None]:
    """Yield the identity of this sender; None if there may be only one, and another one is at work."""
    name = secrets.token_hex(8)
    if is_postgresql(ctx.engine):
        with liveness_lock(ctx.engine, name) as ensure_alive:
            yield SenderIdentity(name, ensure_alive)
        return
    with exclusive_lock(ctx.engine, SENDER_LOCK) as is_only:
        yield SenderIdentity(name) if is_only else None
