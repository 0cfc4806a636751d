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

from digest.context import AppContext
from digest.database.models import COPY_LINK, ClaimedDelivery, DeliveryKind
from digest.mail import EmailContent, MessageHeaders, RawMessage, ReturnPathKind, build_message
from digest.rendering.batch import BatchData, Recipient
from digest.rendering.build_contexts import copy_words, digest_context, welcome_words
from digest.rendering.contexts import AlreadySubscribedContext, ConfirmContext, GoodbyeContext
from digest.rendering.digest import render_digest
from digest.rendering.transactional import (
    render_already_subscribed,
    render_confirm,
    render_copy_link,
    render_goodbye,
    render_welcome,
)
from digest.tokens import TokenPurpose


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
            words = ConfirmContext(confirm_url=url, product=product, postal_address=postal)
            return partial(render_confirm, words), None
        case DeliveryKind.ALREADY_SUBSCRIBED if claimed.edition.startswith(f"{COPY_LINK}:"):
            return partial(render_copy_link, copy_words(ctx, claimed, subscriber)), None
        case DeliveryKind.ALREADY_SUBSCRIBED:
            url = ctx.signed_url(TokenPurpose.PREFERENCES, subscriber.nonce, issued)
            asked = AlreadySubscribedContext(preferences_url=url, product=product, postal_address=postal)
            return partial(render_already_subscribed, asked), None
        case DeliveryKind.GOODBYE:
            left = GoodbyeContext(
                return_url=ctx.signed_url(TokenPurpose.RESUBSCRIBE, subscriber.nonce, issued),
                subscribe_url=ctx.absolute_url("/"),
                product=product,
                postal_address=postal,
            )
            return partial(render_goodbye, left), None
        case DeliveryKind.WELCOME:
            welcome = welcome_words(ctx, desk, claimed, subscriber, now)
            return partial(render_welcome, welcome), welcome.unsubscribe_url
    digest = digest_context(ctx, desk, claimed, subscriber)
    return partial(render_digest, digest), digest.links.unsubscribe
