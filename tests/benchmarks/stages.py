"""Processor time of an email by stage: python -m tests.benchmarks.stages URL PORT EMAILS

Warm: everything is done once before it is measured. Prints microseconds an email, and its bytes.
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
from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery.claims import claim
from digest.delivery.group_commit import GroupCommitter
from digest.delivery.retry import DeliveryOutcome
from digest.delivery.send_queue import CLAIM_BATCH
from digest.mail import OutgoingMessage, SmtpConnection, build_message
from digest.rendering import RenderCache, load_batch, prepare_email
from tests.benchmarks.sender_process import local_context, queue_again

SENT = DeliveryOutcome(DeliveryState.SENT, 250)
CONNECTIONS = 16  # a commit marks so many as on the wire, and settles as many before them

clock = time.process_time


def now() -> datetime:
    return datetime.now(UTC)


class StageTimer:
    """Seconds by stage."""

    def __init__(self, ctx: AppContext) -> None:
        self.ctx, self._cache = ctx, RenderCache()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.bytes = 0

    async def run(self, limit: int) -> dict[str, float]:
        """Send emails; return microseconds an email by stage."""
        connections = [SmtpConnection(self.ctx.relay_config()) for _ in range(CONNECTIONS)]
        committer = GroupCommitter(self.ctx.engine, "bench")
        sent = 0
        while sent < limit:
            batch = self._render_batch()
            if not batch:
                break
            sent += len(batch)
            started = clock()
            await self._send(connections, batch)
            self.seconds["send"] += (ended := clock()) - started
            await self._record(committer, batch)
            self.seconds["record"] += clock() - ended
        for connection in connections:
            await connection.close()
        await committer.close()
        return {stage: 1e6 * seconds / sent for stage, seconds in self.seconds.items()} | {"bytes": self.bytes / sent}

    def _render_batch(self) -> list[tuple[ClaimedDelivery, OutgoingMessage]]:
        started = clock()
        with write_session(self.ctx.engine) as session:
            claimed = claim(session, "bench", now(), CLAIM_BATCH)
        self.seconds["claim"] += (ended := clock()) - started
        with read_session(self.ctx.engine) as session:
            batch = load_batch(session, claimed, now(), self._cache)
        self.seconds["load"] += (started := clock()) - ended
        sent_at = now()
        prepared = [prepare_email(self.ctx, batch, delivery, sent_at) for delivery in claimed]
        contents = [email.build_content() for email in prepared]
        self.seconds["render"] += (ended := clock()) - started
        messages = [
            OutgoingMessage(email.sender, email.recipient, build_message(content, email.headers))
            for content, email in zip(contents, prepared, strict=True)
        ]
        self.seconds["build"] += clock() - ended
        self.bytes += sum(len(message.raw) for message in messages)
        return list(zip(claimed, messages, strict=True))

    async def _send(
        self, connections: list[SmtpConnection], batch: list[tuple[ClaimedDelivery, OutgoingMessage]]
    ) -> None:
        remaining = iter([message for _, message in batch])

        async def work(connection: SmtpConnection) -> None:
            message = next(remaining, None)
            while message:
                following = next(remaining, None)
                await connection.send(message, always, partial(identity, following))
                message = following

        await asyncio.gather(*(work(connection) for connection in connections))

    async def _record(self, committer: GroupCommitter, batch: list[tuple[ClaimedDelivery, OutgoingMessage]]) -> None:
        on_wire: list[int] = []
        for start in range(0, len(batch) + CONNECTIONS, CONNECTIONS):
            leaving = [delivery.id for delivery, _ in batch[start : start + CONNECTIONS]]
            updates = [committer.submit(number, 1, SENT, now()) for number in on_wire]
            updates += [committer.submit(number, 1, None, now()) for number in leaving]
            states = [DeliveryState.SENT] * len(on_wire) + [DeliveryState.ON_WIRE] * len(leaving)
            assert await asyncio.gather(*updates) == states
            on_wire = leaving


def identity(message: OutgoingMessage | None) -> OutgoingMessage | None:
    return message


async def always() -> bool:
    return True


def main(url: str, port: str, limit: str) -> None:
    random.seed(1)
    timer = StageTimer(local_context(url, int(port), CONNECTIONS))
    for _ in range(2):
        queue_again(timer.ctx)
        timer.seconds.clear()
        timer.bytes = 0
        costs = run_coroutine(timer.run(int(limit)))
    sys.stdout.write(json.dumps(costs) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
