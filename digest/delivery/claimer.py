"""Claim deliveries for one sender, with the rows that their e-mails need; recover what dead senders left behind."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from time import monotonic

import structlog

from digest.context import AppContext
from digest.database import (
    InvalidRow,
    SendMark,
    count_batch,
    create_invalid_row,
    find_subscriber_error,
    invalid_column,
    is_postgresql,
    quarantine_rows,
    read_session,
    write_mark,
    write_session,
)
from digest.database.models import ClaimedDelivery, Delivery, InvalidValue
from digest.delivery import claims, messages, transitions
from digest.mail import OutgoingMessage
from digest.rendering import BatchData, RenderCache, load_batch, prepare_email

log = structlog.get_logger()

REPLACEMENT_CHARACTER = "\ufffd"  # read in place of bytes that are no text
RECOVERY_SECONDS = 5.0  # between searches for what dead senders left, where there are other senders
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """Sender's name in the record. `ensure_alive` raises OwnershipLostError if the store counts it as dead."""

    name: str
    ensure_alive: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """E-mail that is rendered when its turn has come: nobody has to keep a hundred of 50 KB."""

    delivery: ClaimedDelivery
    batch: BatchData
    claimed_at: datetime

    @property
    def domain(self) -> str:
        """Domain of the recipient, in lower case."""
        email = self.delivery.recipient or self.batch.recipients[self.delivery.subscriber_id].email
        return email.rpartition("@")[2].lower()

    def render(self, ctx: AppContext) -> OutgoingMessage:
        """Return the message and its envelope."""
        email = prepare_email(ctx, self.batch, self.delivery, self.claimed_at)
        return OutgoingMessage(email.sender, email.recipient, email.render())


def find_delivery_error(delivery: ClaimedDelivery, batch: BatchData) -> str | None:
    """Return why no e-mail can be rendered for a delivery, None when one can."""
    for column in fields(delivery):
        if isinstance(getattr(delivery, column.name), InvalidValue):
            return invalid_column(column.name)
    recipient = batch.recipients.get(delivery.subscriber_id)
    if recipient is None:
        return messages.SUBSCRIBER_MISSING
    if REPLACEMENT_CHARACTER in recipient.email:
        return messages.invalid_subscriber(messages.EMAIL_NOT_TEXT)
    fault = find_subscriber_error(
        recipient.timezone, recipient.send_hour, frequency=recipient.frequency, weekday=recipient.weekday
    )
    return messages.invalid_subscriber(fault) if fault else None


@dataclass(slots=True)
class Claimer:
    """Claims deliveries in the name of one sender.

    `uncertain` counts those that dead senders left on the wire; `unreadable` are rows that were set aside.
    """

    ctx: AppContext
    clock: Clock
    identity: SenderIdentity
    cache: RenderCache
    uncertain: int = 0
    unreadable: set[InvalidRow] = field(default_factory=set)
    _recovered_at: float = 0.0
    _mark: SendMark | None = None

    def claim(self, limit: int, full_domains: Collection[str]) -> list[ClaimedEmail]:
        """Claim the next deliveries, but those to `full_domains`. Raises StoreError."""
        if self.identity.ensure_alive:
            self.identity.ensure_alive()
        is_shared = is_postgresql(self.ctx.engine)
        if is_shared and monotonic() - self._recovered_at > RECOVERY_SECONDS:
            self.recover_abandoned()
        now = self.clock()
        with write_session(self.ctx.engine) as session:
            claimed = claims.claim(session, self.identity.name, now, limit, excluded_domains=full_domains)
            mark = None if is_shared or not claimed else count_batch(session, max(row.id for row in claimed), now)
        if mark:  # committed in the store, and on the disk before the first DATA
            write_mark(self.ctx.engine, mark)
            self._mark = mark
        if not claimed:
            # The last look: what somebody dropped meanwhile is not left for the next run.
            return self.claim(limit, full_domains) if is_shared and self.recover_abandoned() else []
        with read_session(self.ctx.engine) as session:
            batch = load_batch(session, claimed, now, self.cache)
        if batch.empty:
            with write_session(self.ctx.engine) as session:
                claims.cancel_empty(session, self.identity.name, batch.empty, now)
        claimed = [delivery for delivery in claimed if delivery.id not in batch.empty]
        readable = self._quarantine_invalid(claimed, batch, now)
        # With nothing left the queue would take this for its end.
        return [ClaimedEmail(delivery, batch, now) for delivery in readable] or self.claim(limit, full_domains)

    def _quarantine_invalid(
        self, claimed: Sequence[ClaimedDelivery], batch: BatchData, now: datetime
    ) -> list[ClaimedDelivery]:
        """Hand back and record the deliveries for which no e-mail can be rendered; return the others."""
        faults = {delivery.id: fault for delivery in claimed if (fault := find_delivery_error(delivery, batch))}
        unreadable = {create_invalid_row(Delivery, number, fault) for number, fault in faults.items()}
        new_keywords = set(batch.unreadable) - self.unreadable
        if unreadable or new_keywords:
            self.unreadable |= unreadable | new_keywords
            with write_session(self.ctx.engine) as session:
                quarantine_rows(session, unreadable | new_keywords, now)
                claims.release(session, self.identity.name, faults)
        return [delivery for delivery in claimed if delivery.id not in faults]

    def recover_abandoned(self) -> int:
        """Recover what dead senders left; return how many deliveries are queued again."""
        with write_session(self.ctx.engine) as session:
            requeued, uncertain = claims.recover_abandoned(session, self.identity.name, self.clock())
        self._recovered_at = monotonic()
        self.uncertain += uncertain
        if requeued or uncertain:
            log.warning("delivery.recovered", requeued=requeued, uncertain=uncertain)
        return requeued

    def give_up(self) -> int:
        """Fail what could not be delivered for days; return how many deliveries."""
        with write_session(self.ctx.engine) as session:
            count = transitions.give_up(session, self.clock())
        if count:
            log.warning("delivery.given_up", count=count)
        return count

    def release(self) -> None:
        """Hand back what was claimed and not sent."""
        with write_session(self.ctx.engine) as session:
            claims.release(session, self.identity.name)
            # One more after the last reply: a backup from the midst of the last batch is older than this.
            mark = count_batch(session, self._mark.highest_delivery, self.clock()) if self._mark else None
        if mark:
            write_mark(self.ctx.engine, mark)
