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
from digest.deliveries import ClaimedDelivery
from digest.house import AppContext
from digest.letters import EmailContent
from digest.mail.message import MessageHeaders, RawMessage, build_message
from digest.mail.verp import ReturnPathKind
from digest.models import DeliveryKind
from digest.subscribers import TokenPurpose
from digest.writing.desk import BatchData, Recipient, SubscriberKeyword, load_batch, match_batch
from digest.writing.shelf import RenderCache, listed_days
from digest.writing.stock import is_late, paper_view
from digest.writing.words import copy_words, digest_context, welcome_words

__all__ = [
    "COPY_LINK",
    "SubscriberKeyword",
    "BatchData",
    "RenderCache",
    "PreparedEmail",
    "digest_context",
    "is_late",
    "load_batch",
    "paper_view",
    "listed_days",
    "prepare_email",
    "match_batch",
]

COPY_LINK = "copy"  # copy:number:day:today is the edition of the link to a letter's copy


class PreparedEmail(NamedTuple):
    """A letter that may leave, and the claim it answers. `sender` and `recipient` are those of the SMTP envelope."""

    delivery: ClaimedDelivery
    sender: str
    recipient: str
    ctx: AppContext
    headers: MessageHeaders
    build_content: Callable[[], EmailContent]

    def render(self) -> RawMessage:
        """In wire form, signed where we sign. Raises Rejected when nobody can be addressed this way."""
        return self.ctx.sign(build_message(self.build_content(), self.headers))


def prepare_email(ctx: AppContext, desk: BatchData, claimed: ClaimedDelivery, now: datetime) -> PreparedEmail:
    """One letter, with all that is needed to write it."""
    subscriber = desk.subscribers[claimed.subscriber_id]
    letter, leave = _letter(ctx, desk, claimed, subscriber, now)
    headers = _envelope(ctx, claimed, subscriber.email, now, leave)
    sender = ctx.return_path.address_for(ReturnPathKind.BOUNCE, claimed.id) if ctx.return_path else ctx.sender_address
    return PreparedEmail(claimed, sender, subscriber.email, ctx, headers, letter)


def _envelope(
    ctx: AppContext, claimed: ClaimedDelivery, recipient: str, now: datetime, leave: str | None
) -> MessageHeaders:
    """What the headers of a letter say beside it."""
    returns = ctx.return_path
    return MessageHeaders(
        from_=ctx.settings.mail_from,
        to=recipient,
        message_id=claimed.message_id,
        date=now,
        list_id=f"digest.{ctx.sender_domain}",
        unsubscribe_url=leave,
        unsubscribe_mail=returns.address_for(ReturnPathKind.UNSUBSCRIBE, claimed.id) if returns else "",
        feedback=f"{claimed.kind}:{ctx.sender_domain}",
    )


def _letter(
    ctx: AppContext, desk: BatchData, claimed: ClaimedDelivery, subscriber: Recipient, now: datetime
) -> tuple[Callable[[], EmailContent], str | None]:
    """What the letter says; and the link by which its reader leaves, where it came by itself."""
    product, postal = ctx.product_name, ctx.settings.postal_address
    issued = claimed.created_at
    match claimed.kind:
        case DeliveryKind.CONFIRM:
            # Signed as it leaves: a mail that the relay put off for days must not arrive with an expired link. Nor
            # must one of a run whose clock was set to a past day.
            url = ctx.signed_url(TokenPurpose.CONFIRM, subscriber.nonce, max(issued, now))
            words = letters.ConfirmContext(confirm_url=url, product=product, postal_address=postal)
            return partial(letters.render_confirm, words), None
        case DeliveryKind.ALREADY_SUBSCRIBED if claimed.edition.startswith(f"{COPY_LINK}:"):
            return partial(letters.render_copy_link, copy_words(ctx, claimed, subscriber)), None
        case DeliveryKind.ALREADY_SUBSCRIBED:
            url = ctx.signed_url(TokenPurpose.PREFERENCES, subscriber.nonce, issued)
            asked = letters.AlreadySubscribedContext(preferences_url=url, product=product, postal_address=postal)
            return partial(letters.render_already_subscribed, asked), None
        case DeliveryKind.GOODBYE:
            left = letters.GoodbyeContext(
                return_url=ctx.signed_url(TokenPurpose.RESUBSCRIBE, subscriber.nonce, issued),
                subscribe_url=ctx.absolute_url("/"),
                product=product,
                postal_address=postal,
            )
            return partial(letters.render_goodbye, left), None
        case DeliveryKind.WELCOME:
            welcome = welcome_words(ctx, desk, claimed, subscriber, now)
            return partial(letters.render_welcome, welcome), welcome.unsubscribe_url
    digest = digest_context(ctx, desk, claimed, subscriber)
    return partial(letters.render_digest, digest), digest.links.unsubscribe
