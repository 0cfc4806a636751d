"""Amazon SES: messages of Amazon SNS, signed with RSA (signature versions 1 and 2). Pure.

SES reports either as "feedback notifications" (notificationType) or as "event publishing" (eventType).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from digest.bounces import messages
from digest.bounces.arf import complaint_meaning
from digest.bounces.classify import classify
from digest.bounces.report import BounceReport, ReportKind
from digest.bounces.webhooks.events import WebhookEvent, as_object, as_objects, as_text, decode_base64, parse_json
from digest.errors import UntrustedRequestError
from digest.mail import METADATA_NAME, SES_TAGS_HEADER, replies

PARSER = "amazon-ses"
NOTIFICATION = "Notification"
_SIGNED_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES = {"1": SHA1, "2": SHA256}  # noqa: S303  - version 1 is what topics have by default
_SNS_HOST = r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?"
CERTIFICATE_URL = re.compile(_SNS_HOST + r"/[A-Za-z0-9._/-]{1,200}\.pem")
SUBSCRIBE_URL = re.compile(_SNS_HOST + r"/\?[A-Za-z0-9=&%:._-]{1,1000}")
# Words for subtypes whose recipients have no diagnostic code.
_SUBTYPE_WORDS = {
    "NoEmail": "no such mailbox",
    "Suppressed": "suppression list",
    "OnAccountSuppressionList": "suppression list",
    "MailboxFull": "mailbox full",
    "MessageTooLarge": "message too large",
    "ContentRejected": "taken for spam",
    "AttachmentRejected": "against a policy",
}
_TAG = re.compile(rf"(?:^|[,\s]){METADATA_NAME}\s*=\s*([A-Za-z0-9_-]{{1,256}})")


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """Message of Amazon SNS, not verified yet."""

    fields: Mapping[str, Any]

    @property
    def certificate_url(self) -> str:
        """URL of the certificate that is said to have signed it; `CertificateStore` trusts only Amazon's."""
        return as_text(self.fields.get("SigningCertURL") or self.fields.get("SigningCertUrl"))

    @property
    def subscribe_url(self) -> str:
        """URL that confirms a subscription; empty unless it is Amazon's and this message asks for it."""
        url = as_text(self.fields.get("SubscribeURL"))
        return url if self.fields.get("Type") == "SubscriptionConfirmation" and SUBSCRIBE_URL.fullmatch(url) else ""

    def verify(self, certificate: bytes, now: datetime) -> None:
        """Verify the signature. Raises UntrustedRequestError."""
        kind, version = as_text(self.fields.get("Type")), as_text(self.fields.get("SignatureVersion"))
        names = [name for name in _SIGNED_FIELDS[kind] if name in self.fields]  # Subject is optional
        if not all(isinstance(self.fields[name], str) for name in names):
            raise UntrustedRequestError(messages.SNS_FIELD_NOT_TEXT)
        signed = "".join(f"{name}\n{self.fields[name]}\n" for name in names)
        try:
            loaded = load_pem_x509_certificate(certificate)
            public_key = loaded.public_key()
            if not isinstance(public_key, RSAPublicKey):
                raise UntrustedRequestError(messages.SNS_KEY_NOT_RSA)
            if not loaded.not_valid_before_utc <= now <= loaded.not_valid_after_utc:
                raise UntrustedRequestError(messages.SNS_CERTIFICATE_EXPIRED)
            signature = decode_base64(str(self.fields.get("Signature", "")))
            public_key.verify(signature, signed.encode("utf-8", "surrogatepass"), PKCS1v15(), _HASHES[version]())
        except (InvalidSignature, ValueError) as error:
            raise UntrustedRequestError(messages.SNS_SIGNATURE_WRONG) from error


def parse_request(body: bytes, topic: str) -> SnsMessage:
    """Return the message of a request about the configured topic, to be verified.

    Raises UntrustedRequestError or UnparsableMessageError.
    """
    message = SnsMessage(as_object(parse_json(body)))
    if message.fields.get("TopicArn") != topic:
        raise UntrustedRequestError(messages.SNS_TOPIC_WRONG)
    if message.fields.get("Type") not in _SIGNED_FIELDS or message.fields.get("SignatureVersion") not in _HASHES:
        raise UntrustedRequestError(messages.SNS_TYPE_UNKNOWN)
    return message


def parse_events(message: SnsMessage) -> list[WebhookEvent]:
    """Return the events of a verified message. Raises UnparsableMessageError."""
    if message.fields.get("Type") != NOTIFICATION:
        return []
    event = as_object(parse_json(as_text_unbounded(message.fields.get("Message"))))
    mail = as_object(event.get("mail"))
    name = as_text(event.get("eventType")) or as_text(event.get("notificationType"))
    details = as_object(event.get(name.lower() if name != "DeliveryDelay" else "deliveryDelay"))
    event_id = as_text(details.get("feedbackId")) or as_text(message.fields.get("MessageId"))
    return [WebhookEvent(event_id, _tokens(mail), _report(name, details, mail))]


def as_text_unbounded(value: object) -> str:
    """Return a string, empty for anything else; the body that it comes from is bounded."""
    return value if isinstance(value, str) else ""


def _tokens(mail: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where the token may stand: the message tag, the header that set it, the envelope sender."""
    tags = as_object(mail.get("tags")).get(METADATA_NAME)
    values = [as_text(tag) for tag in tags[:1]] if isinstance(tags, list) else []
    for header in as_objects(mail.get("headers")):
        if as_text(header.get("name")).lower() == SES_TAGS_HEADER.lower():
            values += _TAG.findall(as_text(header.get("value")))[:1]
    return (*(f"+{value}@" for value in values), as_text(mail.get("source")))


def _report(name: str, details: Mapping[str, Any], mail: Mapping[str, Any]) -> BounceReport:
    destination = mail.get("destination")
    recipient = as_text(destination[0]) if isinstance(destination, list) and destination else ""
    match name:
        case "Complaint":
            recipients = [as_text(item.get("emailAddress")) for item in as_objects(details.get("complainedRecipients"))]
            if as_text(details.get("complaintSubType")) == "OnAccountSuppressionList":  # not sent, so nobody complained
                return classify(recipients, "", ("suppression list",), final=True, parser=PARSER)
            kind, reason = complaint_meaning(as_text(details.get("complaintFeedbackType")))
            first = recipients[0] if recipients else recipient
            return BounceReport(kind, first, reason=reason, parser=PARSER, recipients=tuple(recipients[:1]))
        case "Bounce":
            bounced = as_objects(details.get("bouncedRecipients"))
            is_permanent = as_text(details.get("bounceType")) == "Permanent"
            words = _SUBTYPE_WORDS.get(as_text(details.get("bounceSubType")), "")
        case "DeliveryDelay":
            bounced, is_permanent = as_objects(details.get("delayedRecipients")), False
            words = _SUBTYPE_WORDS.get(as_text(details.get("delayType")), "")
        case "Reject":
            return classify((recipient,), "", ("virus",), final=True, parser=PARSER)
        case _:
            return BounceReport(ReportKind.NONE)
    first_bounced = bounced[0] if bounced else {}
    diagnostic, status = as_text(first_bounced.get("diagnosticCode")), as_text(first_bounced.get("status"))
    address = as_text(first_bounced.get("emailAddress")) or recipient
    statuses = replies.find_statuses(f"{status} {diagnostic}")
    # A list of Amazon's own says 5.1.1, too: its words come first.
    texts = (words, diagnostic) if words == "suppression list" else (diagnostic, words)
    report = classify((address,), next(iter(statuses), ""), texts, final=name == "Bounce", parser=PARSER)
    if report.kind is ReportKind.HARD and not is_permanent:
        return classify((address,), "", (words,), final=True, parser=PARSER)
    return report
