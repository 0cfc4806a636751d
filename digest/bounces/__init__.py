"""Read messages that come back - bounces, complaints, automatic replies - and apply what follows.

- `apply`: record of a bounce, and its consequences for delivery and subscriber
- `arf`: parser of feedback reports (RFC 5965)
- `auto_reply`: automatic replies (RFC 3834), in many languages
- `classify`: classification by status code and words
- `dsn`: parser of delivery status notifications (RFC 3464)
- `handler`: handling of one message, in one transaction
- `heuristics`: bounces that are written for people
- `imap`: IMAP mailbox that bounces come to
- `messages`: sentences about messages, requests and mailboxes that cannot be used
- `mime`: access to untrusted MIME messages
- `parser`: all parsers, in the order of certainty
- `report`: result of reading one bounce
- `webhooks`: bounces that mail providers report by HTTP

Only messages to an address that we have signed (`digest.mail.verp`) are acted upon. The parsers are pure.
"""

from digest.bounces.apply import BounceAction, apply_bounce, count_sender_errors
from digest.bounces.classify import classify
from digest.bounces.handler import HandlingResult, handle_message
from digest.bounces.imap import PollReport, count_waiting, poll_mailbox
from digest.bounces.mime import MAX_MESSAGE_BYTES
from digest.bounces.parser import parse_bounce
from digest.bounces.report import BounceReport, ReportKind

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BounceAction",
    "BounceReport",
    "HandlingResult",
    "PollReport",
    "ReportKind",
    "apply_bounce",
    "classify",
    "count_sender_errors",
    "count_waiting",
    "handle_message",
    "parse_bounce",
    "poll_mailbox",
]
