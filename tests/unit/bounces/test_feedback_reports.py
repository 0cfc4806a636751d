"""Feedback reports (ARF, RFC 5965): whom they are about, wherever that stands."""

from email import message_from_string
from email.message import Message

import pytest

from digest.bounces import ReportKind
from digest.bounces.arf import (
    MAX_RETURNED_HEADERS,
    first_address,
    original_senders,
    parse_complaint,
    returned_message,
)
from tests.support.bounce_messages import bounce_message

RETURNED = "To: Ada <ada@example.org>\nReturn-Path: <bounces+abc@example.com>\nSubject: one\n"


def report(fields: str, original_type: str = "message/rfc822", original: str = RETURNED) -> Message:
    """Return a report with these fields, and with an e-mail that it brings back."""
    head = 'From: fbl@provider.example\nContent-Type: multipart/report; boundary="x"\n\n'
    feedback = f"--x\nContent-Type: message/feedback-report\n\n{fields}\n"
    returned = f"--x\nContent-Type: {original_type}\n\n{original}\n\nthe text\n--x--\n"
    return message_from_string(head + "--x\n\nSomebody called this spam.\n" + feedback + returned)


@pytest.mark.parametrize("original_type", ["message/rfc822", "text/rfc822-headers", "message/rfc822-headers"])
def test_without_a_recipient_in_the_report_that_of_the_returned_email_counts(original_type: str) -> None:
    found = parse_complaint(report("Feedback-Type: abuse\n", original_type))
    assert found is not None
    assert (found.kind, found.recipient, found.recipients) == (
        ReportKind.COMPLAINT,
        "ada@example.org",
        ("ada@example.org",),
    )


def test_the_recipient_in_the_report_counts_first() -> None:
    found = parse_complaint(report("Feedback-Type: ABUSE\nOriginal-Rcpt-To: <bob@example.org>\n"))
    assert found is not None
    assert (found.recipient, found.reason, found.parser) == ("bob@example.org", "called spam", "arf")
    unnamed = parse_complaint(report("Feedback-Type: abuse\n", "text/plain"))
    assert unnamed is not None
    assert (unnamed.recipient, unnamed.recipients) == ("", ())


@pytest.mark.parametrize(
    ("feedback_type", "kind", "reason"),
    [
        ("auth-failure", ReportKind.SENDER_FAULT, "not authenticated"),
        ("virus", ReportKind.SENDER_FAULT, "taken for spam"),
        ("not-spam", ReportKind.NONE, ""),
        ("unheard-of", ReportKind.COMPLAINT, "called spam"),
    ],
)
def test_the_type_of_a_report_tells_its_meaning(feedback_type: str, kind: ReportKind, reason: str) -> None:
    found = parse_complaint(report(f"Feedback-Type: {feedback_type}\n"))
    assert found is not None
    assert (found.kind, found.reason) == (kind, reason)


def test_the_envelope_sender_is_named_by_the_report_or_the_returned_email() -> None:
    one = report("Feedback-Type: abuse\nOriginal-Mail-From: <bounces+one@example.com>\n", "text/rfc822-headers")
    assert original_senders(one) == ["<bounces+one@example.com>", "<bounces+abc@example.com>"]
    assert original_senders(report("Feedback-Type: abuse\n", "text/plain")) == []
    assert original_senders(message_from_string("Subject: x\n\nhello")) == []


def test_only_the_beginning_of_returned_headers_is_read() -> None:
    filler = "X-Filler: " + "x" * MAX_RETURNED_HEADERS + "\n"
    returned = returned_message(report("Feedback-Type: abuse\n", "text/rfc822-headers", filler + RETURNED))
    assert returned is not None
    assert returned.keys() == ["X-Filler"]


def test_the_first_field_with_an_address_counts() -> None:
    fields = message_from_string("A: nothing\nB: <bob@example.org>\nC: cy@example.org\n\n")
    assert first_address(fields, "A", "B", "C") == "bob@example.org"
    assert first_address(fields, "A", "D") == ""


def test_other_messages_are_no_feedback_report() -> None:
    assert parse_complaint(message_from_string("Subject: x\n\nhello")) is None
    assert parse_complaint(message_from_string(bounce_message("mailbox-full", "a@b.example").decode())) is None


def test_the_fields_may_stand_in_the_text_of_a_part() -> None:
    encoded = (
        'Content-Type: multipart/report; boundary="x"\n\n--x\nContent-Type: message/feedback-report\n\n'
        "\nFeedback-Type: virus\nOriginal-Rcpt-To: ada@example.org\n\n--x--\n"
    )
    found = parse_complaint(message_from_string(encoded))
    assert found is not None
    assert (found.kind, found.recipient) == (ReportKind.SENDER_FAULT, "ada@example.org")
