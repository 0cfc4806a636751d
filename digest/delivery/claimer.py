"""Claim deliveries for one sender, with all that their e-mails need; recover what dead senders left behind."""

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
from digest.delivery.retry import DeliveryOutcome, backoff, outcome_from_error
from digest.errors import DeliveryError
from digest.mail import replies
from digest.rendering import FirstPapers, PreparedEmail, RenderCache, load_batch, prepare_email

log = structlog.get_logger()

# One connection is enough for so many; each one more may leave a message in doubt after a crash.
DELIVERIES_PER_CONNECTION = 100
RECOVERY_SECONDS = 5.0  # between searches for what dead senders left, where there are other senders
Clock = Callable[[], datetime]
# Finds the papers that the welcome of each new subscriber shows.
FirstPapersFinder = Callable[[Session, Sequence[ClaimedDelivery], datetime], Mapping[int, FirstPapers]]
ClaimResult = tuple[list[PreparedEmail], list[tuple[ClaimedDelivery, DeliveryOutcome]]]


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """Sender's name in the record. `ensure_alive` raises OwnershipLostError if the store counts it as dead."""

    name: str
    ensure_alive: Callable[[], None] | None = None


@dataclass(slots=True)
class Claimer:
    """Claims deliveries in the name of one sender."""

    ctx: AppContext
    clock: Clock
    identity: SenderIdentity
    cache: RenderCache
    first_papers: FirstPapersFinder | None = None
    rng: random.Random = field(default_factory=random.Random)  # noqa: S311  - jitter, no secret
    _recovered_at: float = 0.0

    def connections_needed(self, limit: int) -> int:
        """Return how many connections the queue is worth, at most `limit`."""
        with read_session(self.ctx.engine) as session:
            queued = claims.count_queued(session, limit=limit * DELIVERIES_PER_CONNECTION)
        return min(limit, 1 + queued // DELIVERIES_PER_CONNECTION)

    def claim(self, full_domains: Collection[str]) -> ClaimResult:
        """Claim the next deliveries; return prepared e-mails, and outcomes of those that cannot be prepared.

        Raises StoreError.
        """
        if self.identity.ensure_alive:
            self.identity.ensure_alive()
        now = self.clock()
        limit = claim_batch_size(self.ctx.settings.smtp_rate, self.ctx.settings.smtp_domain_rate)
        with write_session(self.ctx.engine) as session:
            claimed = claims.claim(session, self.identity.name, now, limit, excluded_domains=full_domains)
        with read_session(self.ctx.engine) as session:
            batch = load_batch(session, claimed, now, self.cache)
            if self.first_papers and any(delivery.kind == DeliveryKind.WELCOME for delivery in claimed):
                batch = replace(batch, first_papers=self.first_papers(session, claimed, now))
            emails, failed = [], []
            for delivery in claimed:
                try:
                    emails.append(prepare_email(self.ctx, batch, delivery, now))
                except Exception as error:  # noqa: BLE001  - recorded, and all other e-mails go
                    failed.append((delivery, self.outcome_of_render_error(delivery, error)))
        return emails, failed

    def outcome_of_render_error(self, delivery: ClaimedDelivery, error: Exception) -> DeliveryOutcome:
        """Return the outcome of an attempt whose message could not be rendered."""
        if isinstance(error, DeliveryError):  # the recipient's address cannot stand in a header
            return outcome_from_error(error, attempts=delivery.attempts, now=self.clock(), rng=self.rng)
        log.error("delivery.render_failed", delivery=delivery.id, exc_info=error)
        retry_at = self.clock() + backoff(delivery.attempts, self.rng)
        reply = replies.redact_addresses(f"cannot be written: {error!r}")
        return DeliveryOutcome(DeliveryState.QUEUED, 0, reply, retry_at)

    def is_recovery_due(self) -> bool:
        """Return whether it is time to look for what other senders left behind."""
        return is_postgresql(self.ctx.engine) and monotonic() - self._recovered_at > RECOVERY_SECONDS

    def recover_abandoned(self) -> tuple[int, int]:
        """Recover what dead senders left; return how many deliveries are queued again, and how many are uncertain."""
        with write_session(self.ctx.engine) as session:
            requeued, uncertain = claims.recover_abandoned(session, self.identity.name, self.clock())
        self._recovered_at = monotonic()
        if requeued or uncertain:
            log.warning("delivery.recovered", requeued=requeued, uncertain=uncertain)
        return requeued, uncertain

    def release(self) -> None:
        """Hand back what was claimed and not sent."""
        with write_session(self.ctx.engine) as session:
            claims.release(session, self.identity.name)
