"""Bounces that are written for people: old formats that flufl.bounce knows, and what most mail systems still say."""

import re
from email.message import Message
from email.utils import formataddr, parseaddr

from flufl.bounce import all_failures

from digest.bounces.dsn import STATUS
from digest.bounces.opened import MOST_LINE, content, header, readable

DELAYED = re.compile(
    r"warning message only|not yet been delivered|(?:is|has been) (?:delayed|postponed)|will be retried"
    r"|temporary failure",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,9}")
_DAEMON = re.compile(r"mailer-?daemon|post[-_]?master|mail[- ]?(?:deliver|system)|mmdf|double-bounce", re.IGNORECASE)
_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:status|fail|error|problem|report|notif|has)|return(?:ed|ing) (?:mail|message|to)"
    r"|failure notice|not be delivered|mail (?:failed|error)|error sending|non[- ]?deliver|mail system error"
    r"|unzustellbar",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"\W*(?:(?:begin |start of |the )?(?:original|returned|unsent|undelivered)(?: e-?mail)? (?:message|mail)"
    r"(?: info| headers?)?(?: follows| as follows|\W*$)"
    r"|(?:this is|below|enclosed|included|the following|here) .{0,30}(?:copy|header of)|(?:message )?headers? follow"
    r"|message text follows|(?:received|return-path|message-id|dkim-signature) ?:|below this line"
    r"|the header of the original)",
    re.IGNORECASE,
)
_REPLY = re.compile(r"(?<![\d.])[45]\d\d[ -]|(?<![\d.])[45]\.\d\.\d")
NOBODY = "nobody@invalid"
MOST_LINES = 400  # of a part, for eyes that go over each line many times


def from_a_system(message: Message) -> bool:
    """Whether a mail system seems to write, rather than a person."""
    if _DAEMON.search(header(message, "From")):
        return True
    return header(message, "Return-Path") == "<>" and bool(_SUBJECT.search(header(message, "Subject")))


def recipients(message: Message, words: str) -> tuple[str, ...]:
    """Whom a mail system could not reach; empty when it says nothing of that kind.

    Somebody's answering machine also calls itself postmaster. It gives no reply code, so it is not believed here.
    """
    if not from_a_system(message):
        return ()
    spoken = bool(_REPLY.search(words))
    answers = header(message, "Auto-Submitted").lower().startswith("auto-replied")
    if not spoken and (answers or not _SUBJECT.search(header(message, "Subject"))):
        return ()
    return failed_recipients(message) or tuple(dict.fromkeys(_ADDRESS.findall(words)))[:1]


def failed_recipients(message: Message) -> tuple[str, ...]:
    """X-Failed-Recipients: what Exim, Google and others put beside their prose."""
    return tuple(dict.fromkeys(_ADDRESS.findall(header(message, "X-Failed-Recipients"))))


def status(words: str) -> str:
    """The first enhanced status code of a refusal in a text, empty when there is none."""
    return next((each for each in STATUS.findall(words) if not each.startswith("2")), "")


def before_original(text: str) -> str:
    """What the mail system says itself, on one line, without the letter that it returns."""
    kept: list[str] = []
    for line in text.splitlines():
        if len(kept) > 1 and _ORIGINAL.match(line[:MOST_LINE]):
            break
        if line.strip():
            kept.append(" ".join(line[:MOST_LINE].split()))
    return " ".join(kept)


def by_flufl(message: Message) -> tuple[list[str], list[str]]:
    """Addresses that failed for now, and for good, as flufl.bounce sees them. The message is not good for more after.

    Its detectors go over every line with dozens of patterns, so it is shown short ones, decoded, and not too many. They
    stumble over headers that are not ASCII, and over a mail from nobody.
    """
    for part in message.walk():
        headers = [(name, readable(value)) for name, value in part.items()]
        for name in part.keys():  # noqa: SIM118  - a message is no dictionary
            del part[name]
        for name, value in headers:
            part[name] = value
        if not part.is_multipart():
            lines = content(part).splitlines()[:MOST_LINES]
            part.set_payload("\n".join(line[:MOST_LINE] for line in lines))
    if not parseaddr(message.get("From", ""))[1]:
        known_as = formataddr((header(message, "From"), NOBODY))
        del message["From"]
        message["From"] = known_as
    temporary, permanent = all_failures(message)
    return _addresses(temporary), _addresses(permanent)


def _addresses(found: frozenset[bytes]) -> list[str]:
    written = (each.decode("ascii", "replace") for each in found)
    return [each for each in written if _ADDRESS.fullmatch(each)]
