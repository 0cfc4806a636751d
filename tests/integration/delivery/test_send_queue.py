"""Which e-mails are claimed ahead, and which connection gets them."""

import asyncio

from sqlalchemy import Engine

from digest.delivery.claimer import ClaimedEmail, Claimer, SenderIdentity
from digest.delivery.rate_limit import RateLimits
from digest.delivery.send_queue import CLAIM_BATCH, SendQueue
from digest.delivery.store_executor import StoreExecutor
from digest.rendering import RenderCache
from tests.integration.delivery.test_send import queue_deliveries
from tests.support.contexts import make_context
from tests.support.factories import NOW


def send_queue(store: Engine, limits: RateLimits | None = None) -> SendQueue:
    claimer = Claimer(make_context(store), lambda: NOW, SenderIdentity("one"), RenderCache())
    return SendQueue(claimer, limits or RateLimits(store, "relay:25"), StoreExecutor(store, "test"), lambda: False)


def address(email: ClaimedEmail | None) -> str:
    assert email
    return email.batch.recipients[email.delivery.subscriber_id].email


def test_the_last_emails_are_for_connections_that_wait(store: Engine) -> None:
    addresses = queue_deliveries(store, 5)

    async def act() -> None:
        queue = send_queue(store)
        claiming = asyncio.create_task(queue.claim_all())
        taken = [address(await queue.get())]
        taken += [address(queue.get_early(connections=4))]
        assert queue.get_early(connections=4) is None
        taken += [address(await queue.get()) for _ in range(3)]
        assert taken == addresses
        for _ in addresses:
            queue.done()
        await claiming
        assert [await queue.get(), await queue.get()] == [None, None]

    asyncio.run(act())


def test_an_email_that_was_put_back_is_the_next_one_and_ends_the_queue_only_when_it_is_done(store: Engine) -> None:
    addresses = queue_deliveries(store, 1)

    async def act() -> None:
        queue = send_queue(store)
        claiming = asyncio.create_task(queue.claim_all())
        for _ in range(2):
            email = await queue.get()
            assert email
            assert [address(email)] == addresses
            queue.put_back(email)
        await queue.get()
        assert not claiming.done()
        queue.done()
        await claiming

    asyncio.run(act())


def test_two_batches_at_most_are_claimed_ahead(store: Engine) -> None:
    queue_deliveries(store, 3 * CLAIM_BATCH)

    async def act() -> None:
        queue = send_queue(store)
        claiming = asyncio.create_task(queue.claim_all())
        for number in range(3 * CLAIM_BATCH):
            await queue.get()
            assert 1 <= queue.claimed_count - number <= 2 * CLAIM_BATCH
            queue.done()
        await claiming
        assert queue.claimed_count == 3 * CLAIM_BATCH

    asyncio.run(act())
