"""What a connection has in hand."""

from dataclasses import dataclass

from digest.mail.smtp import Parcel
from digest.sending.answers import Recording
from digest.sending.outbox import now
from digest.sending.pen import Letter


@dataclass(slots=True)
class Hand:
    """What a connection has beside the letter that it sends: the answer to the one before, if it may not be recorded
    yet, and the one that follows. The relay `took` so many seconds for the last one that `left`.
    """

    last: Recording | None = None
    following: Letter | None = None
    left: float = 0.0
    took: float = 0.0

    def announced(self) -> Parcel | None:
        """What will be sent next, asked as a letter leaves."""
        self.left = now()
        return self.following[1] if self.following else None
