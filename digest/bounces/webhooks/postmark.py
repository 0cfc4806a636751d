"""Postmark: one event a request, with a secret by basic authentication. Pure."""

from collections.abc import Mapping
from typing import Any

from digest.bounces import messages
from digest.bounces.classify import classify
from digest.bounces.report import BounceReport, ReportKind
from digest.bounces.webhooks.events import WebhookEvent, as_object, as_text, decode_base64, is_equal, parse_json
from digest.errors import UntrustedRequestError
from digest.mail import METADATA_NAME, replies

PARSER = "postmark"
# Types of bounces that mean something else, and words for those whose details may say nothing.
_KINDS = {
    "AutoResponder": (ReportKind.AUTO_REPLY, ""),
    "SpamComplaint": (ReportKind.COMPLAINT, "called spam"),
    "Unsubscribe": (ReportKind.UNSUBSCRIBE, ""),
    "Subscribe": (ReportKind.NONE, ""),
    "OpenRelayTest": (ReportKind.NONE, ""),
}
_WORDS = {
    "BadEmailAddress": "invalid address",
    "ManuallyDeactivated": "suppression list",
    "SpamNotification": "taken for spam",
    "VirusNotification": "virus",
    "Blocked": "blocked for reputation",
    "DMARCPolicy": "DMARC policy",
}
_TEMPORARY_TYPES = {"Transient", "DnsError"}  # Postmark has given up after some time


def parse_request(body: bytes, authorization: str, secret: str) -> list[WebhookEvent]:
    """Return the event of a request. Raises UntrustedRequestError or UnparsableMessageError."""
    scheme, _, credentials = authorization.partition(" ")
    password = decode_base64(credentials.strip()).decode("utf-8", "surrogateescape").partition(":")[2]
    if scheme.lower() != "basic" or not is_equal(password, secret):
        raise UntrustedRequestError(messages.POSTMARK_PASSWORD_WRONG)
    event = as_object(parse_json(body))
    token = as_text(as_object(event.get("Metadata")).get(METADATA_NAME))
    record = as_text(event.get("RecordType"))
    event_id = as_text(event.get("ID")) or f"{as_text(event.get('MessageID'))} {as_text(event.get('ChangedAt'))}"
    return [WebhookEvent(f"{record} {event_id}", (f"+{token}@",), _report(record, event))]


def _report(record: str, event: Mapping[str, Any]) -> BounceReport:
    recipient = as_text(event.get("Email")) or as_text(event.get("Recipient"))
    recipients = (recipient,) if recipient else ()
    bounce_type = as_text(event.get("Type"))
    if record == "SubscriptionChange":
        # Bounces and complaints are reported by records of their own.
        by_recipient = event.get("SuppressSending") is True and as_text(event.get("Origin")) == "Recipient"
        is_manual = as_text(event.get("SuppressionReason")) == "ManualSuppression"
        bounce_type = "Unsubscribe" if by_recipient and is_manual else "Subscribe"
    elif record not in {"Bounce", "SpamComplaint"}:
        bounce_type = "Subscribe"
    if bounce_type in _KINDS:
        kind, reason = _KINDS[bounce_type]
        return BounceReport(kind, recipient, reason=reason, parser=PARSER, recipients=recipients)
    details = as_text(event.get("Details"))
    status = next(iter(replies.find_statuses(details)), "")
    texts = (details, _WORDS.get(bounce_type, ""))
    report = classify(recipients, status, texts, final=True, parser=PARSER)
    if report.kind is ReportKind.HARD and bounce_type in _TEMPORARY_TYPES:
        return classify(recipients, "", (), final=True, parser=PARSER)
    return report
