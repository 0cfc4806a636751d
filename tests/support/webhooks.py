"""Requests of mail providers in the shapes that they document, signed with keys of the tests."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:digest-bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
MAILGUN_KEY = "key-of-the-tests-for-mailgun"
POSTMARK_SECRET = "secret-of-the-tests"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SENDGRID_KEY = base64.b64encode(
    EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
SETTINGS = {
    "bounces_ses_topic": TOPIC,
    "bounces_sendgrid_key": SENDGRID_KEY,
    "bounces_mailgun_key": MAILGUN_KEY,
    "bounces_postmark_secret": POSTMARK_SECRET,
}
Request = tuple[bytes, dict[str, str]]


def certificate(until: datetime = NOW + timedelta(days=30)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(RSA_KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=30)).not_valid_after(until)
    return builder.sign(RSA_KEY, SHA256()).public_bytes(Encoding.PEM)


def sns_request(message: Any, version: str = "2", key: rsa.RSAPrivateKey = RSA_KEY, **changes: str) -> Request:
    """Return a message of Amazon SNS; `changes` of fields are signed, too."""
    fields = {
        "Type": "Notification",
        "MessageId": "11111111-2222-3333-4444-555555555555",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-07-29T11:59:58.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    } | changes
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
    signature = key.sign(signed, padding.PKCS1v15(), SHA1() if version == "1" else SHA256())
    return json.dumps(fields | {"Signature": base64.b64encode(signature).decode()}).encode(), {}


def ses_bounce(token: str, kind: str = "Permanent", subtype: str = "General", **recipient: str) -> dict[str, Any]:
    mail = {"source": "digest@example.org", "destination": ["ada@example.org"], "tags": {"digest-delivery": [token]}}
    bounced = [{"emailAddress": "ada@example.org", "action": "failed", **recipient}]
    bounce = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": bounced, "feedbackId": "f-1"}
    return {"eventType": "Bounce", "bounce": bounce, "mail": mail}


def ses_complaint(token: str, kind: str = "abuse") -> dict[str, Any]:
    complained = [{"emailAddress": "ada@example.org"}]
    complaint = {"complainedRecipients": complained, "complaintFeedbackType": kind, "feedbackId": "f-2"}
    header = {"name": "X-SES-MESSAGE-TAGS", "value": f"digest-delivery={token}"}
    return {
        "notificationType": "Complaint",
        "complaint": complaint,
        "mail": {"headers": [header], "source": "x@y.example"},
    }


def sendgrid_request(*events: dict[str, Any], key: ec.EllipticCurvePrivateKey = EC_KEY) -> Request:
    body, timestamp = json.dumps(events).encode(), "1785326400"
    signature = base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    name = "X-Twilio-Email-Event-Webhook"
    return body, {f"{name}-Signature": signature, f"{name}-Timestamp": timestamp}


def sendgrid_event(token: str, event: str = "bounce", event_id: str = "e-1", **fields: str) -> dict[str, Any]:
    return {"email": "ada@example.org", "event": event, "sg_event_id": event_id, "digest-delivery": token, **fields}


def mailgun_request(event: dict[str, Any], signed_at: datetime = NOW, key: str = MAILGUN_KEY) -> Request:
    timestamp, token = str(int(signed_at.timestamp())), "a" * 50
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    return json.dumps({"signature": signed, "event-data": event}).encode(), {}


def mailgun_event(token: str, event: str = "failed", **fields: Any) -> dict[str, Any]:
    variables = {"digest-delivery": token}
    return {"event": event, "id": "m-1", "recipient": "ada@example.org", "user-variables": variables, **fields}


def postmark_request(token: str, password: str = POSTMARK_SECRET, **fields: Any) -> Request:
    event = {"RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "Email": "ada@example.org"}
    event |= {"Metadata": {"digest-delivery": token}, **fields}
    credentials = base64.b64encode(f"postmark:{password}".encode()).decode()
    return json.dumps(event).encode(), {"Authorization": f"Basic {credentials}"}
