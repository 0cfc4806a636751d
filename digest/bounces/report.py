"""Result of reading one bounce."""

from dataclasses import dataclass
from enum import StrEnum


class ReportKind(StrEnum):
    """Meaning of a message that came back. All but NONE are recorded with the delivery."""

    HARD = "hard"  # the address takes no mail and never will
    SOFT = "soft"  # this e-mail did not arrive, or not yet; the next one may
    COMPLAINT = "complaint"  # the subscriber called it spam
    AUTO_REPLY = "auto-reply"  # the e-mail arrived, and a machine answers
    SENDER_FAULT = "ours"  # refused because of us, our relay, content or route: never charged to the subscriber
    UNSUBSCRIBE = "unsubscribe"  # sent to the address for unsubscribing; that address tells, not the text
    NONE = "none"  # nothing of these


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What one message says.

    `recipient` is the first address that it names, `recipients` all of them in order. `status` is an enhanced status
    code (RFC 3463), 5.0.0 for a failure without one, 4.0.0 for a delay. `final`: the e-mail is not tried again.
    `reason` is one of `mail.replies`, or empty; `parser` names the parser that understood the message.
    """

    kind: ReportKind
    recipient: str = ""
    status: str = ""
    reason: str = ""
    parser: str = ""
    final: bool = False
    recipients: tuple[str, ...] = ()

    @property
    def is_returned(self) -> bool:
        """True when the e-mail did not arrive and is not tried again."""
        return self.final and self.kind in {ReportKind.HARD, ReportKind.SOFT, ReportKind.SENDER_FAULT}

    @property
    def summary(self) -> str:
        """Status and reason, else the kind."""
        return f"{self.status} {self.reason}".strip() or self.kind
