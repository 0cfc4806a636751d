"""What a sender takes in: letters of the queue, ready to be written, and what others left behind."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic

import structlog
from sqlmodel import Session

from digest.context import AppContext
from digest.database import is_postgresql, read_session, write_session
from digest.database.models import ClaimedDelivery, DeliveryKind, DeliveryState
from digest.delivery import claims
from digest.delivery.buffer import claim_batch_size
from digest.delivery.claims import count_queued
from digest.delivery.retry import DeliveryOutcome, backoff, outcome_from_error
from digest.errors import DeliveryError
from digest.mail import replies
from digest.rendering import BatchData, FirstPapers, PreparedEmail, RenderCache, load_batch, prepare_email

log = structlog.get_logger()


DELIVERIES_PER_CONNECTION = (
    100  # one connection is enough for so many; a second would only be one more to be in doubt after a crash
)


RECOVERY_SECONDS = 5.0  # between looks for what dead senders left behind, where there are others


Clock = Callable[[], datetime]


# Finds what the welcome of a new subscriber shows, by subscriber.
FirstPapersFinder = Callable[[Session, Sequence[ClaimedDelivery], datetime], Mapping[int, FirstPapers]]


ClaimResult = tuple[list[PreparedEmail], list[tuple[ClaimedDelivery, DeliveryOutcome]]]


def _alone() -> None:
    """Nobody can take this sender for dead."""


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """One sender among others: its name in the record, and a look whether the others still count it as alive (it
    raises Lost if not).
    """

    name: str
    ensure_alive: Callable[[], None] = _alone


@dataclass(slots=True)
class Claimer:
    """The record as the one who claims sees it."""

    ctx: AppContext
    clock: Clock
    identity: SenderIdentity
    cache: RenderCache
    first_papers: FirstPapersFinder | None = None
    rng: random.Random = field(default_factory=random.Random)  # noqa: S311  - jitter, no secret
    _recovered_at: float = 0.0

    @property
    def _batch_size(self) -> int:
        return claim_batch_size(self.ctx.settings.smtp_rate, self.ctx.settings.smtp_domain_rate)

    def connections_needed(self, limit: int) -> int:
        """How many of so many connections the queue is worth."""
        with read_session(self.ctx.engine) as session:
            queued = count_queued(session, limit=limit * DELIVERIES_PER_CONNECTION)
        return min(limit, 1 + queued // DELIVERIES_PER_CONNECTION)

    def claim(self, full_domains: Collection[str]) -> ClaimResult:
        """The next letters; and those that cannot be written, with what becomes of them. Raises StoreError."""
        self.identity.ensure_alive()
        now = self.clock()
        with write_session(self.ctx.engine) as session:
            claimed = claims.claim(session, self.identity.name, now, self._batch_size, excluded_domains=full_domains)
        with read_session(self.ctx.engine) as session:
            batch = load_batch(session, claimed, now, self.cache)
            if self.first_papers and any(delivery.kind == DeliveryKind.WELCOME for delivery in claimed):
                batch = replace(batch, first_papers=self.first_papers(session, claimed, now))
            return self._prepare_emails(batch, claimed, now)

    def _prepare_emails(self, batch_data: BatchData, claimed: Sequence[ClaimedDelivery], now: datetime) -> ClaimResult:
        taken, unwritten = [], []
        for each in claimed:
            try:
                taken.append(prepare_email(self.ctx, batch_data, each, now))
            except Exception as error:  # noqa: BLE001  - it is told, and the other letters go
                unwritten.append((each, self.outcome_of_render_error(each, error)))
        return taken, unwritten

    def outcome_of_render_error(self, claimed: ClaimedDelivery, error: Exception) -> DeliveryOutcome:
        """What becomes of a letter that could not be written for this reason."""
        if isinstance(error, DeliveryError):  # nobody could be addressed this way
            return outcome_from_error(error, attempts=claimed.attempts, now=self.clock(), rng=self.rng)
        log.error("delivery.render_failed", delivery=claimed.id, exc_info=error)
        retry = self.clock() + backoff(claimed.attempts, self.rng)
        return DeliveryOutcome(
            DeliveryState.QUEUED, 0, replies.redact_addresses(f"cannot be written: {error!r}"), retry
        )

    def is_recovery_due(self) -> bool:
        """Whether it is time to look for what others left behind."""
        return is_postgresql(self.ctx.engine) and monotonic() - self._recovered_at > RECOVERY_SECONDS

    def recover_abandoned(self) -> tuple[int, int]:
        """Take up what dead senders left behind: (letters queued again, letters now uncertain)."""
        with write_session(self.ctx.engine) as session:
            again, uncertain = claims.recover_abandoned(session, self.identity.name, self.clock())
        self._recovered_at = monotonic()
        if again or uncertain:
            log.warning("delivery.recovered", requeued=again, uncertain=uncertain)
        return again, uncertain

    def release(self) -> None:
        """Hand back what was claimed and not sent."""
        with write_session(self.ctx.engine) as session:
            claims.release(session, self.identity.name)
