"""Letters are written when a connection is free for one: a few together, as that costs less than each by itself."""

import asyncio
from collections import deque
from collections.abc import Sequence

from digest.database.models import ClaimedDelivery
from digest.delivery.buffer import SendBuffer
from digest.delivery.claimer import Claimer
from digest.delivery.results import ResultRecorder
from digest.delivery.retry import DeliveryOutcome
from digest.mail import OutgoingMessage
from digest.rendering import PreparedEmail

RENDER_BATCH = 16  # letters at a time, at most


FAR = 0.02  # seconds that a relay takes to answer; from there on there is time to write between its answers,


PAUSE = 0.01  # and that begins so many seconds later: connections that wait for a commit go first


RenderedMessage = tuple[PreparedEmail, OutgoingMessage]


class MessagePrefetcher:
    """Between the letters that wait and the connections of one sender."""

    def __init__(self, buffer: SendBuffer, claimer: Claimer, recorder: ResultRecorder) -> None:
        self._buffer, self._claimer, self._recorder = buffer, claimer, recorder
        self._rendered: deque[RenderedMessage] = deque()
        self._failed: list[tuple[ClaimedDelivery, DeliveryOutcome]] = []
        self._refill: asyncio.Handle | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a letter waits for nothing but a connection."""
        return bool(self._rendered) or self._buffer.is_ready

    async def next(self) -> RenderedMessage | None:
        """The next letter, written; None when all are through or it is over. Raises StoreError."""
        while not self._buffer.should_stop():
            while self._failed:
                await self._recorder.record(*self._failed.pop())
            if self._rendered:
                return self._rendered.popleft()
            if outgoing := await self._buffer.get():
                self._render([outgoing, *self._buffer.take_ready(RENDER_BATCH - 1)])
            elif not (self._rendered or self._failed):  # else others have written ahead what is left
                break
        return None

    def prefetched(self, connections: int, seconds: float) -> RenderedMessage | None:
        """One for a connection that has a letter in hand, at once or not at all: the last ones are for the others.
        `seconds`: how long the relay took for the letter before.
        """
        few = len(self._rendered) + len(self._buffer) < connections
        if few or self._failed or self._buffer.should_stop():  # `next` tells what became of those
            return None
        if not self._rendered:
            self._render(self._buffer.take_ready(RENDER_BATCH))
        if len(self._rendered) < connections and self._refill is None:
            # A near relay leaves no quiet time. There each letter that was taken is written anew at once, rather than
            # many together while answers and commits wait.
            loop, work = asyncio.get_running_loop(), self._render_ahead
            self._refill = (
                loop.call_later(PAUSE, work, connections) if seconds > FAR else loop.call_soon(work, connections)
            )
        return self._rendered.popleft() if self._rendered else None

    def _render_ahead(self, connections: int) -> None:
        """So that every connection finds one: answers come in waves, as one commit lets many letters go at once."""
        self._refill = None
        lacking = connections - len(self._rendered)
        if lacking > 0 and (letters := self._buffer.take_ready(min(RENDER_BATCH, lacking))):
            self._render(letters)
            self._refill = asyncio.get_running_loop().call_soon(self._render_ahead, connections)

    def _render(self, emails: Sequence[PreparedEmail]) -> None:
        # Here and not in a thread: two that work at once would take turns, and pay for each.
        for each in emails:
            try:
                self._rendered.append((each, OutgoingMessage(each.sender, each.recipient, each.render())))
            except Exception as error:  # noqa: BLE001  - it is told, and the other letters go
                self._failed.append((each.delivery, self._claimer.outcome_of_render_error(each.delivery, error)))
