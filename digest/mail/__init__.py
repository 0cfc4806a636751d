"""Messages and protocols: builds e-mails and speaks SMTP. Knows no store.

- `dkim`: signatures, for those whose relay does not sign
- `local_mailbox`: an SMTP server on loopback that stores messages as files
- `message`: headers and bodies of a message
- `messages`: sentences about relays, connections and the DKIM key
- `provider_metadata`: headers that make a provider's webhooks name our message
- `relay`: the relay's address, and how to reach it
- `reply_phrases`: words of mail servers, by the reason that they give
- `reply_rules`: reasons of refusals with their topics and advice, and status codes
- `replies`: what replies of relays and texts of bounces mean
- `smtp`: persistent connections to the relay
- `smtp_protocol`: commands, replies, and the stream that carries them
- `transfer_encoding`: quoted-printable and base64
- `verp`: signed return paths that name a delivery
"""

from digest.mail.local_mailbox import LocalMailbox, StoredMessage, find_message, list_messages
from digest.mail.message import EmailContent, MessageHeaders, RawMessage, build_message
from digest.mail.provider_metadata import METADATA_NAME, SES_TAGS_HEADER, metadata_headers
from digest.mail.relay import RelayConfig, SmtpClient, connect, try_envelope
from digest.mail.smtp import SendCancelled, SmtpConnection
from digest.mail.smtp_protocol import OutgoingMessage, SmtpReply
from digest.mail.transfer_encoding import (
    SOFT_BREAK,
    QuotedPrintable,
    SizeBudget,
    decode_quoted_printable,
    encode_part,
    encode_quoted_printable,
)
from digest.mail.verp import ReturnPath, ReturnPathKind, ReturnToken

__all__ = [
    "METADATA_NAME",
    "SES_TAGS_HEADER",
    "SOFT_BREAK",
    "EmailContent",
    "LocalMailbox",
    "MessageHeaders",
    "OutgoingMessage",
    "QuotedPrintable",
    "RawMessage",
    "RelayConfig",
    "ReturnPath",
    "ReturnPathKind",
    "ReturnToken",
    "SendCancelled",
    "SizeBudget",
    "SmtpClient",
    "SmtpConnection",
    "SmtpReply",
    "StoredMessage",
    "build_message",
    "connect",
    "decode_quoted_printable",
    "encode_part",
    "encode_quoted_printable",
    "find_message",
    "list_messages",
    "metadata_headers",
    "try_envelope",
]
