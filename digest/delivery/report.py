"""The count of one delivery, for reports. The record itself is in the database."""

from dataclasses import dataclass

from digest.database.models import ClaimedDelivery, DeliveryState
from digest.delivery.retry import DeliveryOutcome


@dataclass(slots=True)
class DeliveryReport:
    """What became of the letters of one delivery. `busy`: another process is sending, nothing was done here."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    cancelled: int = 0
    papers: int = 0
    busy: bool = False
    relay_error: str = ""  # why the relay does not take our letters at all

    def add(self, claimed: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        """Add one letter."""
        match outcome.state:
            case DeliveryState.SENT:
                self.sent += 1
                self.papers += len(claimed.papers)
            case DeliveryState.QUEUED if not outcome.counts_as_attempt:
                pass  # nobody has said anything about this letter yet
            case DeliveryState.QUEUED:
                self.deferred += 1
            case DeliveryState.FAILED:
                self.failed += 1
            case DeliveryState.UNCERTAIN:
                self.uncertain += 1
            case _:
                self.cancelled += 1
