"""Rules for reading refusals: topics, reasons with what the operator can do, and status codes. Pure.

`reply_phrases` has the words that give a reason.
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
_REPUTATION = (
    "look up the relay's address at the list that is named and ask there to be removed, or ask the relay's provider"
)
_LIMIT = "wait, or raise the limit at the relay's provider"

UNKNOWN_MAILBOX = "no such mailbox"
REFUSED_AFTER_MESSAGE = "refused after the message"
REASONS: dict[str, Reason] = {
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
    "on a suppression list": Reason(
        ReplyTopic.MAILBOX, "the relay's provider keeps this address on its list; remove it there if it is good again"
    ),
    REFUSED_AFTER_MESSAGE: Reason(ReplyTopic.MAILBOX),
    "too large": Reason(ReplyTopic.MESSAGE, "lower the papers per e-mail, or raise the size limit of the relay"),
    "content": Reason(ReplyTopic.MESSAGE),
    "gave up": Reason(ReplyTopic.MESSAGE),
    "greylisted": Reason(ReplyTopic.MESSAGE),
    "try later": Reason(ReplyTopic.MESSAGE),
    "not logged in": Reason(ReplyTopic.SENDER, _LOG_IN),
    "login refused": Reason(
        ReplyTopic.SENDER, f"{_LOG_IN}; some providers want a password made for applications, or SMTP switched on"
    ),
    "relaying refused": Reason(
        ReplyTopic.SENDER, f"the relay forwards only for those it knows: {_LOG_IN}, or allow this machine at the relay"
    ),
    "sender refused": Reason(ReplyTopic.SENDER, _OWN_SENDER),
    "sender not verified": Reason(
        ReplyTopic.SENDER, "verify the address or the domain of DIGEST_MAIL_FROM at the relay's provider"
    ),
    "account suspended": Reason(ReplyTopic.SENDER, "ask the relay's provider why sending is stopped"),
    "quota used up": Reason(ReplyTopic.SENDER, f"{_LIMIT}; e-mails wait until then"),
    "not authenticated": Reason(ReplyTopic.SENDER, _RECORDS),
    "no reverse name": Reason(ReplyTopic.SENDER, "give the relay's address a name in the DNS that leads back to it"),
    "taken for spam": Reason(ReplyTopic.SENDER, _RECORDS),
    "blocked": Reason(ReplyTopic.SENDER, _REPUTATION),
    "against a policy": Reason(ReplyTopic.SENDER, "the reply names a rule of the relay or the receiver; follow it"),
    "fault of a system": Reason(ReplyTopic.SENDER, "ask the relay's provider if it does not pass by itself"),
    "no way there": Reason(ReplyTopic.SENDER, "check the relay's routing and its DNS"),
    "too many at once": Reason(
        ReplyTopic.RATE, f"{_LIMIT}; sending slows down by itself, DIGEST_SMTP_RATE sets a limit"
    ),
}

# Reasons that do not overrule a precise status: their phrases are common in replies of other kinds.
WEAK_REASONS = {
    *("against a policy", "fault of a system", "gave up", "try later", "greylisted", "mailbox off", "too large"),
    *("content", REFUSED_AFTER_MESSAGE),
}

# Meaning of a status by itself: the longest listed prefix decides. RFC 3463, the registry of RFC 5248, and what
# Exchange Online (5.7.5xx and up) and Gmail document.
STATUSES: dict[str, str] = {
    "5.1": UNKNOWN_MAILBOX,
    "5.1.2": "no such domain",
    "5.1.6": "moved",
    "5.1.7": "sender refused",  # the sender's address, as is 5.1.8
    "5.1.8": "sender refused",
    "5.1.10": "takes no mail",
    "5.1.90": "quota used up",
    "5.2.1": "mailbox disabled",
    "5.2.2": "mailbox full",
    "5.2.3": "too large",
    "5.2.4": "mailbox restricted",
    "5.2.121": "mailbox busy",
    "5.2.122": "mailbox busy",
    "5.3": "fault of a system",
    "5.3.4": "too large",
    "5.4": "no way there",
    "5.4.310": "no such domain",
    "5.5.3": "too many at once",
    "5.6": "content",
    "5.7": "against a policy",
    "5.7.2": "mailbox restricted",
    "5.7.8": "login refused",
    "5.7.9": "login refused",
    "5.7.12": "mailbox restricted",
    "5.7.124": "mailbox restricted",
    "5.7.129": "mailbox restricted",
    "5.7.133": "mailbox restricted",
    "5.7.134": "mailbox restricted",
    "5.7.135": "mailbox restricted",
    "5.7.136": "mailbox restricted",
    "5.7.193": "mailbox restricted",
    "5.7.20": "not authenticated",
    "5.7.21": "not authenticated",
    "5.7.22": "not authenticated",
    "5.7.23": "not authenticated",
    "5.7.24": "not authenticated",
    "5.7.25": "no reverse name",
    "5.7.26": "not authenticated",
    "5.7.27": "not authenticated",
    "5.7.30": "not authenticated",
    "5.7.57": "not logged in",
    "5.7.60": "sender refused",
    "5.7.64": "relaying refused",
    "5.7.501": "account suspended",
    "5.7.502": "account suspended",
    "5.7.503": "account suspended",
    "5.7.509": "not authenticated",
    "5.7.705": "quota used up",
    "5.7.708": "quota used up",
    "4.1.7": "sender refused",
    "4.1.8": "sender refused",
    "4.2.2": "mailbox full",
    "4.3": "fault of a system",
    "4.3.4": "too large",
    "4.4": "gave up",
    "4.5.3": "too many at once",
    "4.7": "against a policy",
    "4.7.23": "no reverse name",
    "4.7.24": "not authenticated",
    "4.7.25": "no reverse name",
    "4.7.26": "not authenticated",
    "4.7.27": "not authenticated",
    "4.7.28": "too many at once",
    "4.7.30": "not authenticated",
    "4.7.650": "too many at once",
}

# Statuses that some servers use in a sense of their own: with these words they mean something else.
STATUS_PHRASES: tuple[tuple[str, str, str], ...] = (
    ("5.4.1", r"recipient address(?:es)? rejected ?: ?access denied", UNKNOWN_MAILBOX),  # Exchange Online
    ("5.7.1", r"resolver\.rst\.|recipient's list of senders|delivery restriction", "mailbox restricted"),  # Exchange
)
