"""Every error this program raises on purpose, named by what the caller must do.

DigestError
├── SettingError         stop: a setting is wrong; the message names it and shows an example
├── StoreError           stop: the database cannot be used as it is
├── QueryError           tell the person who wrote it: a keyword cannot be read
├── SubscriberError      tell the person who asked
│   ├── AddressError       the address cannot be one
│   ├── TokenError         the link is damaged, expired or was made for something else
│   └── UnknownSubscriber  nobody by that name
├── SourceError          note the reading as failed, go on with the other sources
│   ├── Unreachable        no answer, or not now: ask again in the next round
│   ├── Throttled          the host asks us to stop until a given instant
│   ├── NotListed          an answer, but the day asked for has no list (not open yet, weekend, holiday)
│   └── Malformed          an answer that is not what the host documents: a person must look
├── Unreadable           set the mail aside for a person: it came back to us and cannot be taken apart
├── MailboxError         try again later: the mailbox for bounces does not answer, or not as its settings say
└── SendError            settle the delivery
    ├── Deferred           4xx or no connection: try again later
    ├── Rejected           5xx for this letter or this recipient: final
    ├── Unknown            no numbered reply after the final dot: it may have arrived
    └── LaneClosed         the relay refuses us, not the reader: stop sending, loudly
"""

from datetime import datetime


class DigestError(Exception):
    """Anything that goes wrong in a way we foresaw; str() of it is fit to be shown."""


class SettingError(DigestError):
    """A setting has a value that cannot be used."""


class StoreError(DigestError):
    """The database is missing, of another version, or held by someone else."""


class OwnershipLostError(StoreError):
    """The database server counts this process as dead: what it holds may be taken by others."""


class QueryError(DigestError):
    """A keyword that cannot be read. `position` counts characters from 1, as people do."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class SubscriberError(DigestError):
    """A wish about a subscription that cannot be granted."""


class AddressError(SubscriberError):
    """Not an e-mail address that a letter could reach."""


class TokenError(SubscriberError):
    """A link that proves nothing: damaged, expired, or made for another purpose."""


class SubscriberNotFoundError(SubscriberError):
    """No subscriber with that address or number."""


class SourceError(DigestError):
    """A source gave no listing. `code` is a stable word for the record and the log."""

    code = "failed"


class SourceUnavailableError(SourceError):
    """No answer, a server error, or a time-out."""

    code = "unreachable"


class SourceThrottledError(SourceError):
    """The host wants fewer requests; nothing is asked of it before `until` (aware, UTC)."""

    code = "throttled"

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class NotListedError(SourceError):
    """The host answered properly that this day has no list."""

    code = "not-listed"


class MalformedAnswerError(SourceError):
    """The host answered something that its documents do not describe."""

    code = "malformed"


class UnparsableMessageError(DigestError):
    """A mail that came back and cannot be taken apart."""


class MailboxError(DigestError):
    """The IMAP mailbox cannot be reached, does not let us in, or lacks a folder."""


class DeliveryError(DigestError):
    """A letter was not accepted. `code` is the SMTP reply code (RFC 5321), 0 when there was none."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class TemporaryDeliveryError(DeliveryError):
    """Not now: a 4xx reply, or the connection broke before DATA."""


class RelayUnavailableError(TemporaryDeliveryError):
    """The relay does not answer, or says that it is not taking connections now."""


class PermanentDeliveryError(DeliveryError):
    """Never: a 5xx reply. `recipient` is true when the reply was about the address itself (RCPT)."""

    def __init__(self, message: str, *, code: int = 0, recipient_refused: bool = False) -> None:
        super().__init__(message, code=code)
        self.recipient_refused = recipient_refused


class UncertainDeliveryError(DeliveryError):
    """The connection broke after the final dot: only the relay's log knows."""


class RelayRefusedError(DeliveryError):
    """The relay refuses our connection, TLS or login with a final answer."""
