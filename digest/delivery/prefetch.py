"""Render queued messages ahead of the connections that will send them."""

import asyncio
from collections import deque
from dataclasses import dataclass

from digest.database.models import ClaimedDelivery
from digest.delivery.buffer import SendBuffer
from digest.delivery.claimer import Claimer
from digest.delivery.results import ResultRecorder
from digest.delivery.retry import DeliveryOutcome
from digest.mail import OutgoingMessage
from digest.rendering import PreparedEmail


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """Message, and the e-mail that it was rendered from."""

    email: PreparedEmail
    message: OutgoingMessage


class MessagePrefetcher:
    """Keeps one rendered message a connection; replaces those taken on the next turn of the event loop."""

    def __init__(self, buffer: SendBuffer, claimer: Claimer, recorder: ResultRecorder) -> None:
        self._buffer, self._claimer, self._recorder = buffer, claimer, recorder
        self._rendered: deque[RenderedMessage] = deque()
        self._failed: list[tuple[ClaimedDelivery, DeliveryOutcome]] = []
        self._refill: asyncio.Handle | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a message waits for nothing but a connection."""
        return bool(self._rendered) or self._buffer.is_ready

    async def next_message(self) -> RenderedMessage | None:
        """Wait for the next message; None when there are no more or the sender stops. Raises StoreError."""
        while not self._buffer.should_stop():
            while self._failed:
                await self._recorder.record(*self._failed.pop())
            if self._rendered:
                return self._rendered.popleft()
            if email := await self._buffer.get():
                self._render(email)
            elif not (self._rendered or self._failed):  # a refill may have taken the last ones meanwhile
                break
        return None

    def prefetched(self, connections: int) -> RenderedMessage | None:
        """Return a rendered message for a connection that is still sending one, if there are enough for all."""
        if len(self._rendered) + len(self._buffer) < connections or self._buffer.should_stop():
            return None  # the last ones are for connections that wait
        if not self._rendered:
            self._render_ahead(1)
        if self._refill is None:
            self._refill = asyncio.get_running_loop().call_soon(self._render_ahead, connections)
        return self._rendered.popleft() if self._rendered else None

    def _render_ahead(self, count: int) -> None:
        self._refill = None
        for email in self._buffer.take_ready(count - len(self._rendered)):
            self._render(email)

    def _render(self, email: PreparedEmail) -> None:
        # On the event loop: a second thread would compete for the GIL.
        try:
            message = OutgoingMessage(email.sender, email.recipient, email.render())
        except Exception as error:  # noqa: BLE001  - recorded, and all other messages go
            self._failed.append((email.delivery, self._claimer.outcome_of_render_error(email.delivery, error)))
        else:
            self._rendered.append(RenderedMessage(email, message))
