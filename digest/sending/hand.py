"""What a connection has in hand."""

from dataclasses import dataclass

from digest.mail.smtp import OutgoingMessage
from digest.sending.answers import PendingResult
from digest.sending.outbox import now
from digest.sending.pen import RenderedMessage


@dataclass(slots=True)
class ConnectionState:
    """What a connection has beside the letter that it sends: the answer to the one before, if it may not be recorded
    yet, and the one that follows. The relay `took` so many seconds for the last one that `left`.
    """

    previous: PendingResult | None = None
    next_message: RenderedMessage | None = None
    left: float = 0.0
    took: float = 0.0

    def announced(self) -> OutgoingMessage | None:
        """What will be sent next, asked as a letter leaves."""
        self.left = now()
        return self.next_message[1] if self.next_message else None
