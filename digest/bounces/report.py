"""What a mail that came back says, as a value."""

from dataclasses import dataclass

from digest.mail.replies import ReportKind


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
