"""Who gets the letters that are written ahead."""

import asyncio

import pytest
from sqlalchemy import Engine

from digest.delivery.buffer import SendBuffer
from digest.delivery.claimer import Claimer, SenderIdentity
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.prefetch import MessagePrefetcher
from digest.delivery.rate_limit import RateLimits
from digest.delivery.results import ResultRecorder
from digest.rendering import RenderCache
from tests.integration.delivery.test_send import queue
from tests.support.contexts import make_context
from tests.support.factories import NOW


async def nobody(_: object) -> None:
    """No rate is shared."""


def test_at_the_end_whoever_waits_gets_what_others_have_written_ahead(store: Engine) -> None:
    addresses = queue(store, 5)
    intake = Claimer(make_context(store), lambda: NOW, SenderIdentity("one"), RenderCache())
    letters, _ = intake.claim(frozenset())

    async def act() -> None:
        outbox = SendBuffer(RateLimits(), 100, lambda: False, nobody)
        pen = MessagePrefetcher(
            outbox, intake, ResultRecorder(GroupCommitter(store, "one"), intake.clock, lambda _: None)
        )
        waiting = [asyncio.create_task(pen.next()) for _ in range(4)]
        await asyncio.sleep(0.01)
        await outbox.put(letters)
        written = [pen.prefetched(connections=1, seconds=0.05)]  # and three more, so that one is left
        await outbox.close()
        written += await asyncio.gather(*waiting)
        assert sorted(each[0].recipient for each in written if each) == sorted(addresses)
        assert await pen.next() is None

    asyncio.run(act())


@pytest.mark.parametrize(("seconds", "at_once", "soon"), [(0.001, 39, 39), (0.05, 44, 39)])
def test_letters_are_written_ahead_at_once_for_a_near_relay_and_between_its_answers_for_a_far_one(
    store: Engine, seconds: float, at_once: int, soon: int
) -> None:
    queue(store, 60)
    intake = Claimer(make_context(store), lambda: NOW, SenderIdentity("one"), RenderCache())
    letters, _ = intake.claim(frozenset())

    async def act() -> None:
        outbox = SendBuffer(RateLimits(), 100, lambda: False, nobody)
        pen = MessagePrefetcher(
            outbox, intake, ResultRecorder(GroupCommitter(store, "one"), intake.clock, lambda _: None)
        )
        await outbox.put(letters)
        assert pen.prefetched(connections=20, seconds=seconds)  # the first of sixteen
        assert len(outbox) == 44
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(outbox) == at_once
        await asyncio.sleep(0.2)
        assert len(outbox) == soon  # one for each connection

    asyncio.run(act())
