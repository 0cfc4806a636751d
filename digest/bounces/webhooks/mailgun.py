"""Mailgun: one event a request, signed with HMAC-SHA256 by the webhook signing key. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from digest.bounces import messages
from digest.bounces.classify import classify
from digest.bounces.report import BounceReport, ReportKind
from digest.bounces.webhooks.events import WebhookEvent, as_object, as_text, is_equal, parse_json
from digest.errors import UntrustedRequestError
from digest.mail import METADATA_NAME, replies

MAX_AGE = timedelta(minutes=15)
PARSER = "mailgun"


def parse_request(body: bytes, key: str, now: datetime) -> list[WebhookEvent]:
    """Return the event of a request. Raises UntrustedRequestError or UnparsableMessageError."""
    document = as_object(parse_json(body))
    _verify(as_object(document.get("signature")), key, now)
    event = as_object(document.get("event-data"))
    token = as_text(as_object(event.get("user-variables")).get(METADATA_NAME))
    return [WebhookEvent(as_text(event.get("id")), (f"+{token}@",), _report(event))]


def _verify(signature: Mapping[str, Any], key: str, now: datetime) -> None:
    timestamp, token = as_text(signature.get("timestamp")), as_text(signature.get("token"))
    expected = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    if not token or not is_equal(as_text(signature.get("signature")), expected):
        raise UntrustedRequestError(messages.MAILGUN_SIGNATURE_WRONG)
    if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp[:12])) > MAX_AGE.total_seconds():
        raise UntrustedRequestError(messages.signed_too_early(MAX_AGE.seconds // 60))


def _report(event: Mapping[str, Any]) -> BounceReport:
    recipient = as_text(event.get("recipient"))
    recipients = (recipient,) if recipient else ()
    match as_text(event.get("event")):
        case "complained":
            kind, reason = ReportKind.COMPLAINT, "called spam"
        case "unsubscribed":
            kind, reason = ReportKind.UNSUBSCRIBE, ""
        case "failed":
            status = as_object(event.get("delivery-status"))
            texts = [as_text(status.get(name)) for name in ("message", "description")]
            if as_text(event.get("reason")).startswith("suppress-"):
                texts.insert(0, "suppression list")
            words = " ".join([as_text(status.get("code")), *texts])
            enhanced = as_text(status.get("enhanced-code")) or next(iter(replies.find_statuses(words)), "")
            is_final = as_text(event.get("severity")) != "temporary"
            return classify(recipients, enhanced, texts, final=is_final, parser=PARSER)
        case _:
            return BounceReport(ReportKind.NONE)
    return BounceReport(kind, recipient, reason=reason, parser=PARSER, recipients=recipients)
