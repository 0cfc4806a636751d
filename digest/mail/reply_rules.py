"""Rules for reading refusals: reasons with what they are about, the phrases that give them, and status codes. Pure.

To teach a wording: add a phrase to its reason in PHRASES, and a line to `tests/unit/mail/test_reply_rules.py`. Phrases
are regular expressions, matched anywhere in a reply on one line, in any case. The first reason that matches counts, so
what excuses the recipient stands before what accuses them.
"""

from enum import StrEnum
from typing import NamedTuple


class ReplyTopic(StrEnum):
    """Subject of a negative reply."""

    MAILBOX = "mailbox"  # this recipient
    MESSAGE = "message"  # this e-mail: its size or content, or a delay on its way
    SENDER = "sender"  # us: address, login, network, quota, reputation, relay; never charged to a subscriber
    RATE = "rate"  # too many at once: slow down
    UNKNOWN = "unknown"


class Reason(NamedTuple):
    """Topic of a reason, and what the operator can do. `is_dead`: the mailbox takes no mail and never will."""

    topic: ReplyTopic
    advice: str = ""
    is_dead: bool = False


_LOG_IN = "set DIGEST_SMTP_USERNAME and DIGEST_SMTP_PASSWORD to a login that the relay knows"
_OWN_SENDER = "use an address in DIGEST_MAIL_FROM and DIGEST_BOUNCE_ADDRESS that this login may send from"
_RECORDS = "publish SPF, DKIM and DMARC records for the sender's domain; `digest doctor` shows them word for word"
_REPUTATION = "ask the relay's provider, look up its address at the list that is named, and ask there to be removed"
_WAIT = "wait, or raise the limit at the relay's provider; DIGEST_SMTP_RATE sends more slowly"

UNKNOWN_MAILBOX = "no such mailbox"
REFUSED_AFTER_MESSAGE = "refused after the message"
REASONS: dict[str, Reason] = {
    # about the mailbox
    UNKNOWN_MAILBOX: Reason(ReplyTopic.MAILBOX, is_dead=True),
    "no such account": Reason(ReplyTopic.MAILBOX, is_dead=True),
    "no such domain": Reason(ReplyTopic.MAILBOX, is_dead=True),
    "takes no mail": Reason(ReplyTopic.MAILBOX, is_dead=True),
    "moved": Reason(ReplyTopic.MAILBOX, is_dead=True),
    "mailbox disabled": Reason(ReplyTopic.MAILBOX, is_dead=True),
    "mailbox off": Reason(ReplyTopic.MAILBOX),
    "mailbox full": Reason(ReplyTopic.MAILBOX),
    "mailbox restricted": Reason(ReplyTopic.MAILBOX),
    "mailbox busy": Reason(ReplyTopic.MAILBOX),
    REFUSED_AFTER_MESSAGE: Reason(ReplyTopic.MAILBOX),
    # about the message
    "too large": Reason(ReplyTopic.MESSAGE),
    "content": Reason(ReplyTopic.MESSAGE),
    "gave up": Reason(ReplyTopic.MESSAGE),
    "try later": Reason(ReplyTopic.MESSAGE),
    "greylisted": Reason(ReplyTopic.MESSAGE),
    # about us
    "not logged in": Reason(ReplyTopic.SENDER, _LOG_IN),
    "login refused": Reason(ReplyTopic.SENDER, f"check the login: {_LOG_IN}"),
    "relaying refused": Reason(
        ReplyTopic.SENDER, f"the relay forwards only for those it knows: {_LOG_IN}, or allow this host at the relay"
    ),
    "sender refused": Reason(ReplyTopic.SENDER, _OWN_SENDER),
    "sender not verified": Reason(
        ReplyTopic.SENDER, "verify the address or the domain of DIGEST_MAIL_FROM at the relay's provider"
    ),
    "quota used up": Reason(ReplyTopic.SENDER, _WAIT),
    "account suspended": Reason(ReplyTopic.SENDER, "ask the relay's provider why sending is suspended"),
    "not authenticated": Reason(ReplyTopic.SENDER, _RECORDS),
    "no reverse name": Reason(ReplyTopic.SENDER, "give the relay's address a name in the DNS that leads back to it"),
    "taken for spam": Reason(ReplyTopic.SENDER, _RECORDS),
    "blocked": Reason(ReplyTopic.SENDER, _REPUTATION),
    "against a policy": Reason(ReplyTopic.SENDER, "read the reply: the relay or the receiver names its rule there"),
    "fault of a system": Reason(ReplyTopic.SENDER, "ask the relay's provider; it passes by itself most times"),
    "no way there": Reason(ReplyTopic.SENDER, "check the relay's routing and DNS"),
    # slow down
    "too many at once": Reason(ReplyTopic.RATE, _WAIT),
}

# Reasons that do not overrule a precise status: their phrases are common in replies of other kinds.
WEAK_REASONS = {
    *("against a policy", "fault of a system", "gave up", "try later", "mailbox off", "too large"),
    REFUSED_AFTER_MESSAGE,
}

_USER = r"(?:user|recipient|addressee|mailbox|account|address|alias|destination|destinataire)"
PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "quota used up",
        (
            r"exceeded (?:your|its|the) (?:\w+ ){0,3}(?:quota|limit|allowance)",
            r"(?:daily|hourly|monthly|per hour|per day) (?:\w+ ){0,4}(?:limit|quota)|emails? per (?:hour|day)",
            r"sending (?:limit|quota)",
        ),
    ),
    (
        "mailbox full",
        (
            r"(?:mail ?)?(?:box|folder) (?:is |has been )?(?:over )?(?:full|quota)|full mailbox|mailbox exceeds",
            r"over ?-?(?:disk |the )?quota|quota ?(?:has been |was |is )?(?:exceeded|full)|disk ?quota",
            r"postfach (?:ist )?voll|bo[iî]te (?:aux lettres )?(?:est )?pleine|buz[oó]n (?:est[aá] )?lleno",
            r"容量(?:オーバー|超過)",
            r"exceed\w* (?:\w+ ){0,3}(?:quota|allowed size|storage)|insufficient storage|not enough (?:storage|space)",
        ),
    ),
    (
        "sender not verified",
        (
            r"sender verif\w+ fail|verification failed for|sender verify failed",
            r"(?:address|identity|identities|domain)(?: \S+)? (?:is |are )?not verified|failed the check in region",
        ),
    ),
    (
        "not logged in",
        (
            r"not logged in|log ?in (?:first|to the)|smtp auth\w* (?:is )?required",
            r"must (?:be )?(?:issue|authenticat|log)",
        ),
    ),
    (
        "not authenticated",
        (
            r"\bdmarc\b|\bspf\b|\bdkim\b|unauthenticated|authentication (?:check|fail|requir)",
            r"sender id\b|purported responsible",
        ),
    ),
    (
        "no reverse name",
        (r"reverse dns|\brdns\b|\bptr\b|ip name lookup failed|unverif\w+ sending ip|valid sender domain",),
    ),
    (
        "relaying refused",
        (
            r"relay(?:ing)? (?:access )?(?:denied|not (?:allowed|permitted))|smtp server of your isp",
            r"(?:unable|not configured|cannot|refus\w+|not permitted|not allowed) to relay|rcpthosts",
        ),
    ),
    (
        "taken for spam",
        (
            r"\bspam\b|unsolicited|bulk mail|blacklisted url|virus|malware|phish",
            r"mail rejete|potential\w* (?:security|danger)",
        ),
    ),
    (
        "blocked",
        (
            r"black ?-?list|block(?:ed)? ?-?list|deny ?-?list|\bdnsbl\b|\brbl\b|spamhaus|banned sending|\breputation\b",
            r"blocked (?:using|by|for|ip)|has been blocked|client host rejected|user complaints|service refuse",
            r"tosa@rx\.t-online\.de",
        ),
    ),
    (
        "sender refused",
        (
            r"sender address|sender (?:rejected|denied|refused)|(?:domain|address) of sender",
            r"mail from\W{1,3}\S{1,99} (?:rejected|refused)",
        ),
    ),
    (
        "too many at once",
        (r"too many (?:recipients|connections|messages|mails|errors|hops)|frequency limit|rate ?-?limit|throttl",),
    ),
    ("takes no mail", (r"does(?: no|n.)t accept (?:any )?(?:e-?)?mail|null ?mx|accepts no mail",)),
    ("moved", (r"no longer (?:on server|here|valid|active|available|work|employ)|has moved|address has changed",)),
    (
        "no such domain",
        (
            r"(?:domain|host)(?: name)?(?: \S{1,99})? (?:does ?n[o']t exist|unknown|not found)|nxdomain",
            r"(?:no such|unknown|illegal) (?:domain|host)|unrouteable address|domain (?:name )?not found",
        ),
    ),
    (
        "mailbox off",
        (
            r"account (?:\w+ ){0,3}(?:disabled(?! or disc)|inactive|suspended|locked|frozen|blocked)",
            r"disabled recipient",
            r"(?:mail)?box (?:is )?(?:frozen|locked|inactive)|compte du destinataire est bloqu|not been collected",
            r"(?:user|recipient)(?: \S{1,99})? (?:is )?(?:temporar\w+ )?(?:disabled|locked|inactive|suspended)",
        ),
    ),
    (
        "no such account",
        (r"doesn.t have an? \S{1,99} account|disabled or discontinued|\bdiscontinued\b|no valid recipients",),
    ),
    (
        UNKNOWN_MAILBOX,
        (
            rf"{_USER}(?: \S{{1,99}})? (?:is |was |name )?(?:unknown|invalid|inconnu)",
            rf"{_USER}(?: \S{{1,99}})? (?:is |was |name )?not (?:found|known|recogni[sz]ed)",
            rf"(?:unknown|invalid|illegal|no such|bad|incorrect) (?:or illegal |local |final delivery )?{_USER}",
            r"recipient name is not recogni[sz]ed|recip(?:ient)?notfound",
            r"(?:empfänger|benutzer|adresse|postfach) (?:ist )?unbekannt|utilisateur inconnu|usuario desconocido",
            r"見つかりません|存在しません|宛先不明|用户不存在|收件人不存在",
            r"(?:mailbox|user|account|recipient|address) (?:\S{1,99} )?(?:does ?n.t|does not) exist",
            r"no (?:such )?user\b|user not local|mailbox name not allowed|this address cannot be written",
            r"(?:user|recipient|address|account)(?: you \w+)? (?:was|could|can)(?: ?n.t| not|not)(?: be)? found",
            r"not? (?:a )?(?:valid|known) (?:user|recipient|mailbox|address)|no mailbox here|mailbox unavailable",
        ),
    ),
    (
        "gave up",
        (
            r"expired|timed? ?-?out|timeout|giving up|gave up|multiple retries|failed \d+ attempts|connection refused",
            r"after \S{1,20} (?:attempts|hours?|days?|seconds)|did not accept our requests|not reachable",
            r"no answer from host|could not find a gateway",
        ),
    ),
    ("too large", (r"too (?:large|big)|size limit|message size",)),
    ("greylisted", (r"gr[ea]y-?list",)),
    (
        "against a policy",
        (
            r"polic(?:y|ies)|not allowed|access denied|permission to post|groups\.google\.com/support|denied|forbidden",
            r"not accept\w* (?:mail|messages|connections)",
        ),
    ),
    (
        "fault of a system",
        (
            r"internal (?:system |server )?error|service (?:is )?(?:currently )?(?:not available|unavailable)",
            r"system error|does not support tls|duplicated message-id|mail ?loop|message looping|loop broken",
            r"configuration error",
        ),
    ),
    ("try later", (r"try (?:again )?later|temporar\w+|on hold",)),
)

# Meaning of a status by itself: the longest listed prefix decides. RFC 3463, and the registry of RFC 5248.
STATUSES: dict[str, str] = {
    "5.1": UNKNOWN_MAILBOX,
    "5.1.2": "no such domain",
    "5.1.6": "moved",
    "5.1.7": "sender refused",  # the sender's address, as is 5.1.8
    "5.1.8": "sender refused",
    "5.1.10": "takes no mail",
    "5.2.1": "mailbox disabled",
    "5.2.2": "mailbox full",
    "5.2.3": "too large",
    "5.3": "fault of a system",
    "5.3.4": "too large",
    "5.4": "no way there",
    "5.6": "content",
    "5.7": "against a policy",
    "4.2.2": "mailbox full",
    "4.4": "gave up",
    "4.7": "against a policy",
}

# Statuses that some servers use in a sense of their own: with these words they mean something else.
STATUS_PHRASES: tuple[tuple[str, str, str], ...] = (
    ("5.4.1", r"recipient address rejected|access denied", UNKNOWN_MAILBOX),  # Exchange Online: no such recipient
)
