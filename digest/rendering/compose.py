"""From a delivery to its message.

    deliveries -> batch -> contexts -> content -> message

A delivery keeps only the ids of its papers; which words matched is worked out again, by the code that chose them. What
needs the store is loaded for a batch beforehand. A message is made when its turn has come: nobody has to keep a hundred
of 50 KB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from digest.context import AppContext
from digest.database.models import COPY_LINK, ClaimedDelivery, DeliveryKind
from digest.mail import EmailContent, MessageHeaders, RawMessage, ReturnPathKind, build_message, metadata_headers
from digest.rendering.batch import BatchData
from digest.rendering.build_contexts import digest_context, welcome_context
from digest.rendering.contexts import (
    AddressChangeContext,
    AddressChangedContext,
    AddressRestoredContext,
    AlreadySubscribedContext,
    ConfirmContext,
    CopyLinkContext,
    GoodbyeContext,
    NoticeContext,
)
from digest.rendering.digest import render_digest
from digest.rendering.transactional import render_notice, render_welcome
from digest.tokens import TokenPurpose, delivery_subject


@dataclass(frozen=True, slots=True)
class PreparedEmail:
    """E-mail that may leave, and the delivery it belongs to. `sender` and `recipient` are those of the envelope."""

    delivery: ClaimedDelivery
    sender: str
    recipient: str
    ctx: AppContext
    headers: MessageHeaders
    build_content: Callable[[], EmailContent]

    def render(self) -> RawMessage:
        """Return the message, signed where we sign. Raises PermanentDeliveryError for an impossible address."""
        return self.ctx.sign(build_message(self.build_content(), self.headers))


def prepare_email(ctx: AppContext, batch: BatchData, delivery: ClaimedDelivery, now: datetime) -> PreparedEmail:
    """Gather all that is needed to render one e-mail."""
    address, return_path = delivery.recipient or batch.recipients[delivery.subscriber_id].email, ctx.return_path
    build_content, unsubscribe_url = _content_builder(ctx, batch, delivery, now)
    by_mail = ""
    if return_path:
        by_mail = return_path.address_for(ReturnPathKind.UNSUBSCRIBE, delivery.id, delivery.message_id)
    headers = MessageHeaders(
        from_=ctx.settings.mail_from,
        to=address,
        message_id=delivery.message_id,
        date=now,
        list_id=f"digest.{ctx.sender_domain}",
        unsubscribe_url=unsubscribe_url,
        unsubscribe_mail=by_mail,
        feedback=f"{delivery.kind}:{ctx.sender_domain}",
        extra=_metadata_headers(ctx, delivery) if ctx.settings.webhook_secrets else (),
    )
    sender = ctx.sender_address
    if return_path:
        sender = return_path.address_for(ReturnPathKind.BOUNCE, delivery.id, delivery.message_id)
    return PreparedEmail(delivery, sender, address, ctx, headers, build_content)


def _metadata_headers(ctx: AppContext, delivery: ClaimedDelivery) -> tuple[str, ...]:
    token = ctx.token_path.token_for(ReturnPathKind.BOUNCE, delivery.id, delivery.message_id)
    return metadata_headers(ctx.settings.webhook_secrets, token)


def _content_builder(
    ctx: AppContext, batch: BatchData, delivery: ClaimedDelivery, now: datetime
) -> tuple[Callable[[], EmailContent], str | None]:
    """Return what renders the content; and the unsubscribe URL of an e-mail that nobody asked for just now."""
    nonce, issued_at = batch.recipients[delivery.subscriber_id].nonce, delivery.created_at
    common: dict[str, Any] = {"product": ctx.product_name, "postal_address": ctx.settings.postal_address}
    common |= {"accent": ctx.settings.accent, "templates": ctx.templates}
    notice: NoticeContext
    match delivery.kind:
        case DeliveryKind.DIGEST:
            digest = digest_context(ctx, batch, delivery)
            return partial(render_digest, digest, batch.cache.fragments), digest.links.unsubscribe
        case DeliveryKind.WELCOME:
            welcome = welcome_context(ctx, batch, delivery, now)
            return partial(render_welcome, welcome), welcome.unsubscribe_url
        case DeliveryKind.CONFIRM:
            # Signed as it leaves: an e-mail that the relay put off for days must not arrive with an expired link. Nor
            # must one of a run whose clock was set to a past day.
            url = ctx.signed_url(TokenPurpose.CONFIRM, nonce, max(issued_at, now))
            notice = ConfirmContext(confirm_url=url, **common)
        case DeliveryKind.GOODBYE:
            url = ctx.signed_url(TokenPurpose.RESUBSCRIBE, nonce, issued_at)
            notice = GoodbyeContext(resubscribe_url=url, subscribe_url=ctx.absolute_url("/"), **common)
        case DeliveryKind.ADDRESS_CHANGE:  # signed as it leaves, as a confirmation is
            subject = delivery_subject(delivery.id, delivery.message_id)
            url = ctx.signed_url(TokenPurpose.ADDRESS_CHANGE, subject, max(issued_at, now))
            notice = AddressChangeContext(change_url=url, **common)
        case DeliveryKind.ADDRESS_CHANGED:
            subject = delivery_subject(delivery.id, delivery.message_id)
            url = ctx.signed_url(TokenPurpose.ADDRESS_UNDO, subject, max(issued_at, now))
            notice = AddressChangedContext(undo_url=url, **common)
        case DeliveryKind.ADDRESS_RESTORED:
            notice = AddressRestoredContext(subscribe_url=ctx.absolute_url("/"), **common)
        case _:
            url = ctx.signed_url(TokenPurpose.PREFERENCES, nonce, issued_at)
            notice = AlreadySubscribedContext(preferences_url=url, **common)
            if delivery.edition.startswith(f"{COPY_LINK}:"):
                _, subject, day, _ = delivery.edition.split(":")
                view_url = ctx.signed_url(TokenPurpose.VIEW, subject, issued_at)
                on = date.fromisoformat(day)
                notice = CopyLinkContext(day=on, view_url=view_url, preferences_url=url, **common)
    return partial(render_notice, notice), None
