"""Verification of a provider's request, and the consequences of its events."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from digest.bounces.apply import BounceAction
from digest.bounces.handler import apply_report, find_delivery
from digest.bounces.report import ReportKind
from digest.bounces.webhooks import amazon_ses, mailgun, postmark, sendgrid
from digest.bounces.webhooks.certificates import CertificateStore
from digest.bounces.webhooks.events import WebhookEvent
from digest.context import AppContext
from digest.mail import ReturnPathKind

log = structlog.get_logger()


@dataclass(slots=True)
class WebhookReport:
    """Events of one request, counted by action. `untrusted`: they carried no valid token of ours."""

    actions: Counter[BounceAction] = field(default_factory=Counter)
    untrusted: int = 0


async def verify_webhook(
    ctx: AppContext,
    provider: str,
    headers: Mapping[str, str],
    body: bytes,
    certificates: CertificateStore,
    now: datetime,
) -> list[WebhookEvent]:
    """Return the events of a provider's request; `headers` have names in lower case.

    Raises UntrustedRequestError, UnparsableMessageError, and SourceError when no certificate can be fetched.
    """
    secret = ctx.settings.webhook_secrets[provider]
    match provider:
        case "sendgrid":
            return sendgrid.parse_request(body, headers, secret)
        case "mailgun":
            return mailgun.parse_request(body, secret, now)
        case "postmark":
            return postmark.parse_request(body, headers.get("authorization", ""), secret)
    message = amazon_ses.parse_request(body, secret)
    message.verify(await certificates.get(message.certificate_url), now)
    if message.subscribe_url:
        # Not fetched: only the operator knows whether this topic is theirs.
        log.warning("webhook.subscription_to_confirm", provider=provider, url=message.subscribe_url)
    return amazon_ses.parse_events(message)


def apply_events(ctx: AppContext, provider: str, events: list[WebhookEvent], now: datetime) -> WebhookReport:
    """Apply events, each in its own transaction and only once. Raises StoreError."""
    result = WebhookReport()
    for event in events:
        if event.report.kind is ReportKind.NONE:
            result.actions[BounceAction.IGNORED] += 1
            continue
        found = find_delivery(ctx, b"", event.tokens)
        if found is None or found.kind is not ReturnPathKind.BOUNCE:
            result.untrusted += 1
            log.warning("bounce.untrusted", provider=provider, kind=event.report.kind, reason=event.report.reason)
            continue
        identity = f"{provider}\n{event.event_id or event!r}"
        fingerprint = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
        result.actions[apply_report(ctx, found.delivery_id, event.report, fingerprint, now)] += 1
    return result
