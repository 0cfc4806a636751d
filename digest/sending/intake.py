"""What a sender takes in: letters of the queue, ready to be written, and what others left behind."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

import structlog
from sqlmodel import Session

from digest import db, deliveries
from digest.deliveries import Claimed, Outcome, outcome_of
from digest.deliveries.outcome import reply_without_addresses
from digest.errors import SendError
from digest.house import House
from digest.models import DeliveryKind, DeliveryState
from digest.sending.outbox import batch
from digest.writing import Desk, Memory, Outgoing, lay_out, prepare

log = structlog.get_logger()

LETTERS_EACH = 100  # one connection is enough for so many; a second would only be one more to be in doubt after a crash
SWEEP_SECONDS = 5.0  # between looks for what dead senders left behind, where there are others
Clock = Callable[[], datetime]
Taken = tuple[list[Outgoing], list[tuple[Claimed, Outcome]]]


def _alone() -> None:
    """Nobody can take this sender for dead."""


@dataclass(frozen=True, slots=True)
class Place:
    """One sender among others: its name in the record, and a look whether the others still count it as alive (it
    raises Lost if not).
    """

    name: str
    still_there: Callable[[], None] = _alone


@dataclass(slots=True)
class Intake:
    """The record as the one who claims sees it."""

    house: House
    clock: Clock
    place: Place
    known: Memory
    dice: random.Random = field(default_factory=random.Random)  # noqa: S311  - jitter, no secret
    _swept_at: float = 0.0

    @property
    def _batch(self) -> int:
        return batch(self.house.settings.smtp_rate, self.house.settings.smtp_domain_rate)

    def worth(self, connections: int) -> int:
        """How many of so many connections the queue is worth."""
        with db.reading(self.house.engine) as session:
            queued = deliveries.waiting(session, most=connections * LETTERS_EACH)
        return min(connections, 1 + queued // LETTERS_EACH)

    def claim(self, full: Collection[str]) -> Taken:
        """The next letters; and those that cannot be written, with what becomes of them. Raises StoreError."""
        self.place.still_there()
        now = self.clock()
        with db.writing(self.house.engine) as session:
            claimed = deliveries.claim(session, self.place.name, now, self._batch, without=full)
        with db.reading(self.house.engine) as session:
            laid = lay_out(session, claimed, now, self.known)
            return self._prepare(_welcoming(session, laid, claimed, now), claimed, now)

    def _prepare(self, desk: Desk, claimed: Sequence[Claimed], now: datetime) -> Taken:
        taken, unwritten = [], []
        for each in claimed:
            try:
                taken.append(prepare(self.house, desk, each, now))
            except Exception as error:  # noqa: BLE001  - it is told, and the other letters go
                unwritten.append((each, self.unwritten(each, error)))
        return taken, unwritten

    def unwritten(self, claimed: Claimed, error: Exception) -> Outcome:
        """What becomes of a letter that could not be written for this reason."""
        if isinstance(error, SendError):  # nobody could be addressed this way
            return outcome_of(error, attempts=claimed.attempts, now=self.clock(), dice=self.dice)
        log.error("letter.unwritten", delivery=claimed.id, exc_info=error)
        retry = self.clock() + deliveries.backoff(claimed.attempts, self.dice)
        return Outcome(DeliveryState.QUEUED, 0, reply_without_addresses(f"cannot be written: {error!r}"), retry)

    def sweeps_now(self) -> bool:
        """Whether it is time to look for what others left behind."""
        return db.on_server(self.house.engine) and monotonic() - self._swept_at > SWEEP_SECONDS

    def sweep(self) -> tuple[int, int]:
        """Take up what dead senders left behind: (letters queued again, letters now uncertain)."""
        with db.writing(self.house.engine) as session:
            again, uncertain = deliveries.sweep(session, self.place.name, self.clock())
        self._swept_at = monotonic()
        if again or uncertain:
            log.warning("sender.swept", queued_again=again, uncertain=uncertain)
        return again, uncertain

    def release(self) -> None:
        """Hand back what was claimed and not sent."""
        with db.writing(self.house.engine) as session:
            deliveries.release(session, self.place.name)


def _welcoming(session: Session, laid: Desk, claimed: Sequence[Claimed], now: datetime) -> Desk:
    if all(each.kind != DeliveryKind.WELCOME for each in claimed):
        return laid
    from digest.welcoming import first_papers  # with planning and numpy: 45 MB that few letters need

    return replace(laid, first=first_papers(session, claimed, now))
