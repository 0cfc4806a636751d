"""Bounces written for people: old formats that flufl.bounce knows, and what most mail systems still say."""

import re
from email.message import Message
from email.utils import formataddr, parseaddr

from flufl.bounce import all_failures

from digest.bounces.auto_reply import has_auto_reply_subject
from digest.bounces.mime import MAX_LINE_LENGTH, decode_header_value, header_text, part_text

DELAY_TEXT = re.compile(
    r"warning message only|not yet been delivered|(?:is|has been) (?:delayed|postponed)|will be retried"
    r"|temporary failure",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,9}")
_MAILER_DAEMON = re.compile(
    r"mailer-?daemon|post[-_]?master|mail[- ]?(?:deliver|system)|mmdf|double-bounce", re.IGNORECASE
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:status|fail|error|problem|report|notif|has)|return(?:ed|ing) (?:mail|message|to)"
    r"|failure notice|not be delivered|mail (?:failed|error)|error sending|non[- ]?deliver|mail system error"
    r"|unzustellbar|nicht zugestellt|zustellung fehlgeschlagen|non (?:remis|distribu)"
    r"|[ée]chec de (?:la )?(?:remise|distrib)"
    r"|no (?:se (?:ha )?pud|entregad)|devuelto|falha na entrega|não entregue|mancat[ao] (?:recapito|consegna)"
    r"|onbestelbaar|niet (?:bezorgd|afgeleverd)|niedostarcz|не ?доставлен|недоставл|inte levereras|ikke leveres"
    r"|teslim edilemedi|nedoručiteln"
    r"|退信|无法投递|投递失败|未送达|配信(?:失敗|不能|エラー)|送信できません|반송|전송 실패",
    re.IGNORECASE,
)
_ORIGINAL_MESSAGE = re.compile(
    r"\W*(?:(?:begin |start of |the )?(?:original|returned|unsent|undelivered)(?: e-?mail)? (?:message|mail)"
    r"(?: info| headers?)?(?: follows| as follows|\W*$)"
    r"|(?:this is|below|enclosed|included|the following|here) .{0,30}(?:copy|header of)|(?:message )?headers? follow"
    r"|message text follows|(?:received|return-path|message-id|dkim-signature) ?:|below this line"
    r"|the header of the original)",
    re.IGNORECASE,
)
# A code with words or a status behind it (RFC 5321, 4.2), or a status: a telephone number has neither.
_REPLY_CODE = re.compile(
    r"(?<![\d.+/-])(?:4[2357]|5[0-7])\d[ -](?:[45]\.\d{1,3}\.\d|[^\W\d_]|[<#\"'(\[])"
    r"|(?<![\d.])[45]\.\d{1,3}\.\d"
)
PLACEHOLDER_ADDRESS = "nobody@invalid"
MAX_PART_LINES = 400  # lines of a part that flufl.bounce sees


def is_from_mail_system(message: Message) -> bool:
    """Return whether a mail system seems to write, rather than a person."""
    if _MAILER_DAEMON.search(header_text(message, "From")):
        return True
    return header_text(message, "Return-Path") == "<>" and bool(_BOUNCE_SUBJECT.search(header_text(message, "Subject")))


def bounced_recipients(message: Message, text: str) -> tuple[str, ...]:
    """Return whom a mail system could not reach; empty when the text says nothing of that kind.

    An answering machine may also call itself postmaster, but says that somebody is away and gives no reply code.
    """
    if not is_from_mail_system(message) or has_auto_reply_subject(message):
        return ()
    is_auto_replied = header_text(message, "Auto-Submitted").lower().startswith("auto-replied")
    is_bounce = _BOUNCE_SUBJECT.search(header_text(message, "Subject")) and not is_auto_replied
    if not is_bounce and not _REPLY_CODE.search(text):
        return ()
    return failed_recipients(message) or tuple(dict.fromkeys(_ADDRESS.findall(text)))[:1]


def failed_recipients(message: Message) -> tuple[str, ...]:
    """Return the addresses of X-Failed-Recipients, which Exim, Google and others set."""
    return tuple(dict.fromkeys(_ADDRESS.findall(header_text(message, "X-Failed-Recipients"))))


def text_before_original(text: str) -> str:
    """Return what the mail system says itself, on one line, without the message that it returns."""
    lines: list[str] = []
    for line in text.splitlines():
        if len(lines) > 1 and _ORIGINAL_MESSAGE.match(line[:MAX_LINE_LENGTH]):
            break
        if line.strip():
            lines.append(" ".join(line[:MAX_LINE_LENGTH].split()))
    return " ".join(lines)


def parse_with_flufl(message: Message) -> tuple[list[str], list[str]]:
    """Return the addresses that failed temporarily, and permanently, as flufl.bounce sees them. Changes the message.

    Its detectors run dozens of patterns over every line, so lines are decoded, shortened and limited in number. They
    also fail on headers that are not ASCII and on a message without a sender.
    """
    for part in message.walk():
        headers = [(name, decode_header_value(value)) for name, value in part.items()]
        for name in part.keys():  # noqa: SIM118  - a message is no dictionary
            del part[name]
        for name, value in headers:
            part[name] = value
        if not part.is_multipart():
            lines = part_text(part).splitlines()[:MAX_PART_LINES]
            part.set_payload("\n".join(line[:MAX_LINE_LENGTH] for line in lines))
    if not parseaddr(message.get("From", ""))[1]:
        sender = formataddr((header_text(message, "From"), PLACEHOLDER_ADDRESS))
        del message["From"]
        message["From"] = sender
    temporary, permanent = (
        [address for raw in addresses if _ADDRESS.fullmatch(address := raw.decode("ascii", "replace"))]
        for addresses in all_failures(message)
    )
    return temporary, permanent
