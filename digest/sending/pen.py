"""Letters are written when a connection is free for one: a few together, as that costs less than each by itself."""

import asyncio
from collections import deque
from collections.abc import Sequence

from digest.deliveries import Claimed, Outcome
from digest.mail.smtp import Parcel
from digest.sending.answers import Answers
from digest.sending.intake import Intake
from digest.sending.outbox import Outbox
from digest.writing import Outgoing

TOGETHER = 16  # letters at a time, at most
FAR = 0.02  # seconds that a relay takes to answer; from there on there is time to write between its answers,
PAUSE = 0.01  # and that begins so many seconds later: connections that wait for a commit go first
Letter = tuple[Outgoing, Parcel]


class Pen:
    """Between the letters that wait and the connections of one sender."""

    def __init__(self, outbox: Outbox, intake: Intake, answers: Answers) -> None:
        self._outbox, self._intake, self._answers = outbox, intake, answers
        self._written: deque[Letter] = deque()
        self._unwritten: list[tuple[Claimed, Outcome]] = []
        self._later: asyncio.Handle | None = None

    @property
    def hurried(self) -> bool:
        """Whether a letter waits for nothing but a connection."""
        return bool(self._written) or self._outbox.hurried

    async def next(self) -> Letter | None:
        """The next letter, written; None when all are through or it is over. Raises StoreError."""
        while not self._outbox.over():
            while self._unwritten:
                await self._answers.record(*self._unwritten.pop())
            if self._written:
                return self._written.popleft()
            if outgoing := await self._outbox.get():
                self._write([outgoing, *self._outbox.more(TOGETHER - 1)])
            elif not (self._written or self._unwritten):  # else others have written ahead what is left
                break
        return None

    def further(self, connections: int, seconds: float) -> Letter | None:
        """One for a connection that has a letter in hand, at once or not at all: the last ones are for the others.
        `seconds`: how long the relay took for the letter before.
        """
        few = len(self._written) + len(self._outbox) < connections
        if few or self._unwritten or self._outbox.over():  # `next` tells what became of those
            return None
        if not self._written:
            self._write(self._outbox.more(TOGETHER))
        if len(self._written) < connections and self._later is None:
            # A near relay leaves no quiet time. There each letter that was taken is written anew at once, rather than
            # many together while answers and commits wait.
            loop, work = asyncio.get_running_loop(), self._write_for_later
            self._later = (
                loop.call_later(PAUSE, work, connections) if seconds > FAR else loop.call_soon(work, connections)
            )
        return self._written.popleft() if self._written else None

    def _write_for_later(self, connections: int) -> None:
        """So that every connection finds one: answers come in waves, as one commit lets many letters go at once."""
        self._later = None
        lacking = connections - len(self._written)
        if lacking > 0 and (letters := self._outbox.more(min(TOGETHER, lacking))):
            self._write(letters)
            self._later = asyncio.get_running_loop().call_soon(self._write_for_later, connections)

    def _write(self, letters: Sequence[Outgoing]) -> None:
        # Here and not in a thread: two that work at once would take turns, and pay for each.
        for each in letters:
            try:
                self._written.append((each, Parcel(each.sender, each.recipient, each.written())))
            except Exception as error:  # noqa: BLE001  - it is told, and the other letters go
                self._unwritten.append((each.claimed, self._intake.unwritten(each.claimed, error)))
