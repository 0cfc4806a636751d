"""A mail that came back, read: bytes in, a report out. Pure.

    bytes -> opened -> complaint? -> notification (RFC 3464)? -> an old format that flufl.bounce knows?
                    -> the prose of a mail system? -> automatic reply? -> none of these

The order is that of how sure one can be. flufl.bounce knows the formats of thirty years but tells only who, and whether
for good; what that means for the reader is decided in `reasons.py`.
"""

from email.message import Message
from email.utils import parseaddr

from digest.bounces.arf import is_auto_reply, parse_complaint
from digest.bounces.dsn import ENHANCED_STATUS, RecipientStatus, parse_dsn, parse_dsn_text
from digest.bounces.heuristics import (
    DELAY_TEXT,
    bounced_recipients,
    failed_recipients,
    find_status,
    is_from_mail_system,
    parse_with_flufl,
    text_before_original,
)
from digest.bounces.mime import body_text, header_text, parse_message
from digest.bounces.report import BounceReport
from digest.errors import UnparsableMessageError
from digest.mail.replies import ReportKind, classify_refusal

MAX_RECIPIENTS = 20


def parse_bounce(raw: bytes) -> BounceReport:
    """What a mail says. Raises Unreadable for what is no mail, or one made to cost time."""
    return parse_bounce_message(parse_message(raw))


def parse_bounce_message(message: Message) -> BounceReport:
    """The same of an opened mail, which is not good for more after. Raises Unreadable."""
    try:
        return _parse(message)
    except UnparsableMessageError:
        raise
    except Exception as error:
        # Parsers of others, and mail from anybody: whatever they stumble over, this one mail is set aside.
        raise UnparsableMessageError(f"it cannot be read: {type(error).__name__}") from error


def _parse(message: Message) -> BounceReport:
    text = body_text(message)
    words = text_before_original(text)
    return (
        parse_complaint(message)
        or _parse_dsn(message, text, words)
        or _parse_legacy(message, words)
        or _parse_text(message, words)
        or _parse_auto_reply(message)
        or BounceReport(ReportKind.NONE)
    )


def _parse_dsn(message: Message, text: str, system_text: str) -> BounceReport | None:
    found = parse_dsn(message) or (parse_dsn_text(text) if is_from_mail_system(message) else [])
    failed = [each for each in found if each.action.startswith(("fail", "error", "expired"))]
    delayed = [each for each in found if each.action.startswith("delay")]
    if not failed and not delayed:
        return BounceReport(ReportKind.NONE, parser="rfc3464") if found else None
    fate = (failed or delayed)[0]
    recipients = tuple(dict.fromkeys(each.recipient for each in failed or delayed if each.recipient))
    status = _find_status(fate, system_text)
    named = recipients or failed_recipients(message)
    return classify(named, status, (fate.diagnostic, system_text), final=bool(failed), parser="rfc3464")


def _find_status(recipient: RecipientStatus, system_text: str) -> str:
    """The field's, unless it says nothing or is a relay's 5.1.1 for everything, and the server's own words say more."""
    vague = not recipient.status or recipient.status.endswith((".0.0", ".4.7"))
    if vague or recipient.status == "5.1.1":
        for text in (recipient.diagnostic, system_text if vague else ""):
            told = [
                each for each in ENHANCED_STATUS.findall(text) if not each.startswith("2") and not each.endswith(".0.0")
            ]
            if told:  # where one server quotes another, the other knows better
                return str(told[-1] if "'" in text else told[0])
    return recipient.status


def _parse_legacy(message: Message, system_text: str) -> BounceReport | None:
    temporary, permanent = parse_with_flufl(message)
    found = permanent or temporary
    if not found:
        return None
    order = sorted(found, key=lambda each: (system_text.find(each) < 0, system_text.find(each), each))
    return classify(
        tuple(order), find_status(system_text), (system_text,), final=bool(permanent), parser="flufl.bounce"
    )


def _parse_text(message: Message, system_text: str) -> BounceReport | None:
    recipients = bounced_recipients(message, system_text)
    if not recipients:
        return None
    final = not DELAY_TEXT.search(system_text)
    return classify(recipients, find_status(system_text), (system_text,), final=final, parser="prose")


def _parse_auto_reply(message: Message) -> BounceReport | None:
    if not is_auto_reply(message):
        return None
    sender = parseaddr(header_text(message, "From"))[1]
    return BounceReport(ReportKind.AUTO_REPLY, sender, parser="rfc3834", recipients=(sender,) if sender else ())


def classify(
    recipients: tuple[str, ...], status: str, texts: tuple[str, ...], *, final: bool, parser: str
) -> BounceReport:
    judged = classify_refusal(status, texts, final=final)
    status = status or ("5.0.0" if final else "4.0.0")
    first = recipients[0] if recipients else ""
    return BounceReport(judged.kind, first, status, judged.reason, parser, final, recipients[:MAX_RECIPIENTS])
