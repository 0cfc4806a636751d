"""The message in wire form: what goes in comes out again, and nothing else."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.context import sender_domain
from digest.errors import PermanentDeliveryError, SmtpStep
from digest.mail import EmailContent, MessageHeaders, build_message, encode_quoted_printable
from digest.mail.transfer_encoding import encode_shortest

ENVELOPE = MessageHeaders(
    from_="Paper Digest <digest@example.org>",
    to="reader@example.com",
    message_id="7.1f2e@example.org",
    date=datetime(2025, 10, 30, 7, 0, tzinfo=UTC),
    list_id="digest.example.org",
    unsubscribe_url="https://digest.example.org/unsubscribe/u1",
    feedback="digest:example.org",
)
EMAIL = EmailContent("6 papers: post-training", "Hello\n", "<p>Hello</p>\n")
# A header holds neither controls nor halves of characters; what else a person can type is allowed.
WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200)
BODY = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def bodies(raw: bytes) -> list[str]:
    return [bytes(part.get_payload(decode=True)).decode() for part in parsed(raw).iter_parts()]


def head(raw: bytes) -> list[str]:
    return raw.split(b"\r\n\r\n", 1)[0].decode("ascii").split("\r\n")


def test_every_header_of_a_digest() -> None:
    assert head(build_message(EMAIL, ENVELOPE)) == [
        "From: Paper Digest <digest@example.org>",
        "To: reader@example.com",
        "Subject: 6 papers: post-training",
        "Date: Thu, 30 Oct 2025 07:00:00 +0000",
        "Message-ID: <7.1f2e@example.org>",
        "List-Id: <digest.example.org>",
        "List-Unsubscribe: <https://digest.example.org/unsubscribe/u1>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Feedback-ID: digest:example.org",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        'Content-Type: multipart/alternative; boundary="=_alternative"',
    ]


def test_a_requested_message_has_no_unsubscribe_headers() -> None:
    raw = build_message(EMAIL, replace(ENVELOPE, unsubscribe_url=None))
    assert "unsubscribe" not in "\n".join(head(raw)).lower()


def test_the_plain_form_comes_first_and_both_are_utf_8() -> None:
    parts = list(parsed(build_message(EMAIL, ENVELOPE)).iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part.get_content_charset() for part in parts] == ["utf-8", "utf-8"]


def test_a_long_unsubscribe_address_stays_on_one_line_as_it_is() -> None:
    url = "https://digest.example.org/unsubscribe/" + "x" * 300
    raw: bytes = build_message(EMAIL, replace(ENVELOPE, unsubscribe_url=url))
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in raw


def test_the_same_message_gives_the_same_bytes() -> None:
    assert build_message(EMAIL, ENVELOPE) == build_message(EMAIL, ENVELOPE)


# By default, email.header makes an encoded word of 76 characters of this one.
@example("\u0800" + "\U00010000" * 11 + "0\U000100000" + "\U00010000" * 7 + "\U0001d588\U0001d59d")
@given(WORDS)
def test_any_subject_comes_back(subject: str) -> None:
    raw = build_message(EmailContent(subject, EMAIL.text, EMAIL.html), ENVELOPE)
    assert parsed(raw)["Subject"] == subject.strip()
    lines = [line for line in head(raw) if not line.startswith("List-")]
    assert all(len(line) <= 78 for line in lines)
    assert all(len(word) <= 75 for word in re.findall(r"=\?utf-8\?.*?\?=", raw.decode()))


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?looks_encoded?=",
        "two  spaces",
        "6 papers: " + "reinforcement learning, " * 4 + "and more",
        "x" * 90,
        "6 papers: 论文" * 8,
        "…",
        "",
    ],
)
def test_awkward_subjects_come_back(subject: str) -> None:
    raw = build_message(EmailContent(subject, EMAIL.text, EMAIL.html), ENVELOPE)
    assert parsed(raw)["Subject"] == subject
    assert not parsed(raw).defects


@given(WORDS.filter(lambda name: not set(name) & set('"\\')))
def test_any_senders_name_comes_back(name: str) -> None:
    raw = build_message(EMAIL, replace(ENVELOPE, from_=f'"{name}" <digest@example.org>'))
    # Not policy.default: in names it keeps the space between two encoded words, against RFC 2047, 6.2.
    subject, address = parseaddr(re.sub(r"\r\n ", " ", message_from_bytes(raw)["From"]))
    assert address == "digest@example.org"
    assert str(make_header(decode_header(subject))).split() == name.split()


@pytest.mark.parametrize("name", ["Digest, Paper", "O'Neil (papers)", "Päper Dïgest", 'The "Digest"', "a@b.c"])
def test_names_that_need_quotes_or_encoding_come_back(name: str) -> None:
    quoted = name.replace('"', '\\"')
    raw = build_message(EMAIL, replace(ENVELOPE, from_=f'"{quoted}" <digest@example.org>'))
    assert parsed(raw)["From"].addresses[0].display_name == name


@given(BODY, BODY)
def test_any_text_comes_back(text: str, html: str) -> None:
    raw = build_message(EmailContent("s", text, html), ENVELOPE)
    assert bodies(raw) == [re.sub(r"\r\n?|\n", "\r\n", body) for body in (text, html)]


def broken_lines(raw: bytes) -> list[bytes]:
    """Lines that are not in wire form: a bare CR or LF, a leading dot, "From ", more than 78 characters."""
    lines = raw.split(b"\r\n")
    return [
        line
        for line in lines
        if b"\r" in line or b"\n" in line or line.startswith((b".", b"From ")) or len(line) > 78 or not line.isascii()
    ]


AWKWARD = st.sampled_from([".", "F", "From ", "=", "\n", "\r", " ", "\t", "x" * 75, "é", "论文"])


@given(st.lists(AWKWARD, max_size=80))
def test_every_line_is_in_wire_form(pieces: list[str]) -> None:
    text = "".join(pieces)
    raw = build_message(EmailContent("s", text, text), ENVELOPE)
    assert broken_lines(raw) == []
    assert raw.endswith(b"\r\n")


def test_dots_at_the_beginning_of_lines_are_encoded() -> None:
    raw: bytes = build_message(EmailContent("s", ".\n..\n" + "." * 200 + "\nFrom me\n", ""), ENVELOPE)
    assert b"\r\n=2E\r\n=2E." in raw
    assert b"=46rom me" in raw
    assert broken_lines(raw) == []


def test_the_shorter_encoding_is_used() -> None:
    raw = build_message(EmailContent("s", "plain enough\n" * 5, "论文" * 100), ENVELOPE)
    assert [part["Content-Transfer-Encoding"] for part in parsed(raw).iter_parts()] == ["quoted-printable", "base64"]
    assert encode_shortest(encode_quoted_printable("论文" * 100)).body.replace(b"\r\n", b"") == base64.b64encode(
        ("论文" * 100).encode()
    )


def test_no_body_can_end_its_part() -> None:
    text = "--=_alternative--\n\n--=_alternative\nContent-Type: text/html\n\n<p>forged\n"
    raw = build_message(EmailContent("s", text, text), ENVELOPE)
    assert bodies(raw) == [text.replace("\n", "\r\n")] * 2


BREAKS = st.sampled_from(["\r", "\n", "\r\n", "\r\n ", "\x00", "\n\n"])
INJECTED = st.builds("{}{}Bcc: all@example.com{}".format, st.text("abc", max_size=5), BREAKS, BREAKS)


@given(INJECTED)
def test_breaks_in_subject_and_name_become_spaces(value: str) -> None:
    raw = build_message(
        EmailContent(value, EMAIL.text, EMAIL.html), replace(ENVELOPE, from_=f"{value} <digest@example.org>")
    )
    assert len(parsed(raw).keys()) == 13
    assert parsed(raw)["Bcc"] is None
    subject = str(make_header(decode_header(message_from_bytes(raw)["Subject"])))
    assert subject == re.sub(r"[\x00\r\n]+", " ", value).strip()
    assert bodies(raw) == ["Hello\r\n", "<p>Hello</p>\r\n"]


@given(INJECTED, st.sampled_from(["message_id", "list_id", "unsubscribe_url", "feedback"]))
def test_breaks_in_values_of_our_own_are_refused(value: str, field: str) -> None:
    given_value = f"https://x/{value}" if field == "unsubscribe_url" else value
    changes: dict[str, Any] = {field: given_value}
    with pytest.raises(ValueError, match="cannot hold"):
        build_message(EMAIL, replace(ENVELOPE, **changes))


@pytest.mark.parametrize(
    "address",
    ["a@b.c\r\nBcc: all@example.com", "a b@c.d", "jürgen@example.org", "nobody", "a@b.c,d@e.f", "<a@b.c>", ""],
)
def test_an_address_that_cannot_stand_in_a_header_is_the_recipients_fault(address: str) -> None:
    with pytest.raises(PermanentDeliveryError) as caught:
        build_message(EMAIL, replace(ENVELOPE, to=address))
    assert caught.value.step is SmtpStep.RCPT
    assert not address or address not in str(caught.value)


def test_our_own_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="naive"):
        build_message(EMAIL, replace(ENVELOPE, date=ENVELOPE.date.replace(tzinfo=None)))
    with pytest.raises(ValueError, match="not a sender"):
        build_message(EMAIL, replace(ENVELOPE, from_="nobody"))
    with pytest.raises(ValueError, match="longer than 998"):
        build_message(EMAIL, replace(ENVELOPE, unsubscribe_url="https://x/" + "x" * 1000))
    with pytest.raises(ValueError, match="https"):
        build_message(EMAIL, replace(ENVELOPE, unsubscribe_url="mailto:x@example.org"))


def test_the_senders_domain() -> None:
    assert sender_domain("Paper Digest <digest@Mail.Example.org>") == "mail.example.org"
