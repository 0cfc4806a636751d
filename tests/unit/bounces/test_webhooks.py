"""Events of mail providers: what each means, and which requests are refused."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from digest.bounces import BounceReport, ReportKind
from digest.bounces.webhooks import CertificateStore, amazon_ses, mailgun, postmark, sendgrid
from digest.bounces.webhooks.events import WebhookEvent, as_object, as_objects, as_text, decode_base64
from digest.errors import UnparsableMessageError, UntrustedRequestError
from tests.support.webhooks import (
    CERTIFICATE_URL,
    MAILGUN_KEY,
    NOW,
    POSTMARK_SECRET,
    SENDGRID_KEY,
    SUBSCRIBE_URL,
    TOPIC,
    Request,
    certificate,
    mailgun_event,
    mailgun_request,
    postmark_request,
    sendgrid_event,
    sendgrid_request,
    ses_bounce,
    ses_complaint,
    sns_request,
)

TOKEN = "t" * 39
HARD, SOFT, OURS = ReportKind.HARD, ReportKind.SOFT, ReportKind.SENDER_FAULT
COMPLAINT, UNSUBSCRIBE, NONE = ReportKind.COMPLAINT, ReportKind.UNSUBSCRIBE, ReportKind.NONE


def read_ses(request: Request) -> list[WebhookEvent]:
    message = amazon_ses.parse_request(request[0], TOPIC)
    message.verify(certificate(), NOW)
    return amazon_ses.parse_events(message)


def read_sendgrid(request: Request) -> list[WebhookEvent]:
    return sendgrid.parse_request(request[0], {name.lower(): value for name, value in request[1].items()}, SENDGRID_KEY)


def read_mailgun(request: Request) -> list[WebhookEvent]:
    return mailgun.parse_request(request[0], MAILGUN_KEY, NOW)


def read_postmark(request: Request) -> list[WebhookEvent]:
    return postmark.parse_request(request[0], request[1].get("Authorization", ""), POSTMARK_SECRET)


def only_report(events: list[WebhookEvent]) -> BounceReport:
    (event,) = events
    assert event.tokens[0] == f"+{TOKEN}@"
    assert event.event_id
    report = event.report
    if report.kind is not NONE or report.parser:
        assert (report.recipient, report.recipients) == ("ada@example.org", ("ada@example.org",))
    return report


def mailgun_failure(severity: str = "permanent", reason: str = "bounce", **status: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"severity": severity, "reason": reason, "delivery-status": {"code": 550, **status}}
    return mailgun_event(TOKEN, **fields)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (ses_bounce(TOKEN, status="5.1.1", diagnosticCode="smtp; 550 5.1.1 no such user"), HARD),
        (ses_bounce(TOKEN, subtype="NoEmail"), HARD),
        (ses_bounce(TOKEN, status="5.7.1", diagnosticCode="smtp; 550 5.7.1 blocked using zen.spamhaus.org"), OURS),
        (ses_bounce(TOKEN), SOFT),
        (ses_bounce(TOKEN, subtype="Suppressed", status="5.1.1", diagnosticCode="Amazon SES keeps it back"), SOFT),
        (ses_bounce(TOKEN, "Transient", "MailboxFull", status="5.2.2"), SOFT),
        (ses_bounce(TOKEN, "Transient", status="5.1.1"), SOFT),
        (ses_complaint(TOKEN), COMPLAINT),
        (ses_complaint(TOKEN, "not-spam"), NONE),
        (ses_complaint(TOKEN, "auth-failure"), OURS),
        ({"eventType": "Reject", "mail": ses_bounce(TOKEN)["mail"], "reject": {"reason": "Bad content"}}, OURS),
        ({"eventType": "Delivery", "mail": ses_bounce(TOKEN)["mail"], "delivery": {}}, NONE),
        ({"eventType": "Open", "mail": ses_bounce(TOKEN)["mail"]}, NONE),
    ],
)
def test_a_message_of_amazon_ses_is_understood(message: dict[str, Any], kind: ReportKind, version: str) -> None:
    report = only_report(read_ses(sns_request(message, version)))
    assert report.kind is kind


def test_only_the_first_tag_of_amazon_ses_counts_and_tags_of_others_do_not() -> None:
    message = ses_bounce(TOKEN)
    message["mail"]["tags"]["digest-delivery"].append("u" * 39)
    headers = [{"name": "x-ses-message-tags", "value": f"digest-delivery={TOKEN}, digest-delivery={'u' * 39}"}]
    message["mail"]["headers"] = [*headers, {"name": "Subject", "value": f"digest-delivery={'v' * 39}"}]
    [event] = read_ses(sns_request(message))
    assert event.tokens == (f"+{TOKEN}@", f"+{TOKEN}@", "digest@example.org")


@pytest.mark.parametrize(
    ("message", "status", "reason", "final"),
    [
        (ses_bounce(TOKEN, status="5.1.1", diagnosticCode="smtp; 550 no such user"), "5.1.1", "no such mailbox", True),
        (ses_bounce(TOKEN, "Transient", "MailboxFull"), "5.0.0", "mailbox full", True),
        (ses_bounce(TOKEN, "Transient", status="5.1.1"), "5.0.0", "", True),
        (
            ses_bounce(TOKEN, subtype="Suppressed", diagnosticCode="no such user"),
            "5.0.0",
            "on a suppression list",
            True,
        ),
        (
            {"eventType": "DeliveryDelay", "mail": ses_bounce(TOKEN)["mail"]}
            | {"deliveryDelay": {"delayType": "MailboxFull", "delayedRecipients": [{"status": "4.2.2"}]}},
            *("4.2.2", "mailbox full", False),
        ),
        (
            ses_complaint(TOKEN) | {"complaint": {"complaintSubType": "OnAccountSuppressionList"}},
            *("5.0.0", "on a suppression list", True),
        ),
    ],
)
def test_status_and_reason_of_amazon_ses_come_from_the_words(
    message: dict[str, Any], status: str, reason: str, final: bool
) -> None:
    [event] = read_ses(sns_request(message))
    assert (event.report.status, event.report.reason, event.report.final) == (status, reason, final)


def test_the_envelope_sender_of_amazon_ses_may_hold_the_token() -> None:
    message = ses_bounce("") | {"mail": {"source": f"bounces+{TOKEN}@example.org"}}
    assert read_ses(sns_request(message))[0].tokens == (f"bounces+{TOKEN}@example.org",)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (sendgrid_event(TOKEN, reason="550 5.1.1 The account does not exist", status="5.1.1", type="bounce"), HARD),
        (sendgrid_event(TOKEN, reason="550 5.1.1 unknown user", status="5.1.1", type="blocked"), SOFT),
        (sendgrid_event(TOKEN, reason="554 5.7.1 listed at spamhaus", status="5.7.1", type="blocked"), OURS),
        (sendgrid_event(TOKEN, reason="552 5.2.2 mailbox full", status="5.2.2", type="bounce"), SOFT),
        (sendgrid_event(TOKEN, "dropped", reason="Bounced Address", status="5.0.0"), SOFT),
        (sendgrid_event(TOKEN, "deferred", response="450 4.1.1 user unknown"), SOFT),
        (sendgrid_event(TOKEN, "spamreport"), COMPLAINT),
        (sendgrid_event(TOKEN, "unsubscribe"), UNSUBSCRIBE),
        (sendgrid_event(TOKEN, "delivered", response="250 ok"), NONE),
        (sendgrid_event(TOKEN, "click"), NONE),
    ],
)
def test_an_event_of_sendgrid_is_understood(event: dict[str, Any], kind: ReportKind) -> None:
    report = only_report(read_sendgrid(sendgrid_request(event)))
    assert report.kind is kind
    assert report.is_returned is (kind in {HARD, SOFT, OURS} and event["event"] != "deferred")


def test_what_sendgrid_did_not_try_is_on_one_of_its_lists() -> None:
    reasons = [
        only_report(read_sendgrid(sendgrid_request(sendgrid_event(TOKEN, name, reason="Bounced Address")))).reason
        for name in ("dropped", "bounce")
    ]
    assert reasons == ["on a suppression list", ""]


def test_all_events_of_a_request_are_read() -> None:
    request = sendgrid_request(sendgrid_event(TOKEN, event_id="1"), sendgrid_event("u" * 39, event_id="2"))
    assert [(event.event_id, event.tokens) for event in read_sendgrid(request)] == [
        ("1", (f"+{TOKEN}@",)),
        ("2", (f"+{'u' * 39}@",)),
    ]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (mailgun_failure(message="5.1.1 no"), HARD),
        (mailgun_failure(message="No such user"), HARD),
        (mailgun_failure(**{"enhanced-code": "5.7.1"}), OURS),
        (mailgun_failure(reason="suppress-bounce"), SOFT),
        (mailgun_failure(severity="temporary", message="user unknown"), SOFT),
        (mailgun_event(TOKEN, "complained"), COMPLAINT),
        (mailgun_event(TOKEN, "unsubscribed"), UNSUBSCRIBE),
        (mailgun_event(TOKEN, "delivered"), NONE),
    ],
)
def test_an_event_of_mailgun_is_understood(event: dict[str, Any], kind: ReportKind) -> None:
    report = only_report(read_mailgun(mailgun_request(event)))
    assert (report.kind, report.is_returned) == (kind, event.get("severity") == "permanent")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"Details": "smtp;550 5.1.1 no such user"}, HARD),
        ({"Details": ""}, SOFT),
        ({"Type": "BadEmailAddress", "Details": ""}, HARD),
        ({"Type": "SoftBounce", "Details": "smtp;452 4.2.2 over quota"}, SOFT),
        ({"Type": "Transient", "Details": "smtp;550 5.1.1 unknown"}, SOFT),
        ({"Type": "Blocked", "Details": ""}, OURS),
        ({"Type": "SpamNotification", "Details": "smtp;554 no"}, OURS),
        ({"Type": "DMARCPolicy", "Details": ""}, OURS),
        ({"Type": "AutoResponder"}, ReportKind.AUTO_REPLY),
        ({"Type": "Unsubscribe"}, UNSUBSCRIBE),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, COMPLAINT),
        (
            {"RecordType": "SubscriptionChange", "SuppressSending": True, "Origin": "Recipient"}
            | {"SuppressionReason": "ManualSuppression", "Recipient": "ada@example.org"},
            UNSUBSCRIBE,
        ),
        ({"RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "HardBounce"}, NONE),
        # Only a manual suppression by the recipient is a wish; the address may also be taken off the list again.
        *(
            (
                {"RecordType": "SubscriptionChange", "SuppressSending": True, "Origin": "Recipient"}
                | {"SuppressionReason": "ManualSuppression", **other},
                NONE,
            )
            for other in ({"Origin": "Customer"}, {"SuppressSending": False}, {"SuppressionReason": "SpamComplaint"})
        ),
        ({"RecordType": "Delivery"}, NONE),
    ],
)
def test_an_event_of_postmark_is_understood(fields: dict[str, Any], kind: ReportKind) -> None:
    report = only_report(read_postmark(postmark_request(TOKEN, **fields)))
    assert (report.kind, report.is_returned) == (kind, kind in {HARD, SOFT, OURS})


def test_an_event_of_postmark_without_a_number_is_identified_by_message_and_time() -> None:
    change: dict[str, Any] = {
        "RecordType": "SubscriptionChange",
        "ID": None,
        "MessageID": "m",
        "ChangedAt": "2026-07-29T12:00:00Z",
    }
    [event] = read_postmark(postmark_request(TOKEN, **change))
    assert event.event_id == "SubscriptionChange m 2026-07-29T12:00:00Z"
    assert read_postmark(postmark_request(TOKEN))[0].event_id == "Bounce 42"


OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_EC = ec.generate_private_key(ec.SECP256R1())


def spoil(request: Request) -> Request:
    return request[0].replace(b"ada@", b"bob@"), request[1]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": TOPIC + "-of-others"},
        {"Type": "Gossip"},
    ],
)
def test_a_message_of_another_topic_or_type_is_refused(changes: dict[str, Any], version: str) -> None:
    body, _ = sns_request(ses_bounce(TOKEN), version, **changes)
    with pytest.raises(UntrustedRequestError):
        amazon_ses.parse_request(body, TOPIC)


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-west-1.amazonaws.com.example.org/x.pem",
        "https://example.org/sns.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com@example.org/x.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
        "http://sns.eu-west-1.amazonaws.com/x.pem",
        "https://s3.eu-west-1.amazonaws.com/x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem?a=.pem",
        "",
    ],
)
def test_a_certificate_is_fetched_from_amazon_alone(url: str) -> None:
    with pytest.raises(UntrustedRequestError):
        asyncio.run(CertificateStore().get(url))
    assert amazon_ses.CERTIFICATE_URL.fullmatch(CERTIFICATE_URL)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_message_of_amazon_with_another_signature_is_refused(version: str) -> None:
    for request in (spoil(sns_request(ses_bounce(TOKEN), version)), sns_request(ses_bounce(TOKEN), version, OTHER_RSA)):
        with pytest.raises(UntrustedRequestError, match="signature"):
            read_ses(request)
    with pytest.raises(UntrustedRequestError, match="not valid now"):
        amazon_ses.parse_request(sns_request({}, version)[0], TOPIC).verify(certificate(NOW - timedelta(days=1)), NOW)
    with pytest.raises(UntrustedRequestError):
        amazon_ses.parse_request(sns_request({}, version)[0], TOPIC).verify(b"no certificate", NOW)
    unsigned = json.loads(sns_request(ses_bounce(TOKEN), version)[0]) | {"SignatureVersion": "3"}
    with pytest.raises(UntrustedRequestError):
        amazon_ses.parse_request(json.dumps(unsigned).encode(), TOPIC)


def test_the_subject_is_signed_where_there_is_one() -> None:
    read_ses(sns_request(ses_bounce(TOKEN), Subject="Amazon SES"))
    body = sns_request(ses_bounce(TOKEN), Subject="Amazon SES")[0].replace(b'"Amazon SES"', b'"Amazon"')
    with pytest.raises(UntrustedRequestError):
        read_ses((body, {}))


def test_a_subscription_to_confirm_is_shown_only_with_an_url_of_amazon() -> None:
    for url, expected in ((SUBSCRIBE_URL, SUBSCRIBE_URL), ("https://example.org/?Action=ConfirmSubscription", "")):
        body, _ = sns_request("confirm", Type="SubscriptionConfirmation", SubscribeURL=url, Token="abc")
        message = amazon_ses.parse_request(body, TOPIC)
        message.verify(certificate(), NOW)
        assert (message.subscribe_url, amazon_ses.parse_events(message)) == (expected, [])


def test_a_request_with_another_signature_or_none_is_refused() -> None:
    event = sendgrid_event(TOKEN)
    for request in (
        spoil(sendgrid_request(event)),
        sendgrid_request(event, key=OTHER_EC),
        (sendgrid_request(event)[0], {}),
    ):
        with pytest.raises(UntrustedRequestError):
            read_sendgrid(request)
    mailgun_forged = mailgun_request(mailgun_event(TOKEN), key="another key")
    for request in (mailgun_forged, (b'{"event-data": {"event": "complained"}}', {}), (b"[]", {})):
        with pytest.raises(UntrustedRequestError):
            read_mailgun(request)
    wrong = base64.b64encode(f"{POSTMARK_SECRET}:x".encode()).decode()
    for authorization in ("", "Basic", f"Basic {wrong}", f"Bearer {POSTMARK_SECRET}", "Basic ***"):
        with pytest.raises(UntrustedRequestError):
            read_postmark((postmark_request(TOKEN)[0], {"Authorization": authorization}))


def test_a_request_of_mailgun_is_good_for_a_quarter_of_an_hour() -> None:
    for age in (timedelta(minutes=-14), timedelta(minutes=14)):
        assert read_mailgun(mailgun_request(mailgun_event(TOKEN), NOW - age))
    for age in (timedelta(minutes=-16), timedelta(minutes=16)):
        with pytest.raises(UntrustedRequestError, match="15 minutes"):
            read_mailgun(mailgun_request(mailgun_event(TOKEN), NOW - age))


def test_a_signature_with_other_characters_is_none() -> None:
    assert decode_base64("YQ==") == b"a"
    assert (decode_base64("Y!Q=="), decode_base64("YQ"), decode_base64("é")) == (b"", b"", b"")


def test_texts_and_numbers_are_read_as_text_of_bounded_length() -> None:
    assert [as_text(value) for value in ("a", 4, 4.5, True, None, ["a"])] == ["a", "4", "4.5", "", "", ""]
    assert as_text("a" * 5000) == "a" * 4000
    assert (as_object({"a": 1}), as_object([1]), as_objects([{"a": 1}, 2]), as_objects({})) == (
        {"a": 1},
        {},
        [{"a": 1}],
        [],
    )


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": None}])
def test_fields_of_another_type_do_no_harm(value: Any) -> None:
    reports = [
        *read_ses(sns_request({"eventType": "Bounce", "bounce": value, "mail": value})),
        *read_ses(sns_request({"eventType": "Bounce", "mail": {"destination": value, "headers": value}})),
        *read_ses(
            sns_request({"eventType": "Bounce", "bounce": {"bouncedRecipients": value}, "mail": {"tags": value}})
        ),
        *read_sendgrid(sendgrid_request({"event": value, "reason": value, "digest-delivery": value})),
        *read_mailgun(mailgun_request({"event": "failed", "delivery-status": value, "user-variables": value})),
        *read_postmark(postmark_request(TOKEN, Type=value, Details=value, Metadata=value, ID=value)),
    ]
    assert {event.report.kind for event in reports} <= {NONE, SOFT}


def test_what_is_no_json_cannot_be_read() -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        with pytest.raises(UnparsableMessageError):
            amazon_ses.parse_request(body, TOPIC)
        with pytest.raises(UnparsableMessageError):
            read_mailgun((body, {}))
