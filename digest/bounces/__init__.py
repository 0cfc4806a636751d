"""What comes back: bounces, complaints, automatic replies, wishes to leave.

    a pipe, a mailbox ─> post: whose letter? ─> reading: what does it say? ─> record: what follows from it

    report.py    what a mail says, as a value
    reading.py   bytes in, report out; with opened (hostile mail), dsn, feedback, prose, and reasons: our policy. Pure
    record.py    report in, evidence and consequences out: the seam for other ways in
    post.py      one mail: token, reading, record, in one transaction
    mailbox.py   an IMAP folder, message by message

Only mail to an address that we have signed (`mail/verp.py`) is acted upon. Nothing is imported here, so that a mail can
be read without a store.
"""

from digest.bounces.apply import count_sender_faults
from digest.bounces.handler import handle_message
from digest.bounces.imap import count_waiting, poll_mailbox
from digest.bounces.mime import MAX_MESSAGE_BYTES
from digest.bounces.parser import parse_bounce
from digest.bounces.report import BounceReport

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BounceReport",
    "count_sender_faults",
    "count_waiting",
    "handle_message",
    "parse_bounce",
    "poll_mailbox",
]
