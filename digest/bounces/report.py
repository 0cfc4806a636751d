"""What a mail that came back says, as a value."""

from dataclasses import dataclass
from enum import StrEnum


class ReportKind(StrEnum):
    """What we make of a mail; MAIL.md's words. All but NONE are kept with the letter."""

    HARD = "hard"  # the address takes no mail and never will
    SOFT = "soft"  # this letter did not arrive, or not yet; the next one may
    COMPLAINT = "complaint"  # the reader called it spam
    AUTO_REPLY = "auto-reply"  # the letter arrived, and a machine says so
    SENDER_FAULT = (
        "ours"  # refused because of us, our relay, our content or the way between: never the reader's account
    )
    UNSUBSCRIBE = "unsubscribe"  # a mail to the address for leaving; told by that address, never by reading
    NONE = "none"  # nothing of that kind


@dataclass(frozen=True, slots=True)
class BounceReport:
    """One mail, read.

    `recipient` is the first address that the mail speaks of, `recipients` all of them in its order. `status` is an
    enhanced status code (RFC 3463); a failure that names none has 5.0.0, a delay 4.0.0. `final`: nobody will try this
    letter again. `reason` is one of the words of `reasons.py` or empty; `parser` names the code that understood it.
    """

    kind: ReportKind
    recipient: str = ""
    status: str = ""
    reason: str = ""
    parser: str = ""
    final: bool = False
    recipients: tuple[str, ...] = ()
