"""Parser of messages that come back: bytes in, a report out. Pure.

    bytes -> message -> complaint? -> notification (RFC 3464)? -> an old format that flufl.bounce knows?
                     -> text of a mail system? -> automatic reply? -> none of these

The order is that of certainty. flufl.bounce knows the formats of thirty years but tells only who, and whether
permanently; what that means for the subscriber is decided in `classify`.
"""

from email.message import Message
from email.utils import parseaddr

from digest.bounces import messages
from digest.bounces.arf import parse_complaint
from digest.bounces.auto_reply import is_auto_reply
from digest.bounces.classify import choose_status, classify
from digest.bounces.dsn import parse_dsn, parse_dsn_text
from digest.bounces.heuristics import (
    DELAY_TEXT,
    bounced_recipients,
    failed_recipients,
    is_from_mail_system,
    parse_with_flufl,
    text_before_original,
)
from digest.bounces.mime import body_text, header_text, parse_message
from digest.bounces.report import BounceReport, ReportKind
from digest.errors import UnparsableMessageError
from digest.mail import replies


def parse_bounce(raw: bytes) -> BounceReport:
    """Parse a message. Raises UnparsableMessageError for what is no message, or would be too expensive."""
    return parse_bounce_message(parse_message(raw))


def parse_bounce_message(message: Message) -> BounceReport:
    """Return the report of a parsed message, which is changed. Raises UnparsableMessageError."""
    try:
        text = body_text(message)
        system_text = text_before_original(text)
        return (
            parse_complaint(message)
            or parse_notification(message, text, system_text)
            or parse_legacy_format(message, system_text)
            or parse_system_text(message, system_text)
            or parse_auto_reply(message)
            or BounceReport(ReportKind.NONE)
        )
    except UnparsableMessageError:
        raise
    except Exception as error:
        # Third-party parsers meet untrusted messages here: whatever they raise, only this message is set aside.
        raise UnparsableMessageError(messages.parsing_failed(type(error).__name__)) from error


def parse_notification(message: Message, text: str, system_text: str) -> BounceReport | None:
    """Return the report of a delivery status notification, None for any other message."""
    statuses = parse_dsn(message) or (parse_dsn_text(text) if is_from_mail_system(message) else [])
    failed = [status for status in statuses if status.action.startswith(("fail", "error", "expired"))]
    delayed = [status for status in statuses if status.action.startswith("delay")]
    if not failed and not delayed:
        return BounceReport(ReportKind.NONE, parser="rfc3464") if statuses else None
    first = (failed or delayed)[0]
    recipients = tuple(dict.fromkeys(status.recipient for status in failed or delayed if status.recipient))
    return classify(
        recipients or failed_recipients(message),
        choose_status(first, system_text),
        (first.diagnostic, system_text),
        final=bool(failed),
        parser="rfc3464",
    )


def parse_legacy_format(message: Message, system_text: str) -> BounceReport | None:
    """Return the report of a format that flufl.bounce knows, None for any other message. Changes the message."""
    temporary, permanent = parse_with_flufl(message)
    addresses = permanent or temporary
    if not addresses:
        return None

    def order(address: str) -> tuple[bool, int, str]:
        position = system_text.find(address)
        return position < 0, position, address

    return classify(
        sorted(addresses, key=order),
        next(iter(replies.find_statuses(system_text)), ""),
        (system_text,),
        final=bool(permanent),
        parser="flufl.bounce",
    )


def parse_system_text(message: Message, system_text: str) -> BounceReport | None:
    """Return the report of a mail system that writes for people, None for any other message."""
    recipients = bounced_recipients(message, system_text)
    if not recipients:
        return None
    return classify(
        recipients,
        next(iter(replies.find_statuses(system_text)), ""),
        (system_text,),
        final=not DELAY_TEXT.search(system_text),
        parser="prose",
    )


def parse_auto_reply(message: Message) -> BounceReport | None:
    """Return the report of an automatic reply, None for any other message."""
    if not is_auto_reply(message):
        return None
    sender = parseaddr(header_text(message, "From"))[1]
    return BounceReport(ReportKind.AUTO_REPLY, sender, parser="rfc3834", recipients=(sender,) if sender else ())
