"""How a letter travels: its bytes (message), the way to the relay (smtp), a place to look at it (inbox)."""

from digest.mail.dkim import RECOMMENDED_BITS, SAMPLE_MESSAGE, DkimSigner, is_world_readable, load_signer
from digest.mail.local_mailbox import LocalMailbox, StoredMessage, find_message, list_messages
from digest.mail.message import EmailContent, MessageHeaders, RawMessage, build_message
from digest.mail.relay import RelayConfig, connect
from digest.mail.smtp import SendCancelled, SmtpConnection
from digest.mail.smtp_protocol import OutgoingMessage
from digest.mail.transfer_encoding import (
    SOFT_BREAK,
    QuotedPrintable,
    SizeBudget,
    decode_quoted_printable,
    encode_part,
    encode_plain,
    encode_quoted_printable,
    has_unsafe_line,
)
from digest.mail.verp import ReturnPath, ReturnPathKind

__all__ = [
    "RECOMMENDED_BITS",
    "SAMPLE_MESSAGE",
    "SOFT_BREAK",
    "DkimSigner",
    "EmailContent",
    "LocalMailbox",
    "MessageHeaders",
    "OutgoingMessage",
    "QuotedPrintable",
    "RawMessage",
    "RelayConfig",
    "ReturnPath",
    "ReturnPathKind",
    "SendCancelled",
    "SizeBudget",
    "SmtpConnection",
    "StoredMessage",
    "build_message",
    "connect",
    "decode_quoted_printable",
    "encode_part",
    "encode_plain",
    "encode_quoted_printable",
    "find_message",
    "has_unsafe_line",
    "is_world_readable",
    "list_messages",
    "load_signer",
]
