"""Exceptions of the project, named by what the caller must do.

DigestError
├── SettingError                  stop: a setting is wrong; the message names it and shows an example
├── UsageError                    stop: an argument of a command cannot be used
├── StoreError                    stop: the database cannot be used as it is
│   ├── StaleStoreError        send nothing: the database does not know what was sent from it
│   └── OwnershipLostError          stop this sender or worker: others may take what it has claimed
├── QueryError                    tell the author: a keyword cannot be parsed
├── SubscriberError               tell the subscriber
│   ├── AddressError                the address cannot be one
│   ├── AddressSuppressedError      its owner wants no confirmation: tell nobody but the operator
│   ├── TokenError                  the link is damaged, expired or was made for something else
│   └── SubscriberNotFoundError     no subscriber with that address or id
├── SourceError                   record the fetch as failed, go on with the other sources
│   ├── SourceUnavailableError      no answer, or not now: fetch again in the next run
│   ├── SourceThrottledError        the host asks us to stop until a given instant
│   ├── NotListedError              the day asked for has no list (not open yet, weekend, holiday)
│   ├── FeedGoneError               there is no feed at this address any more: a person must look
│   └── MalformedAnswerError        the answer is not what the host documents: a person must look
│       └── NoFeedError               it is a web page, or something else that is no feed
├── SourceLoadError               go on without that source, tell the operator: its package is faulty
├── UnparsableMessageError        set the inbound message aside for a person
├── UntrustedRequestError         refuse the request of a provider, tell the operator
├── MailboxError                  try again later: the IMAP mailbox does not answer, or not as its settings say
├── DnsUnavailableError           tell the operator: the DNS gives no answer
└── DeliveryError                 settle the delivery
    ├── TemporaryDeliveryError      4xx or no connection: try again later
    │   └── RelayUnavailableError     the relay takes no connections now
    ├── PermanentDeliveryError      5xx for this message or this recipient: final
    ├── UncertainDeliveryError      no complete reply after the final dot: it may have arrived
    └── RelayRefusedError           the relay refuses us, not the recipient: open the circuit, alert the operator
"""

from datetime import datetime
from enum import StrEnum

NO_REASON = "no reason given"  # of an error of the system or of a driver


class SmtpStep(StrEnum):
    """Step of a delivery (RFC 5321) that a reply belongs to."""

    CONNECT = "connect"  # with EHLO and STARTTLS
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # with the message and its final dot


class DigestError(Exception):
    """Base of all foreseen errors; `str()` of one is fit to be shown."""


class SettingError(DigestError):
    """Setting with a value that cannot be used."""


class UsageError(DigestError):
    """Command-line argument that cannot be used: an unknown id, an unreadable file."""


class ObjectNotFoundError(UsageError):
    """Absence of an object with that id or name."""


class StoreError(DigestError):
    """Database that is missing, of another version, or held by another process."""


class StaleStoreError(StoreError):
    """Database that is older than what was sent from it: restored from a backup, or without its write-ahead log."""


class OwnershipLostError(StoreError):
    """Loss of the session that proves this process alive: others may take what it has claimed."""


class QueryError(DigestError):
    """Keyword that cannot be parsed. `position` counts characters from 1."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class SubscriberError(DigestError):
    """Request about a subscription that cannot be granted."""


class AddressError(SubscriberError):
    """Text that is no deliverable e-mail address."""


class AddressSuppressedError(SubscriberError):
    """Address on the suppression list."""


class TokenError(SubscriberError):
    """Token that proves nothing: damaged, expired, or made for another purpose."""


class SubscriberNotFoundError(SubscriberError):
    """Absence of a subscriber with that address or id."""


class SourceError(DigestError):
    """Fetch that gave no listing. `code` is a stable word for the fetch log and the log."""

    code = "failed"

    def with_message(self, message: str) -> "SourceError":
        """Return an error of the same type with another message."""
        return type(self)(message)


class SourceUnavailableError(SourceError):
    """No answer, a server error, or a timeout."""

    code = "unreachable"


class SourceThrottledError(SourceError):
    """Request for fewer requests; nothing is asked of the host before `until` (aware, UTC)."""

    code = "throttled"

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until

    def with_message(self, message: str) -> "SourceThrottledError":
        """Return an error of the same type with another message."""
        return SourceThrottledError(message, until=self.until)


class NotListedError(SourceError):
    """Proper answer that the day has no list."""

    code = "not-listed"


class MalformedAnswerError(SourceError):
    """Answer that the host's documentation does not describe."""

    code = "malformed"


class NoFeedError(MalformedAnswerError):
    """Answer that is whole and no feed, such as a web page."""

    code = "no-feed"


class FeedGoneError(SourceError):
    """Answer that there is no feed at this address (404, 410)."""

    code = "gone"


class SourceLoadError(DigestError):
    """Installed source that cannot be loaded, or was made for another release."""


class UnparsableMessageError(DigestError):
    """Inbound message that cannot be parsed."""


class UntrustedRequestError(DigestError):
    """Request to a webhook that proves not to be its provider's, or not about us."""


class MailboxError(DigestError):
    """IMAP mailbox that cannot be reached, refuses the login, or lacks a folder."""


class DnsUnavailableError(DigestError):
    """DNS query without an answer: the servers are out of reach, or cannot find out."""


class DeliveryError(DigestError):
    """Message that was not accepted. `code` is the SMTP reply code (RFC 5321) at `step`, 0 when there was none."""

    def __init__(self, message: str, *, code: int = 0, step: SmtpStep = SmtpStep.DATA) -> None:
        super().__init__(message)
        self.code, self.step = code, step


class TemporaryDeliveryError(DeliveryError):
    """4xx reply, or a connection that broke before DATA."""


class RelayUnavailableError(TemporaryDeliveryError):
    """Relay that does not answer, or says that it takes no connections now."""


class PermanentDeliveryError(DeliveryError):
    """5xx reply."""


class UncertainDeliveryError(DeliveryError):
    """Connection that broke after the final dot: only the relay's log knows."""


class RelayRefusedError(DeliveryError):
    """Final refusal of our connection, TLS or login."""


def one_line_reason(error: BaseException) -> str:
    """Describe an error for a log line.

    Of a database error that is what the driver says, without the statement and its values.
    """
    text = str(getattr(error, "orig", None) or error).strip()
    reason = text.splitlines()[0] if text else NO_REASON
    return reason if isinstance(error, DigestError) else f"{type(error).__name__}: {reason}"
