"""Who gets the letters that are written ahead."""

import asyncio

import pytest
from sqlalchemy import Engine

from digest.deliveries import Ledger
from digest.mail.rate import Pace
from digest.sending.answers import Answers
from digest.sending.intake import Intake, Place
from digest.sending.outbox import Outbox
from digest.sending.pen import Pen
from digest.writing import Memory
from tests.factories import NOW
from tests.house import house
from tests.integration.test_sending import queue


async def nobody(_: object) -> None:
    """No rate is shared."""


def test_at_the_end_whoever_waits_gets_what_others_have_written_ahead(store: Engine) -> None:
    addresses = queue(store, 5)
    intake = Intake(house(store), lambda: NOW, Place("one"), Memory())
    letters, _ = intake.claim(frozenset())

    async def act() -> None:
        outbox = Outbox(Pace(), 100, lambda: False, nobody)
        pen = Pen(outbox, intake, Answers(Ledger(store, "one"), intake.clock, lambda _: None))
        waiting = [asyncio.create_task(pen.next()) for _ in range(4)]
        await asyncio.sleep(0.01)
        await outbox.put(letters)
        written = [pen.further(connections=1, seconds=0.05)]  # and three more, so that one is left
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
    intake = Intake(house(store), lambda: NOW, Place("one"), Memory())
    letters, _ = intake.claim(frozenset())

    async def act() -> None:
        outbox = Outbox(Pace(), 100, lambda: False, nobody)
        pen = Pen(outbox, intake, Answers(Ledger(store, "one"), intake.clock, lambda _: None))
        await outbox.put(letters)
        assert pen.further(connections=20, seconds=seconds)  # the first of sixteen
        assert len(outbox) == 44
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(outbox) == at_once
        await asyncio.sleep(0.2)
        assert len(outbox) == soon  # one for each connection

    asyncio.run(act())
