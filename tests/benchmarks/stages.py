"""What a letter costs, stage by stage: python -m tests.benchmarks.stages URL PORT LETTERS

Warm: everything is done once before it is measured. Tells microseconds of processor a letter, and its bytes.
"""

import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial

from digest.cli.process import run_coroutine
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryState
from digest.delivery.buffer import CLAIM_BATCH
from digest.delivery.claims import claim
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.prefetch import RenderedMessage
from digest.delivery.retry import SENT
from digest.mail import OutgoingMessage, SmtpConnection, build_message
from digest.rendering import RenderCache, load_batch, prepare_email
from tests.benchmarks.sender import make_sending_context, queue_again

TOGETHER = 16  # connections; of as many letters a commit says that they leave, and of as many before them what became


clock = time.process_time


def now() -> datetime:
    return datetime.now(UTC)


class Stages:
    """Seconds by stage."""

    def __init__(self, at: AppContext) -> None:
        self._at, self._known = at, RenderCache()
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.bytes = 0

    async def run(self, most: int) -> dict[str, float]:
        """Microseconds a letter by stage."""
        connections = [SmtpConnection(self._at.relay_config()) for _ in range(TOGETHER)]
        ledger = GroupCommitter(self._at.engine, "bench")
        done = 0
        while done < most:
            batch = self._written()
            if not batch:
                break
            done += len(batch)
            begun = clock()
            await self._send(connections, batch)
            self.spent["send"] += (ended := clock()) - begun
            await self._record(ledger, batch)
            self.spent["record"] += clock() - ended
        for each in connections:
            await each.close()
        await ledger.close()
        return {stage: 1e6 * seconds / done for stage, seconds in self.spent.items()} | {"bytes": self.bytes / done}

    def _written(self) -> list[RenderedMessage]:
        begun = clock()
        with write_session(self._at.engine) as session:
            claimed = claim(session, "bench", now(), CLAIM_BATCH)
        self.spent["claim"] += (ended := clock()) - begun
        with read_session(self._at.engine) as session:
            desk = load_batch(session, claimed, now(), self._known)
        self.spent["look up"] += (begun := clock()) - ended
        at = now()
        prepared = [prepare_email(self._at, desk, each, at) for each in claimed]
        made = [each.build_content() for each in prepared]
        self.spent["compose"] += (ended := clock()) - begun
        parcels = [
            OutgoingMessage(each.sender, each.recipient, build_message(letter, each.headers))
            for letter, each in zip(made, prepared, strict=True)
        ]
        self.spent["encode"] += clock() - ended
        self.bytes += sum(len(each.raw) for each in parcels)
        return list(zip(prepared, parcels, strict=True))

    async def _send(self, connections: list[SmtpConnection], batch: list[RenderedMessage]) -> None:
        waiting = iter(batch)

        async def work(connection: SmtpConnection) -> None:
            letter = next(waiting, None)
            while letter:
                following = next(waiting, None)
                await connection.send(letter[1], yes, partial(parcel_of, following))
                letter = following

        await asyncio.gather(*(work(each) for each in connections))

    async def _record(self, ledger: GroupCommitter, batch: list[RenderedMessage]) -> None:
        answered: list[int] = []
        for start in range(0, len(batch) + TOGETHER, TOGETHER):
            leaving = [each.delivery.id for each, _ in batch[start : start + TOGETHER]]
            lines = [ledger.submit(number, 1, SENT, now()) for number in answered]
            lines += [ledger.submit(number, 1, None, now()) for number in leaving]
            fates = [DeliveryState.SENT] * len(answered) + [DeliveryState.ON_WIRE] * len(leaving)
            assert await asyncio.gather(*lines) == fates
            answered = leaving


def parcel_of(letter: RenderedMessage | None) -> OutgoingMessage | None:
    return letter[1] if letter else None


async def yes() -> bool:
    return True


def main(url: str, port: str, most: str) -> None:
    random.seed(1)
    stages = Stages(make_sending_context(url, int(port), TOGETHER))
    for _ in range(2):
        queue_again(stages._at)
        stages.spent.clear()
        stages.bytes = 0
        told = run_coroutine(stages.run(int(most)))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
