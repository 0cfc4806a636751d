"""From rows to a letter on the wire: load what deliveries carry, explain the matches again, ask `letters` for words.

    claimed ──desk──> rows of a batch ──words──> values ──letters──> pieces joined ──mail.message──> bytes

A delivery keeps only the numbers of its papers. Which words matched is derived here, from the same code that chose,
and kept for other letters with the same papers (letters.known).
"""

from dataclasses import dataclass
from datetime import datetime

from digest import letters
from digest.deliveries import Claimed
from digest.house import House
from digest.letters import Letter
from digest.mail.message import Envelope, compose
from digest.mail.verp import Errand
from digest.models import Kind
from digest.subscribers import Purpose
from digest.writing.desk import Addressee, Asked, Desk, lay_out, study
from digest.writing.shelf import Memory, list_days
from digest.writing.stock import is_late, letter_paper
from digest.writing.words import copy_words, digest_words, welcome_words

__all__ = [
    "COPY",
    "Asked",
    "Desk",
    "Memory",
    "Outgoing",
    "digest_words",
    "envelope_of",
    "is_late",
    "lay_out",
    "letter_paper",
    "list_days",
    "study",
    "write",
]

COPY = "copy"  # copy:number:day:today is the edition of the link to a letter's copy


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter ready for the relay, and the claim it answers."""

    claimed: Claimed
    sender: str  # of the envelope
    recipient: str
    raw: bytes


def write(house: House, desk: Desk, claimed: Claimed, now: datetime) -> Outgoing:
    """One letter in wire form."""
    subscriber = desk.subscribers[claimed.subscriber_id]
    letter = _letter(house, desk, claimed, subscriber, now)
    raw = house.signed(compose(letter, envelope_of(house, claimed, subscriber, now)))
    sender = house.returns.of(Errand.BOUNCE, claimed.id) if house.returns else house.sender
    return Outgoing(claimed, sender, subscriber.email, raw)


def envelope_of(house: House, claimed: Claimed, subscriber: Addressee, now: datetime) -> Envelope:
    """What the headers of a letter say beside it."""
    unsubscribe = house.link(Purpose.UNSUBSCRIBE, subscriber.nonce, claimed.created_at)
    returns = house.returns
    return Envelope(
        from_=house.settings.mail_from,
        to=subscriber.email,
        message_id=claimed.message_id,
        date=now,
        list_id=f"digest.{house.domain}",
        unsubscribe_url=unsubscribe if claimed.kind in {Kind.DIGEST, Kind.WELCOME} else None,
        unsubscribe_mail=returns.of(Errand.LEAVE, claimed.id) if returns else "",
        feedback=f"{claimed.kind}:{house.domain}",
    )


def _letter(house: House, desk: Desk, claimed: Claimed, subscriber: Addressee, now: datetime) -> Letter:
    product, postal = house.product, house.settings.postal_address
    issued = claimed.created_at
    match claimed.kind:
        case Kind.CONFIRM:
            # Signed as it leaves: a mail that the relay put off for days must not arrive with an expired link. Nor
            # must one of a run whose clock was set to a past day.
            url = house.link(Purpose.CONFIRM, subscriber.nonce, max(issued, now))
            return letters.confirm(letters.ConfirmWords(confirm_url=url, product=product, postal_address=postal))
        case Kind.ALREADY if claimed.edition.startswith(f"{COPY}:"):
            return letters.copy(copy_words(house, claimed, subscriber))
        case Kind.ALREADY:
            url = house.link(Purpose.PREFERENCES, subscriber.nonce, issued)
            return letters.already(letters.AlreadyWords(preferences_url=url, product=product, postal_address=postal))
        case Kind.GOODBYE:
            return letters.goodbye(
                letters.GoodbyeWords(
                    return_url=house.link(Purpose.RETURN, subscriber.nonce, issued),
                    subscribe_url=house.page("/"),
                    product=product,
                    postal_address=postal,
                )
            )
        case Kind.WELCOME:
            return letters.welcome(welcome_words(house, desk, claimed, subscriber, now))
    return letters.digest(digest_words(house, desk, claimed, subscriber))
