"""SendGrid: many events a request, signed with ECDSA (P-256, SHA-256). Pure."""

from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from digest.bounces import messages
from digest.bounces.classify import classify
from digest.bounces.report import BounceReport, ReportKind
from digest.bounces.webhooks.events import MAX_EVENTS, WebhookEvent, as_objects, as_text, decode_base64, parse_json
from digest.errors import UntrustedRequestError
from digest.mail import METADATA_NAME, replies

SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"
PARSER = "sendgrid"


def parse_request(body: bytes, headers: Mapping[str, str], key: str) -> list[WebhookEvent]:
    """Return the events of a request. `key` is the verification key, base64 of DER.

    Raises UntrustedRequestError or UnparsableMessageError.
    """
    signed = headers.get(TIMESTAMP_HEADER, "").encode("utf-8", "surrogateescape") + body
    try:
        public_key = load_der_public_key(decode_base64(key))
        if not isinstance(public_key, EllipticCurvePublicKey):
            raise UntrustedRequestError(messages.SENDGRID_KEY_NOT_ECDSA)
        public_key.verify(decode_base64(headers.get(SIGNATURE_HEADER, "")), signed, ECDSA(SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise UntrustedRequestError(messages.SENDGRID_SIGNATURE_WRONG) from error
    return [
        WebhookEvent(as_text(event.get("sg_event_id")), (f"+{as_text(event.get(METADATA_NAME))}@",), _report(event))
        for event in as_objects(parse_json(body))[:MAX_EVENTS]
    ]


def _report(event: Mapping[str, Any]) -> BounceReport:
    recipient = as_text(event.get("email"))
    recipients = (recipient,) if recipient else ()
    name = as_text(event.get("event"))
    match name:
        case "spamreport":
            kind, reason = ReportKind.COMPLAINT, "called spam"
        case "unsubscribe" | "group_unsubscribe":
            kind, reason = ReportKind.UNSUBSCRIBE, ""
        case "bounce" | "dropped" | "deferred":
            words = as_text(event.get("reason")) or as_text(event.get("response"))
            status = next(iter(replies.find_statuses(f"{words} {as_text(event.get('status'))}")), "")
            # Dropped: SendGrid did not try, since the address is on one of its lists.
            texts = (words, "suppression list") if name == "dropped" else (words,)
            report = classify(recipients, status, texts, final=name != "deferred", parser=PARSER)
            is_block = as_text(event.get("type")) == "blocked" or name == "dropped"  # says nothing for good
            if report.kind is ReportKind.HARD and is_block:
                return classify(recipients, "", texts[1:], final=True, parser=PARSER)
            return report
        case _:
            return BounceReport(ReportKind.NONE)
    return BounceReport(kind, recipient, reason=reason, parser=PARSER, recipients=recipients)
