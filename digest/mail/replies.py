"""Why a letter was refused, and whose fault that is: our policy, as two tables.

    status (RFC 3463) and what the server said -> reason -> class

A status that says something decides. One that says nothing (5.0.0, 5.5.0, none) leaves it to the words. Words may
only lower a status: nobody is suppressed by 5.1.1 when the same server says that the mailbox is full.
"""

import re
from collections.abc import Sequence
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


UNKNOWN_MAILBOX = "no such mailbox"


_RECIPIENT = r"(?:user|recipient|addressee|mailbox|account|address|alias|destination|destinataire)"


# reason, class, and phrases that tell of it: any of them, in any capitals. Tried in this order, so that what excuses
# the reader comes before what does not.
_PHRASES: tuple[tuple[str, ReportKind, tuple[str, ...]], ...] = (
    (
        "mailbox full",
        ReportKind.SOFT,
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
        ReportKind.SENDER_FAULT,
        (
            r"\bdmarc\b|\bspf\b|\bdkim\b|unauthenticated|authentication (?:check|fail|requir)",
            r"sender id\b|purported responsible|email address is not verified",
        ),
    ),
    (
        "no reverse name",
        ReportKind.SENDER_FAULT,
        (r"reverse dns|\brdns\b|\bptr\b|ip name lookup failed|unverif\w+ sending ip|valid sender domain",),
    ),
    (
        "relaying refused",
        ReportKind.SENDER_FAULT,
        (
            r"relay(?:ing)? (?:access )?(?:denied|not (?:allowed|permitted))|smtp server of your isp",
            r"(?:unable|not configured|cannot|refus\w+) to relay",
        ),
    ),
    (
        "taken for spam",
        ReportKind.SENDER_FAULT,
        (
            r"\bspam\b|unsolicited|bulk mail|blacklisted url|virus|malware|phish",
            r"mail rejete|potential\w* (?:security|danger)",
        ),
    ),
    (
        "blocked",
        ReportKind.SENDER_FAULT,
        (
            r"black ?-?list|block(?:ed)? ?-?list|deny ?-?list|\bdnsbl\b|\brbl\b|spamhaus|banned sending|\breputation\b",
            r"blocked (?:using|by|for|ip)|has been blocked|client host rejected|user complaints|service refuse",
        ),
    ),
    (
        "sender refused",
        ReportKind.SENDER_FAULT,
        (
            r"sender address|sender (?:rejected|denied|refused)|(?:domain|address) of sender",
            r"mail from\W{1,3}\S{1,99} (?:rejected|refused)",
        ),
    ),
    (
        "too many at once",
        ReportKind.SENDER_FAULT,
        (r"too many (?:recipients|connections|messages|mails|errors|hops)|frequency limit|rate ?-?limit|throttl",),
    ),
    (
        "takes no mail",
        ReportKind.HARD,
        (r"does(?: no|n.)t accept (?:any )?(?:e-?)?mail|null ?mx|accepts no mail",),
    ),
    (
        "moved",
        ReportKind.HARD,
        (r"no longer (?:on server|here|valid|active|available|work|employ)|has moved|address has changed",),
    ),
    (
        "no such domain",
        ReportKind.HARD,
        (
            r"(?:domain|host)(?: name)?(?: \S{1,99})? (?:does ?n[o']t exist|unknown|not found)|nxdomain",
            r"(?:no such|unknown|illegal) (?:domain|host)|unrouteable address|domain (?:name )?not found",
        ),
    ),
    (
        "mailbox off",
        ReportKind.SOFT,
        (
            r"account (?:\w+ ){0,3}(?:disabled(?! or disc)|inactive|suspended|locked|frozen|blocked)",
            r"disabled recipient",
            r"(?:mail)?box (?:is )?(?:frozen|locked|inactive)|compte du destinataire est bloqu|not been collected",
            r"(?:user|recipient)(?: \S{1,99})? (?:is )?(?:temporar\w+ )?(?:disabled|locked|inactive|suspended)",
        ),
    ),
    (
        "no such account",
        ReportKind.HARD,
        (r"doesn.t have an? \S{1,99} account|disabled or discontinued|\bdiscontinued\b|no valid recipients",),
    ),
    (
        UNKNOWN_MAILBOX,
        ReportKind.HARD,
        (
            (
                rf"{_RECIPIENT}(?: \S{{1,99}})? (?:is |was |name )?"
                r"(?:unknown|not (?:found|known|recogni[sz]ed)|invalid|inconnu)"
            ),
            rf"(?:unknown|invalid|illegal|no such|bad|incorrect) (?:or illegal |local |final delivery )?{_RECIPIENT}",
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
        ReportKind.SOFT,
        (
            r"expired|timed? ?-?out|timeout|giving up|gave up|multiple retries|failed \d+ attempts|connection refused",
            r"after \S{1,20} (?:attempts|hours?|days?|seconds)|did not accept our requests|not reachable",
            r"no answer from host|could not find a gateway",
        ),
    ),
    ("too large", ReportKind.SOFT, (r"too (?:large|big)|size limit|message size",)),
    (
        "against a policy",
        ReportKind.SENDER_FAULT,
        (
            r"polic(?:y|ies)|not allowed|access denied|permission to post|groups\.google\.com/support|denied|forbidden",
            r"not accept\w* (?:mail|messages|connections)",
        ),
    ),
    (
        "fault of a system",
        ReportKind.SENDER_FAULT,
        (
            r"internal (?:system |server )?error|service (?:is )?(?:currently )?(?:not available|unavailable)",
            r"system error|does not support tls|duplicated message-id|mail ?loop|message looping|loop broken",
            r"configuration error",
        ),
    ),
    ("try later", ReportKind.SOFT, (r"try (?:again )?later|temporar\w+|on hold|greylist",)),
)


_PATTERNS = tuple((reason, kind, re.compile("|".join(phrases), re.IGNORECASE)) for reason, kind, phrases in _PHRASES)


REASONS = {reason: kind for reason, kind, _ in _PHRASES}


# What a status says by itself: the longest prefix that is listed decides. RFC 3463, and the registry of RFC 5248.
_CLASS_BY_STATUS: dict[str, tuple[ReportKind, str]] = {
    "5.1": (ReportKind.HARD, UNKNOWN_MAILBOX),
    "5.1.2": (ReportKind.HARD, "no such domain"),
    "5.1.6": (ReportKind.HARD, "moved"),
    "5.1.7": (ReportKind.SENDER_FAULT, "sender refused"),  # about the sender's address, as is 5.1.8
    "5.1.8": (ReportKind.SENDER_FAULT, "sender refused"),
    "5.1.10": (ReportKind.HARD, "takes no mail"),
    "5.2.1": (ReportKind.HARD, "mailbox off"),
    "5.2.2": (ReportKind.SOFT, "mailbox full"),
    "5.2.3": (ReportKind.SOFT, "too large"),
    "5.3": (ReportKind.SENDER_FAULT, "fault of a system"),
    "5.4": (ReportKind.SENDER_FAULT, "no way there"),
    "5.6": (ReportKind.SOFT, "content"),
    "5.7": (ReportKind.SENDER_FAULT, "against a policy"),
    "4.2.2": (ReportKind.SOFT, "mailbox full"),
    "4.4": (ReportKind.SOFT, "gave up"),
    "4.7": (ReportKind.SENDER_FAULT, "against a policy"),  # of a letter that nobody tries any more
}


# Codes that say no more than "something": the words are asked first.
_VAGUE_STATUS = re.compile(r"[45]\.(?:[056]\.\d+|2\.0)|4\.[34]\.\d+")


_LENIENT_REASONS = {"mailbox full", "blocked", "taken for spam", "not authenticated", "no reverse name"}


_AFTER_DATA = re.compile(r"end of data|reply to data|after i sent|(?:smtp command|>>>)\W{1,9}data\b", re.IGNORECASE)


_AT_RCPT = re.compile(
    r"no valid recipients|need rcpt|bad sequence", re.IGNORECASE
)  # pipelined: DATA was sent too early


@dataclass(frozen=True, slots=True)
class Refusal:
    """Whose fault a refusal is, and in a word why."""

    kind: ReportKind
    reason: str


def classify_refusal(status: str, texts: Sequence[str], *, final: bool) -> Refusal:
    """What a refusal means. `words` is what was said about it, the closest first; `final`: it is one, no delay.

    A server that refuses the user only after it has seen the letter refuses the letter, whatever it says.
    """
    told = next((found for each in texts if (found := classify_text(each))), None)
    if (
        told
        and told.reason == UNKNOWN_MAILBOX
        and any(map(_AFTER_DATA.search, texts))
        and not any(map(_AT_RCPT.search, texts))
    ):
        told = Refusal(ReportKind.SOFT, "refused after the letter")
    by_status = classify_status(status)
    if not final:
        return Refusal(ReportKind.SOFT, told.reason if told else by_status.reason if by_status else "delayed")
    if by_status and not _VAGUE_STATUS.fullmatch(status):
        lowered = told and by_status.kind is ReportKind.HARD and told.reason in _LENIENT_REASONS
        return told if told and lowered else Refusal(by_status.kind, _choose_reason(by_status, told))
    return told or by_status or Refusal(ReportKind.SOFT, "")


def classify_text(text: str) -> Refusal | None:
    """What the server's words mean; None when they mean nothing to us."""
    return next((Refusal(kind, reason) for reason, kind, pattern in _PATTERNS if pattern.search(text)), None)


def classify_status(status: str) -> Refusal | None:
    subject = status.rpartition(".")[0]
    found = _CLASS_BY_STATUS.get(status) or _CLASS_BY_STATUS.get(subject)
    return Refusal(*found) if found else None


def _choose_reason(by_status: Refusal, by_text: Refusal | None) -> str:
    """The words name the reason where they agree with the status about whose fault it is."""
    return by_text.reason if by_text and by_text.kind is by_status.kind else by_status.reason
