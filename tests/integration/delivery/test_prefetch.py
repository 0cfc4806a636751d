"""Who gets the letters that are written ahead."""

import asyncio

from sqlalchemy import Engine

from digest.delivery.buffer import SendBuffer
from digest.delivery.claimer import Claimer, SenderIdentity
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.prefetch import MessagePrefetcher
from digest.delivery.rate_limit import RateLimits
from digest.delivery.results import ResultRecorder
from digest.rendering import RenderCache
from tests.integration.delivery.test_send import queue_deliveries
from tests.support.contexts import make_context
from tests.support.factories import NOW


async def no_slices(_: object) -> None:
    """No rate is shared."""


def prefetcher(claimer: Claimer, buffer: SendBuffer, store: Engine) -> MessagePrefetcher:
    return MessagePrefetcher(buffer, claimer, ResultRecorder(GroupCommitter(store, "one"), claimer.clock))


def test_at_the_end_connections_that_wait_get_what_was_rendered_ahead(store: Engine) -> None:
    addresses = queue_deliveries(store, 5)
    claimer = Claimer(make_context(store), lambda: NOW, SenderIdentity("one"), RenderCache())
    emails, _ = claimer.claim(frozenset())

    async def act() -> None:
        buffer = SendBuffer(RateLimits(), 100, lambda: False, no_slices)
        messages = prefetcher(claimer, buffer, store)
        waiting = [asyncio.create_task(messages.next_message()) for _ in range(3)]
        await asyncio.sleep(0.01)
        await buffer.put(emails)
        rendered = [messages.prefetched(connections=1)]  # and one more on the next turn
        await asyncio.sleep(0)
        await buffer.close()
        rendered += await asyncio.gather(*waiting)
        rendered.append(await messages.next_message())
        assert sorted(each.email.recipient for each in rendered if each) == sorted(addresses)
        assert await messages.next_message() is None

    asyncio.run(act())


def test_one_message_a_connection_is_rendered_ahead_on_the_next_turn_of_the_event_loop(store: Engine) -> None:
    queue_deliveries(store, 60)
    claimer = Claimer(make_context(store), lambda: NOW, SenderIdentity("one"), RenderCache())
    emails, _ = claimer.claim(frozenset())

    async def act() -> None:
        buffer = SendBuffer(RateLimits(), 100, lambda: False, no_slices)
        messages = prefetcher(claimer, buffer, store)
        await buffer.put(emails)
        assert messages.prefetched(connections=20)
        assert len(buffer) == 59
        await asyncio.sleep(0)
        assert len(buffer) == 39
        for _ in range(5):
            assert messages.prefetched(connections=20)
        assert len(buffer) == 39
        await asyncio.sleep(0)
        assert len(buffer) == 34

    asyncio.run(act())
