"""A mail that came back, read: bytes in, a report out. Pure.

    bytes -> opened -> complaint? -> notification (RFC 3464)? -> an old format that flufl.bounce knows?
                    -> the prose of a mail system? -> automatic reply? -> none of these

The order is that of how sure one can be. flufl.bounce knows the formats of thirty years but tells only who, and whether
for good; what that means for the reader is decided in `reasons.py`.
"""

from email.message import Message
from email.utils import parseaddr

from digest.bounces import prose
from digest.bounces.dsn import STATUS, Fate, fates, quoted
from digest.bounces.feedback import automatic, complaint
from digest.bounces.opened import header, opened, said
from digest.bounces.reasons import judge
from digest.bounces.report import Class, Report
from digest.errors import Unreadable

MOST_RECIPIENTS = 20


def read(raw: bytes) -> Report:
    """What a mail says. Raises Unreadable for what is no mail, or one made to cost time."""
    return read_message(opened(raw))


def read_message(message: Message) -> Report:
    """The same of an opened mail, which is not good for more after. Raises Unreadable."""
    try:
        return _read(message)
    except Unreadable:
        raise
    except Exception as error:
        # Parsers of others, and mail from anybody: whatever they stumble over, this one mail is set aside.
        raise Unreadable(f"it cannot be read: {type(error).__name__}") from error


def _read(message: Message) -> Report:
    text = said(message)
    words = prose.before_original(text)
    return (
        complaint(message)
        or _notified(message, text, words)
        or _old(message, words)
        or _written(message, words)
        or _automatic(message)
        or Report(Class.NONE)
    )


def _notified(message: Message, text: str, words: str) -> Report | None:
    found = fates(message) or (quoted(text) if prose.from_a_system(message) else [])
    failed = [each for each in found if each.action.startswith(("fail", "error", "expired"))]
    delayed = [each for each in found if each.action.startswith("delay")]
    if not failed and not delayed:
        return Report(Class.NONE, parser="rfc3464") if found else None
    fate = (failed or delayed)[0]
    recipients = tuple(dict.fromkeys(each.recipient for each in failed or delayed if each.recipient))
    status = _status(fate, words)
    named = recipients or prose.failed_recipients(message)
    return _report(named, status, (fate.diagnostic, words), final=bool(failed), parser="rfc3464")


def _status(fate: Fate, words: str) -> str:
    """The field's, unless it says nothing or is a relay's 5.1.1 for everything, and the server's own words say more."""
    vague = not fate.status or fate.status.endswith((".0.0", ".4.7"))
    if vague or fate.status == "5.1.1":
        for text in (fate.diagnostic, words if vague else ""):
            told = [each for each in STATUS.findall(text) if not each.startswith("2") and not each.endswith(".0.0")]
            if told:  # where one server quotes another, the other knows better
                return str(told[-1] if "'" in text else told[0])
    return fate.status


def _old(message: Message, words: str) -> Report | None:
    temporary, permanent = prose.by_flufl(message)
    found = permanent or temporary
    if not found:
        return None
    order = sorted(found, key=lambda each: (words.find(each) < 0, words.find(each), each))
    return _report(tuple(order), prose.status(words), (words,), final=bool(permanent), parser="flufl.bounce")


def _written(message: Message, words: str) -> Report | None:
    recipients = prose.recipients(message, words)
    if not recipients:
        return None
    final = not prose.DELAYED.search(words)
    return _report(recipients, prose.status(words), (words,), final=final, parser="prose")


def _automatic(message: Message) -> Report | None:
    if not automatic(message):
        return None
    sender = parseaddr(header(message, "From"))[1]
    return Report(Class.REPLY, sender, parser="rfc3834", recipients=(sender,) if sender else ())


def _report(recipients: tuple[str, ...], status: str, words: tuple[str, ...], *, final: bool, parser: str) -> Report:
    judged = judge(status, words, final=final)
    status = status or ("5.0.0" if final else "4.0.0")
    first = recipients[0] if recipients else ""
    return Report(judged.kind, first, status, judged.reason, parser, final, recipients[:MOST_RECIPIENTS])
