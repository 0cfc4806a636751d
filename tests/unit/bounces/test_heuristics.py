"""Bounces written for people: what the mail system says itself, and whom it could not reach."""

from email import message_from_string
from email.message import Message

import pytest

from digest.bounces.heuristics import bounced_recipients, is_from_mail_system, text_before_original
from digest.bounces.mime import MAX_LINE_LENGTH


def message(*headers: str, body: str = "") -> Message:
    return message_from_string("\n".join(headers) + f"\n\n{body}")


def test_what_a_mail_system_says_ends_where_the_original_begins() -> None:
    text = "Sorry.\n\n  No such   user here.\nOriginal message follows\n550 5.7.1 spam"
    assert text_before_original(text) == "Sorry. No such user here."
    # The first lines may sound like it: "This is a copy of what was returned".
    assert text_before_original("Undelivered mail\nOriginal message follows\nNo such user") == (
        "Undelivered mail Original message follows No such user"
    )


def test_long_lines_are_cut() -> None:
    assert text_before_original("x" * 2000 + "\ny") == "x" * MAX_LINE_LENGTH + " y"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (("From: MAILER-DAEMON@x.example",), True),
        (("From: Mail Delivery System <no-reply@x.example>",), True),
        (("From: Ada <ada@x.example>", "Return-Path: <>", "Subject: Undeliverable: your digest"), True),
        (("From: Ada <ada@x.example>", "Return-Path: <>", "Subject: hello"), False),
        (("From: Ada <ada@x.example>", "Return-Path: <ada@x.example>", "Subject: Undeliverable: your digest"), False),
    ],
)
def test_a_mail_system_is_distinguished_from_a_person(headers: tuple[str, ...], expected: bool) -> None:
    assert is_from_mail_system(message(*headers)) is expected


DAEMON = "From: MAILER-DAEMON@x.example"
REFUSAL = "<ada@example.org>: 550 5.1.1 no such user; see also <bob@example.org>"


@pytest.mark.parametrize(
    ("headers", "text", "expected"),
    [
        ((DAEMON, "Subject: failure notice"), "It did not reach ada@example.org", ("ada@example.org",)),
        ((DAEMON, "Subject: hello"), REFUSAL, ("ada@example.org",)),
        ((DAEMON, "Subject: hello"), "Call ada@example.org at 550 12", ()),
        ((DAEMON, "Subject: failure notice", "Auto-Submitted: auto-replied"), "to ada@example.org", ()),
        ((DAEMON, "Subject: failure notice", "Auto-Submitted: auto-replied"), REFUSAL, ("ada@example.org",)),
        ((DAEMON, "Subject: Out of office"), REFUSAL, ()),
        (("From: ada@x.example", "Subject: failure notice"), REFUSAL, ()),
        (
            (
                DAEMON,
                "Subject: failure notice",
                "X-Failed-Recipients: eve@example.org, eve@example.org, cy@example.org",
            ),
            REFUSAL,
            ("eve@example.org", "cy@example.org"),
        ),
    ],
)
def test_a_recipient_is_named_only_by_a_refusal(headers: tuple[str, ...], text: str, expected: tuple[str, ...]) -> None:
    assert bounced_recipients(message(*headers), text) == expected
