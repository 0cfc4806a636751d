"""Classification of what mail servers answer, at each step of SMTP and in bounces. Pure.

    code, enhanced status (RFC 3463), words, step -> reason -> topic: mailbox, message, sender, rate, unknown

The rules are tables (`reply_rules`, `reply_phrases`); they know a provider by its words. A status that is precise
decides. A vague one (5.0.0, 5.5.0, none) leaves it to the words. Words may only lower a status: 5.1.1 from a server
that also says that the mailbox is full, or that it does not know us, suppresses nobody. What no rule knows is
`unknown`: it is never charged to a mailbox.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    SmtpStep,
    TemporaryDeliveryError,
)
from digest.mail import messages
from digest.mail.reply_phrases import PHRASES
from digest.mail.reply_rules import (
    REASONS,
    REFUSED_AFTER_MESSAGE,
    STATUS_PHRASES,
    STATUSES,
    UNKNOWN_MAILBOX,
    WEAK_REASONS,
    Reason,
    ReplyTopic,
)

__all__ = ["ClassifiedReply", "ReplyTopic", "SmtpStep"]

ENHANCED_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")  # RFC 3463, 2
MAX_REPLY_LENGTH = 300
SESSION_END = 421
PERMANENT = 500  # RFC 5321, 4.2.1
LOGIN_CODES = {432, 530, 534, 535, 538}  # RFC 4954, 6
# Meaning of a code where neither status nor words are known. RFC 5321, 4.2.3; RFC 7504; RFC 1870; RFC 4954.
REASON_BY_CODE = {421: "too many at once", 452: "fault of a system", 454: "fault of a system", 556: "takes no mail"}
RECIPIENT_REASON_BY_CODE = {521: "takes no mail", 552: "mailbox full"}
MESSAGE_REASON_BY_CODE = {552: "too large"}

_PATTERNS = tuple((reason, re.compile("|".join(phrases), re.IGNORECASE)) for reason, phrases in PHRASES)
_STATUS_PATTERNS = tuple((status, re.compile(words, re.IGNORECASE), reason) for status, words, reason in STATUS_PHRASES)
# Statuses that say no more than "something": the text is asked first.
_VAGUE_STATUS = re.compile(r"[45]\.(?:[056]\.\d+|2\.0)|4\.[347]\.\d+")
_AFTER_DATA = re.compile(r"end of data|reply to data|after i sent|(?:smtp command|>>>)\W{1,9}data\b", re.IGNORECASE)
# With pipelining (RFC 2920) DATA was sent before RCPT was refused: the refusal is about the recipient all the same.
_AT_RCPT = re.compile(r"no valid recipients|need rcpt|bad sequence", re.IGNORECASE)
_ADDRESS = re.compile(r"<?[^\s<>@:;,()]{1,320}@[^\s<>@:;,()]{1,255}>?")  # what it says of spam or quotas is no phrase
_VARIABLE_WORDS = re.compile(r"\S*[@\d]\S*|[<\[(][^>\])]*[>\])]")


@dataclass(frozen=True, slots=True)
class ClassifiedReply:
    """Meaning of a negative reply.

    `reason` is a key of `reply_rules.REASONS`, or empty when no rule knows the reply. `advice` tells the operator what
    to do. `is_dead`: the mailbox takes no mail and never will, so its subscription ends. `key` is equal for replies
    that say the same thing, whoever the recipient is.
    """

    topic: ReplyTopic
    reason: str = ""
    advice: str = ""
    is_dead: bool = False
    key: str = ""


def classify_reply(code: int, text: str, step: SmtpStep) -> ClassifiedReply:
    """Return the meaning of a negative reply to a command."""
    text = " ".join(text.split())
    status = next((status for status in find_statuses(text) if status.startswith(str(code)[0])), "")
    by_words = _first_reason((text,))
    if step is SmtpStep.DATA and by_words == UNKNOWN_MAILBOX and not _AT_RCPT.search(text):
        by_words = REFUSED_AFTER_MESSAGE
    reason = _choose_reason(status, (text,), by_words) or _reason_by_code(code, step)
    topic = REASONS[reason].topic if reason else ReplyTopic.UNKNOWN
    if step in {SmtpStep.CONNECT, SmtpStep.AUTH, SmtpStep.MAIL}:  # no recipient was named yet
        is_about_message = step is SmtpStep.MAIL and reason == "too large"
        if code in LOGIN_CODES and topic is not ReplyTopic.RATE:
            reason = "login refused" if step is SmtpStep.AUTH else "not logged in"
        elif topic not in {ReplyTopic.SENDER, ReplyTopic.RATE} and not is_about_message and code >= PERMANENT:
            reason = {SmtpStep.AUTH: "login refused", SmtpStep.MAIL: "sender refused"}.get(step, "blocked")
        elif topic is ReplyTopic.MAILBOX:
            reason = "fault of a system"
    elif code in LOGIN_CODES and topic not in {ReplyTopic.SENDER, ReplyTopic.RATE}:
        reason = "not logged in"
    key = reason or f"{code} {' '.join(_VARIABLE_WORDS.sub(' ', text).split())}".strip()
    return _describe(reason, is_final=code >= PERMANENT or code == 0, key=key)


def classify_error(error: DeliveryError) -> ClassifiedReply:
    """Return the meaning of the reply that an error carries."""
    return classify_reply(error.code, str(error), error.step)


def asks_to_slow_down(error: DeliveryError) -> bool:
    """Return whether a reply wants fewer messages: it says so, or it ends the session (421, RFC 5321, 4.2.1).

    A 421 whose words say what is wrong with us is about us.
    """
    meaning = classify_error(error)
    is_vague = meaning.topic is not ReplyTopic.SENDER or meaning.reason in WEAK_REASONS
    return meaning.topic is ReplyTopic.RATE or (error.code == SESSION_END and is_vague)


def classify_bounce(status: str, texts: Sequence[str], *, final: bool) -> ClassifiedReply:
    """Return the meaning of a bounce.

    `texts` is what was said about it, the closest first; not `final`: a delay. A server that refuses the user only
    after it has seen the message refuses the message, whatever it says.
    """
    by_words = _first_reason(texts)
    is_after_data = any(_AFTER_DATA.search(text) for text in texts)
    if by_words == UNKNOWN_MAILBOX and is_after_data and not any(_AT_RCPT.search(text) for text in texts):
        by_words = REFUSED_AFTER_MESSAGE
    reason = _choose_reason(status, texts, by_words)
    return _describe(reason, is_final=final, key=reason)


def _choose_reason(status: str, texts: Sequence[str], by_words: str) -> str:
    """Return the reason that status and words give together, empty when neither is known."""
    for special_status, pattern, reason in _STATUS_PATTERNS:
        if status == special_status and any(pattern.search(text) for text in texts):
            return reason
    by_status = STATUSES.get(status) or STATUSES.get(status.rpartition(".")[0], "")
    if not by_status or _VAGUE_STATUS.fullmatch(status):
        return by_words or by_status
    if not by_words or by_words in WEAK_REASONS:
        return by_status
    # Words are believed where they excuse the recipient, and give the reason where both have the same consequence.
    is_lenient = REASONS[by_status].is_dead and not REASONS[by_words].is_dead
    return by_words if is_lenient or _consequence(by_words) == _consequence(by_status) else by_status


def _first_reason(texts: Sequence[str]) -> str:
    masked = [_ADDRESS.sub("<@>", text) for text in texts]
    return next((reason for text in masked for reason, pattern in _PATTERNS if pattern.search(text)), "")


def find_statuses(text: str) -> list[str]:
    """Return the enhanced status codes of refusals and delays in a text."""
    return [status for status in ENHANCED_STATUS.findall(text) if not status.startswith("2")]


def _reason_by_code(code: int, step: SmtpStep) -> str:
    by_step = {SmtpStep.RCPT: RECIPIENT_REASON_BY_CODE}.get(step, MESSAGE_REASON_BY_CODE)
    return by_step.get(code) or REASON_BY_CODE.get(code, "")


def _consequence(reason: str) -> str:
    topic, _, is_dead = REASONS[reason]
    return "dead" if is_dead else "ours" if topic in {ReplyTopic.SENDER, ReplyTopic.RATE} else "soft"


def _describe(reason: str, *, is_final: bool, key: str) -> ClassifiedReply:
    topic, advice, is_dead = REASONS.get(reason, Reason(ReplyTopic.UNKNOWN))
    return ClassifiedReply(topic, reason, advice, is_dead=is_dead and is_final, key=key)


def advice_for(reason: str) -> str:
    """Return what the operator can do about a reason, empty where there is nothing."""
    return REASONS[reason].advice if reason in REASONS else ""


def error_from_reply(code: int, text: str, *, step: SmtpStep, relay: str) -> DeliveryError:
    """Return the error for a reply other than the expected one.

    The sender is always the same, so its final refusal is about us, unless only this message is too large or we are
    too fast.
    """
    topic = classify_reply(code, text, step).topic
    is_about_sender = step is SmtpStep.MAIL and code >= PERMANENT and topic is ReplyTopic.SENDER
    if is_about_sender or (code in LOGIN_CODES and code >= PERMANENT):
        return RelayRefusedError(messages.relay_refuses(relay, code, text), code=code, step=step)
    if code >= PERMANENT and topic is not ReplyTopic.RATE:
        return PermanentDeliveryError(text, code=code, step=step)
    return TemporaryDeliveryError(text, code=code, step=step)


def redact_addresses(reply: str) -> str:
    """Return a reply on one short line without any address, fit for the record and for logs.

    Characters that are not printable go, too: a relay may send any byte, and databases refuse NUL and surrogates.
    """
    printable = reply if reply.isprintable() else "".join(c if c.isprintable() else " " for c in reply)
    return " ".join("(address)" if "@" in word else word for word in printable.split())[:MAX_REPLY_LENGTH]
