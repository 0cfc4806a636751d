"""Who gets the letters that are written ahead."""

import asyncio

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
        written = [pen.further(connections=1)]  # and three more, so that one is left
        await outbox.close()
        written += await asyncio.gather(*waiting)
        assert sorted(each[0].recipient for each in written if each) == sorted(addresses)
        assert await pen.next() is None

    asyncio.run(act())
