"""Classification of what mail servers answer: replies of a relay, and the words that bounces quote. Pure.

    enhanced status code (RFC 3463) and text -> reason -> class

A status that is precise decides. A vague one (5.0.0, 5.5.0, none) leaves it to the text. The text may only lower a
status: 5.1.1 from a server that also says that the mailbox is full suppresses nobody.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from digest.errors import DeliveryError, PermanentDeliveryError, RelayRefusedError, TemporaryDeliveryError

ENHANCED_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)")  # RFC 3463, 2
MAX_REPLY_LENGTH = 300
# RFC 5321, 4.2.3. At RCPT 552, 554 and 50x are about size, policy and syntax. 0: the address cannot be sent in SMTP.
UNKNOWN_MAILBOX_CODES = {0, 550, 551, 553}
LOGIN_CODES = {530, 534, 535, 538}  # RFC 4954, 6
TOO_LARGE_CODE = 552  # RFC 1870, 6.1


class ReplyClass(StrEnum):
    """Consequence of a negative reply."""

    HARD = "hard"  # the address takes no mail and never will
    SOFT = "soft"  # this e-mail did not arrive; the next one may
    SENDER_FAULT = "ours"  # about us, our relay, content or route: never charged to the recipient


@dataclass(frozen=True, slots=True)
class ClassifiedReply:
    """Class of a negative reply, and the reason in a few words."""

    reply_class: ReplyClass
    reason: str


UNKNOWN_MAILBOX = "no such mailbox"

_USER = r"(?:user|recipient|addressee|mailbox|account|address|alias|destination|destinataire)"
# Reason, class, and phrases that mean it. The first match counts, so what excuses the recipient comes first.
_PHRASES: tuple[tuple[str, ReplyClass, tuple[str, ...]], ...] = (
    (
        "mailbox full",
        ReplyClass.SOFT,
        (
            r"(?:mail ?)?(?:box|folder) (?:is |has been )?(?:over )?(?:full|quota)|full mailbox|mailbox exceeds",
            r"over ?-?(?:disk |the )?quota|quota ?(?:has been |was |is )?(?:exceeded|full)|disk ?quota",
            r"postfach (?:ist )?voll|bo[iî]te (?:aux lettres )?(?:est )?pleine|buz[oó]n (?:est[aá] )?lleno",
            r"容量(?:オーバー|超過)",
            r"exceed\w* (?:\w+ ){0,3}(?:quota|allowed size|storage)|insufficient storage|not enough (?:storage|space)",
        ),
    ),
    (
        "not authenticated",
        ReplyClass.SENDER_FAULT,
        (
            r"\bdmarc\b|\bspf\b|\bdkim\b|unauthenticated|authentication (?:check|fail|requir)",
            r"sender id\b|purported responsible|email address is not verified",
        ),
    ),
    (
        "no reverse name",
        ReplyClass.SENDER_FAULT,
        (r"reverse dns|\brdns\b|\bptr\b|ip name lookup failed|unverif\w+ sending ip|valid sender domain",),
    ),
    (
        "relaying refused",
        ReplyClass.SENDER_FAULT,
        (
            r"relay(?:ing)? (?:access )?(?:denied|not (?:allowed|permitted))|smtp server of your isp",
            r"(?:unable|not configured|cannot|refus\w+) to relay",
        ),
    ),
    (
        "taken for spam",
        ReplyClass.SENDER_FAULT,
        (
            r"\bspam\b|unsolicited|bulk mail|blacklisted url|virus|malware|phish",
            r"mail rejete|potential\w* (?:security|danger)",
        ),
    ),
    (
        "blocked",
        ReplyClass.SENDER_FAULT,
        (
            r"black ?-?list|block(?:ed)? ?-?list|deny ?-?list|\bdnsbl\b|\brbl\b|spamhaus|banned sending|\breputation\b",
            r"blocked (?:using|by|for|ip)|has been blocked|client host rejected|user complaints|service refuse",
        ),
    ),
    (
        "sender refused",
        ReplyClass.SENDER_FAULT,
        (
            r"sender address|sender (?:rejected|denied|refused)|(?:domain|address) of sender",
            r"mail from\W{1,3}\S{1,99} (?:rejected|refused)",
        ),
    ),
    (
        "too many at once",
        ReplyClass.SENDER_FAULT,
        (r"too many (?:recipients|connections|messages|mails|errors|hops)|frequency limit|rate ?-?limit|throttl",),
    ),
    (
        "takes no mail",
        ReplyClass.HARD,
        (r"does(?: no|n.)t accept (?:any )?(?:e-?)?mail|null ?mx|accepts no mail",),
    ),
    (
        "moved",
        ReplyClass.HARD,
        (r"no longer (?:on server|here|valid|active|available|work|employ)|has moved|address has changed",),
    ),
    (
        "no such domain",
        ReplyClass.HARD,
        (
            r"(?:domain|host)(?: name)?(?: \S{1,99})? (?:does ?n[o']t exist|unknown|not found)|nxdomain",
            r"(?:no such|unknown|illegal) (?:domain|host)|unrouteable address|domain (?:name )?not found",
        ),
    ),
    (
        "mailbox off",
        ReplyClass.SOFT,
        (
            r"account (?:\w+ ){0,3}(?:disabled(?! or disc)|inactive|suspended|locked|frozen|blocked)",
            r"disabled recipient",
            r"(?:mail)?box (?:is )?(?:frozen|locked|inactive)|compte du destinataire est bloqu|not been collected",
            r"(?:user|recipient)(?: \S{1,99})? (?:is )?(?:temporar\w+ )?(?:disabled|locked|inactive|suspended)",
        ),
    ),
    (
        "no such account",
        ReplyClass.HARD,
        (r"doesn.t have an? \S{1,99} account|disabled or discontinued|\bdiscontinued\b|no valid recipients",),
    ),
    (
        UNKNOWN_MAILBOX,
        ReplyClass.HARD,
        (
            rf"{_USER}(?: \S{{1,99}})? (?:is |was |name )?(?:unknown|invalid|inconnu)",
            rf"{_USER}(?: \S{{1,99}})? (?:is |was |name )?not (?:found|known|recogni[sz]ed)",
            rf"(?:unknown|invalid|illegal|no such|bad|incorrect) (?:or illegal |local |final delivery )?{_USER}",
            r"recipient name is not recogni[sz]ed|recip(?:ient)?notfound",
            r"(?:empfänger|benutzer|adresse|postfach) (?:ist )?unbekannt|utilisateur inconnu|usuario desconocido",
            r"見つかりません|存在しません|宛先不明|用户不存在|收件人不存在",
            r"(?:mailbox|user|account|recipient|address) (?:\S{1,99} )?(?:does ?n.t|does not) exist",
            r"no (?:such )?user\b",
            r"(?:user|recipient|address|account)(?: you \w+)? (?:was|could|can)(?: ?n.t| not|not)(?: be)? found",
            r"not? (?:a )?(?:valid|known) (?:user|recipient|mailbox|address)|no mailbox here|mailbox unavailable",
        ),
    ),
    (
        "gave up",
        ReplyClass.SOFT,
        (
            r"expired|timed? ?-?out|timeout|giving up|gave up|multiple retries|failed \d+ attempts|connection refused",
            r"after \S{1,20} (?:attempts|hours?|days?|seconds)|did not accept our requests|not reachable",
            r"no answer from host|could not find a gateway",
        ),
    ),
    ("too large", ReplyClass.SOFT, (r"too (?:large|big)|size limit|message size",)),
    (
        "against a policy",
        ReplyClass.SENDER_FAULT,
        (
            r"polic(?:y|ies)|not allowed|access denied|permission to post|groups\.google\.com/support|denied|forbidden",
            r"not accept\w* (?:mail|messages|connections)",
        ),
    ),
    (
        "fault of a system",
        ReplyClass.SENDER_FAULT,
        (
            r"internal (?:system |server )?error|service (?:is )?(?:currently )?(?:not available|unavailable)",
            r"system error|does not support tls|duplicated message-id|mail ?loop|message looping|loop broken",
            r"configuration error",
        ),
    ),
    ("try later", ReplyClass.SOFT, (r"try (?:again )?later|temporar\w+|on hold|greylist",)),
)
_PATTERNS = tuple(
    (ClassifiedReply(reply_class, reason), re.compile("|".join(phrases), re.IGNORECASE))
    for reason, reply_class, phrases in _PHRASES
)

# Meaning of a status by itself: the longest listed prefix decides. RFC 3463, and the registry of RFC 5248.
_CLASS_BY_STATUS: dict[str, ClassifiedReply] = {
    "5.1": ClassifiedReply(ReplyClass.HARD, UNKNOWN_MAILBOX),
    "5.1.2": ClassifiedReply(ReplyClass.HARD, "no such domain"),
    "5.1.6": ClassifiedReply(ReplyClass.HARD, "moved"),
    "5.1.7": ClassifiedReply(ReplyClass.SENDER_FAULT, "sender refused"),  # the sender's address, as is 5.1.8
    "5.1.8": ClassifiedReply(ReplyClass.SENDER_FAULT, "sender refused"),
    "5.1.10": ClassifiedReply(ReplyClass.HARD, "takes no mail"),
    "5.2.1": ClassifiedReply(ReplyClass.HARD, "mailbox off"),
    "5.2.2": ClassifiedReply(ReplyClass.SOFT, "mailbox full"),
    "5.2.3": ClassifiedReply(ReplyClass.SOFT, "too large"),
    "5.3": ClassifiedReply(ReplyClass.SENDER_FAULT, "fault of a system"),
    "5.4": ClassifiedReply(ReplyClass.SENDER_FAULT, "no way there"),
    "5.6": ClassifiedReply(ReplyClass.SOFT, "content"),
    "5.7": ClassifiedReply(ReplyClass.SENDER_FAULT, "against a policy"),
    "4.2.2": ClassifiedReply(ReplyClass.SOFT, "mailbox full"),
    "4.4": ClassifiedReply(ReplyClass.SOFT, "gave up"),
    "4.7": ClassifiedReply(ReplyClass.SENDER_FAULT, "against a policy"),  # of an e-mail that is not tried again
}
# Statuses that say no more than "something": the text is asked first.
_VAGUE_STATUS = re.compile(r"[45]\.(?:[056]\.\d+|2\.0)|4\.[34]\.\d+")
_LENIENT_REASONS = {"mailbox full", "blocked", "taken for spam", "not authenticated", "no reverse name"}
_AFTER_DATA = re.compile(r"end of data|reply to data|after i sent|(?:smtp command|>>>)\W{1,9}data\b", re.IGNORECASE)
# With pipelining (RFC 2920) DATA was sent before RCPT was refused: the refusal is about the recipient all the same.
_AT_RCPT = re.compile(r"no valid recipients|need rcpt|bad sequence", re.IGNORECASE)


def classify_reply(status: str, texts: Sequence[str], *, final: bool) -> ClassifiedReply:
    """Return the meaning of a negative reply.

    `texts` is what was said about it, the closest first; not `final`: a delay. A server that refuses the user only
    after it has seen the message refuses the message, whatever it says.
    """
    by_text = next((reply for text in texts if (reply := classify_text(text))), None)
    if by_text and by_text.reason == UNKNOWN_MAILBOX:
        is_after_data = any(_AFTER_DATA.search(text) for text in texts)
        if is_after_data and not any(_AT_RCPT.search(text) for text in texts):
            by_text = ClassifiedReply(ReplyClass.SOFT, "refused after the letter")
    by_status = classify_status(status)
    best = by_text or by_status
    if not final:
        return ClassifiedReply(ReplyClass.SOFT, best.reason if best else "delayed")
    if by_status is None or _VAGUE_STATUS.fullmatch(status):
        return best or ClassifiedReply(ReplyClass.SOFT, "")
    if by_text is None:
        return by_status
    # The text is believed where it excuses the recipient, and gives the reason where both agree on the class.
    is_lenient = by_status.reply_class is ReplyClass.HARD and by_text.reason in _LENIENT_REASONS
    return by_text if is_lenient or by_text.reply_class is by_status.reply_class else by_status


def classify_text(text: str) -> ClassifiedReply | None:
    """Return the meaning of a server's words, None when they are not known."""
    return next((reply for reply, pattern in _PATTERNS if pattern.search(text)), None)


def classify_status(status: str) -> ClassifiedReply | None:
    """Return the meaning of an enhanced status code, None when it has none for us."""
    subject = status.rpartition(".")[0]
    return _CLASS_BY_STATUS.get(status) or _CLASS_BY_STATUS.get(subject)


def find_statuses(text: str) -> list[str]:
    """Return the enhanced status codes of refusals and delays in a text."""
    return [status for status in ENHANCED_STATUS.findall(text) if not status.startswith("2")]


def error_from_reply(code: int, text: str, *, subject: str, relay: str) -> DeliveryError:
    """Return the error for a reply other than the expected one.

    `subject` is what the refused command was about: sender, recipient or message. The sender is always the same, so
    its refusal is about us, unless only this message is too large.
    """
    is_final = code >= 500  # noqa: PLR2004  - RFC 5321, 4.2.1
    if code in LOGIN_CODES or (subject == "sender" and is_final and code != TOO_LARGE_CODE):
        return RelayRefusedError(f"{relay} refuses us: {code} {text}", code=code)
    if is_final:
        return PermanentDeliveryError(text, code=code, recipient_refused=subject == "recipient")
    return TemporaryDeliveryError(text, code=code)


def is_recipient_error(code: int, reply: str) -> bool:
    """Return whether a 5xx at RCPT is about the mailbox rather than about us.

    A reply without an enhanced status is judged by its code.
    """
    status = next((status for status in find_statuses(reply) if status.startswith("5")), None)
    if status is None:
        return code in UNKNOWN_MAILBOX_CODES
    classified = classify_status(status)
    return classified is not None and classified.reply_class is ReplyClass.HARD


def redact_addresses(reply: str) -> str:
    """Return a reply on one short line without any address, fit for the record and for logs.

    Characters that are not printable go, too: a relay may send any byte, and databases refuse NUL and surrogates.
    """
    printable = reply if reply.isprintable() else "".join(c if c.isprintable() else " " for c in reply)
    return " ".join("(address)" if "@" in word else word for word in printable.split())[:MAX_REPLY_LENGTH]
