"""From rows to a letter on the wire: load what deliveries carry, explain the matches again, ask `letters` for words.

    claimed ──desk──> rows of a batch ──words──> values ──letters──> pieces joined ──mail.message──> bytes

A delivery keeps only the numbers of its papers. Which words matched is derived here, from the same code that chose,
and kept for other letters with the same papers (letters.known).

What needs the store is done for a batch beforehand (`prepare`). The bytes are made when a letter's turn has come
(`written`), and nobody has to keep a hundred letters of 50 KB.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from digest import letters
from digest.deliveries import Claimed
from digest.house import House
from digest.letters import Letter
from digest.mail.message import Envelope, Wired, compose
from digest.mail.verp import Errand
from digest.models import DeliveryKind
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
    "is_late",
    "lay_out",
    "letter_paper",
    "list_days",
    "prepare",
    "study",
]

COPY = "copy"  # copy:number:day:today is the edition of the link to a letter's copy


class Outgoing(NamedTuple):
    """A letter that may leave, and the claim it answers. `sender` and `recipient` are those of the SMTP envelope."""

    claimed: Claimed
    sender: str
    recipient: str
    house: House
    headers: Envelope
    letter: Callable[[], Letter]

    def written(self) -> Wired:
        """In wire form, signed where we sign. Raises Rejected when nobody can be addressed this way."""
        return self.house.signed(compose(self.letter(), self.headers))


def prepare(house: House, desk: Desk, claimed: Claimed, now: datetime) -> Outgoing:
    """One letter, with all that is needed to write it."""
    subscriber = desk.subscribers[claimed.subscriber_id]
    letter, leave = _letter(house, desk, claimed, subscriber, now)
    headers = _envelope(house, claimed, subscriber.email, now, leave)
    sender = house.returns.of(Errand.BOUNCE, claimed.id) if house.returns else house.sender
    return Outgoing(claimed, sender, subscriber.email, house, headers, letter)


def _envelope(house: House, claimed: Claimed, recipient: str, now: datetime, leave: str | None) -> Envelope:
    """What the headers of a letter say beside it."""
    returns = house.returns
    return Envelope(
        from_=house.settings.mail_from,
        to=recipient,
        message_id=claimed.message_id,
        date=now,
        list_id=f"digest.{house.domain}",
        unsubscribe_url=leave,
        unsubscribe_mail=returns.of(Errand.LEAVE, claimed.id) if returns else "",
        feedback=f"{claimed.kind}:{house.domain}",
    )


def _letter(
    house: House, desk: Desk, claimed: Claimed, subscriber: Addressee, now: datetime
) -> tuple[Callable[[], Letter], str | None]:
    """What the letter says; and the link by which its reader leaves, where it came by itself."""
    product, postal = house.product, house.settings.postal_address
    issued = claimed.created_at
    match claimed.kind:
        case DeliveryKind.CONFIRM:
            # Signed as it leaves: a mail that the relay put off for days must not arrive with an expired link. Nor
            # must one of a run whose clock was set to a past day.
            url = house.link(Purpose.CONFIRM, subscriber.nonce, max(issued, now))
            words = letters.ConfirmWords(confirm_url=url, product=product, postal_address=postal)
            return partial(letters.confirm, words), None
        case DeliveryKind.ALREADY_SUBSCRIBED if claimed.edition.startswith(f"{COPY}:"):
            return partial(letters.copy, copy_words(house, claimed, subscriber)), None
        case DeliveryKind.ALREADY_SUBSCRIBED:
            url = house.link(Purpose.PREFERENCES, subscriber.nonce, issued)
            asked = letters.AlreadyWords(preferences_url=url, product=product, postal_address=postal)
            return partial(letters.already, asked), None
        case DeliveryKind.GOODBYE:
            left = letters.GoodbyeWords(
                return_url=house.link(Purpose.RETURN, subscriber.nonce, issued),
                subscribe_url=house.page("/"),
                product=product,
                postal_address=postal,
            )
            return partial(letters.goodbye, left), None
        case DeliveryKind.WELCOME:
            welcome = welcome_words(house, desk, claimed, subscriber, now)
            return partial(letters.welcome, welcome), welcome.unsubscribe_url
    digest = digest_words(house, desk, claimed, subscriber)
    return partial(letters.digest, digest), digest.links.unsubscribe
