"""Classification of a bounce by its status code and the words of mail servers."""

from collections.abc import Sequence

from digest.bounces.dsn import RecipientStatus
from digest.bounces.report import BounceReport, ReportKind
from digest.mail import replies

MAX_RECIPIENTS = 20
SENDER_TOPICS = {replies.ReplyTopic.SENDER, replies.ReplyTopic.RATE}


def classify(recipients: Sequence[str], status: str, texts: Sequence[str], *, final: bool, parser: str) -> BounceReport:
    """Return the report of a bounce. `texts` is what was said about it, the closest first; not `final`: a delay."""
    reply = replies.classify_bounce(status, texts, final=final)
    if not final or not (reply.is_dead or reply.topic in SENDER_TOPICS):
        kind = ReportKind.SOFT
    else:
        kind = ReportKind.HARD if reply.is_dead else ReportKind.SENDER_FAULT
    return BounceReport(
        kind=kind,
        recipient=recipients[0] if recipients else "",
        status=status or ("5.0.0" if final else "4.0.0"),
        reason=reply.reason or ("" if final else "delayed"),
        parser=parser,
        final=final,
        recipients=tuple(recipients[:MAX_RECIPIENTS]),
    )


def choose_status(recipient: RecipientStatus, system_text: str) -> str:
    """Return the status of the Status field, or a more precise one from the server's own words.

    The field is not trusted where it is vague, nor where it is 5.1.1, which some relays give for everything.
    """
    is_vague = not recipient.status or recipient.status.endswith((".0.0", ".4.7"))
    if is_vague or recipient.status == "5.1.1":
        for text in (recipient.diagnostic, system_text if is_vague else ""):
            statuses = [status for status in replies.find_statuses(text) if not status.endswith(".0.0")]
            if statuses:  # where one server quotes another, the quoted one knows better
                return statuses[-1] if "'" in text else statuses[0]
    return recipient.status
