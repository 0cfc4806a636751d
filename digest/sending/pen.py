"""Letters are written when a connection is free for one: a few together, as that costs less than each by itself."""

from collections import deque
from collections.abc import Sequence

from digest.sending.answers import Answers
from digest.sending.intake import Intake
from digest.sending.outbox import Outbox
from digest.writing import Outgoing

TOGETHER = 16  # letters at a time, at most
Letter = tuple[Outgoing, bytes]


class Pen:
    """Between the letters that wait and the connections of one sender."""

    def __init__(self, outbox: Outbox, intake: Intake, answers: Answers) -> None:
        self._outbox, self._intake, self._answers = outbox, intake, answers
        self._written: deque[Letter] = deque()

    @property
    def hurried(self) -> bool:
        """Whether a letter waits for nothing but a connection."""
        return bool(self._written) or self._outbox.hurried

    async def next(self, connections: int) -> Letter | None:
        """The next letter, written; None when all are through or it is over. Each of so many `connections` is to have
        its share of the last ones. Raises StoreError.
        """
        while not self._outbox.over():
            if self._written:
                return self._written.popleft()
            if not (outgoing := await self._outbox.get()):
                break
            share = min(TOGETHER, len(self._outbox) // max(1, connections))
            await self._write([outgoing, *self._outbox.more(share - 1)])
        return None

    async def _write(self, letters: Sequence[Outgoing]) -> None:
        # Here and not in a thread: two that work at once would take turns, and pay for each.
        unwritten = []
        for outgoing in letters:
            try:
                self._written.append((outgoing, outgoing.written()))
            except Exception as error:  # noqa: BLE001  - it is told, and the other letters go
                unwritten.append((outgoing.claimed, self._intake.unwritten(outgoing.claimed, error)))
        for claimed, outcome in unwritten:
            await self._answers.record(claimed, outcome)
