"""What is made of a mail that came back: our own samples, the policy, and mail that means harm."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.bounces import MAX_MESSAGE_BYTES, parse_bounce
from digest.bounces.mime import parse_message
from digest.database.models import BounceClass
from digest.errors import UnparsableMessageError
from digest.mail import ReportKind, classify_refusal

SAMPLES = Path(__file__).parents[2] / "data" / "bounces"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def explained(raw: bytes) -> dict[str, str]:
    report = parse_bounce(raw)
    told = {"class": report.kind, "recipient": report.recipient, "status": report.status}
    return {**told, "reason": report.reason, "parser": report.parser}


def test_every_sample_has_its_meaning() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in SAMPLES.glob("*.eml"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_means_what_it_should(name: str) -> None:
    assert explained(sample(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_line_ends_make_no_difference(name: str) -> None:
    assert explained(sample(name).replace(b"\n", b"\r\n")) == EXPECTED[name]


@pytest.mark.parametrize(("name", "final"), [("mailbox-full", True), ("gave-up", True), ("delayed", False)])
def test_a_delay_is_no_refusal(name: str, final: bool) -> None:
    assert parse_bounce(sample(name)).final is final


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, ReportKind.HARD) for status in ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")),
        *(
            (status, ReportKind.SENDER_FAULT)
            for status in ("5.7.0", "5.7.1", "5.7.26", "5.3.0", "5.3.4", "5.4.4", "5.4.7")
        ),
        *((status, ReportKind.SENDER_FAULT) for status in ("5.1.7", "5.1.8")),  # of the sender
        *((status, ReportKind.SOFT) for status in ("5.0.0", "5.2.2", "5.2.3", "5.5.0", "5.6.0", "4.2.2", "4.4.7", "")),
    ],
)
def test_the_status_decides_whose_fault_it_is(status: str, kind: ReportKind) -> None:
    assert classify_refusal(status, ["it did not work"], final=True).kind is kind


@pytest.mark.parametrize("status", ["5.7.1", "5.3.0", "5.4.4"])
def test_what_is_our_fault_never_costs_the_reader_the_account(status: str) -> None:
    assert classify_refusal(status, ["550 user unknown"], final=True).kind is ReportKind.SENDER_FAULT


@pytest.mark.parametrize("status", ["4.1.1", "5.1.1", "5.2.1", ""])
def test_a_delay_is_never_more_than_soft(status: str) -> None:
    assert classify_refusal(status, ["user unknown"], final=False).kind is ReportKind.SOFT


def test_every_class_but_none_can_be_kept() -> None:
    assert {each.value for each in BounceClass} == {each.value for each in ReportKind} - {"none"}


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"no header at all", b"\x00\xff\xfe" * 100])
def test_what_is_no_mail_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(UnparsableMessageError):
        parse_bounce(raw)


def test_parts_within_parts_without_end_are_refused() -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (depth, depth) for depth in range(5000)
    )
    with pytest.raises(UnparsableMessageError, match="parts that hold others"):
        parse_bounce(b"Subject: x\n" + nested)


def test_letters_within_letters_without_end_are_refused() -> None:
    with pytest.raises(UnparsableMessageError, match="parts that hold others"):
        parse_bounce(b"Subject: x\n" + b"Content-Type: message/rfc822\n\n" * 5000)


HEAD = b"From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered mail\n"
STARTS = (
    b"failed addresses follow:\nhere is your list of failed recipients\n"
    b"the following addresses had\nYour message could not be delivered to\n"
)
HARMFUL = {
    "one long line": HEAD + b"\n" + STARTS + b"a" * MAX_MESSAGE_BYTES,
    "many short lines": HEAD + b"\n" + STARTS + b"x\n" * MAX_MESSAGE_BYTES,
    "many addresses": HEAD + b"\n" + STARTS + b"a@b.example\n" * 100_000,
    "tags that never end": HEAD + b"Content-Type: text/html\n\n" + b"<a " * 400_000,
    "encoded words": HEAD + b"X-Failed-Recipients: " + b"=?utf-8?q?=41?= " * 60_000 + b"\n\nx",
    "a thousand blocks": HEAD
    + b'Content-Type: multipart/report; boundary="c"\n\n--c\nContent-Type: message/delivery-status\n\n'
    + b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n" * 15_000
    + b"--c--\n",
    "spaces": HEAD + b"\n" + b"mail from" + b" " * MAX_MESSAGE_BYTES,
    "nearly too deep": b"Subject: x\n"
    + b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(55))
    + b"--\n" * 300_000,
}


@pytest.mark.parametrize("name", HARMFUL)
def test_mail_that_means_harm_costs_little(name: str) -> None:
    began = time.process_time()
    try:
        parse_bounce(HARMFUL[name])
    except UnparsableMessageError:
        pytest.fail("it is odd, and can be read")
    assert time.process_time() - began < 5


def test_what_lies_beyond_a_megabyte_is_not_looked_at() -> None:
    raw = HEAD + b"\n" + b"\n" * MAX_MESSAGE_BYTES + b"550 5.1.1 user unknown: ada@example.org"
    assert parse_bounce(raw).kind is ReportKind.NONE
    assert len(str(parse_message(raw))) <= MAX_MESSAGE_BYTES


@pytest.mark.parametrize(
    "head",
    [
        b"From: =?nonsense?q?=FF?= <MAILER-DAEMON@x.example>",
        b"From: =?utf-8?b?!!!?= <MAILER-DAEMON@x.example>",
        b"Subject: \xff\xfe\xfd",
        b"Content-Type: ;;;",
        b"Content-Type: text/plain; charset=unheard-of\nContent-Transfer-Encoding: base64",
        b"Content-Type: multipart/report; boundary=",
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64",
        b"Content-Type: message/feedback-report",
        b"Content-Type: text/plain; charset*=utf-8''%FF%FE",
    ],
)
def test_a_header_that_is_none_stops_nothing(head: bytes) -> None:
    assert parse_bounce(head + b"\n\n\xff\x00 550 5.1.1 user unknown a@b.example").kind in set(ReportKind)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(EXPECTED)), st.integers(0, 1500), st.booleans())
def test_a_damaged_mail_is_read_or_set_aside(noise: bytes, name: str, place: int, instead: bool) -> None:
    whole = sample(name)
    damaged = whole[:place] + noise + whole[place + (len(noise) if instead else 0) :]
    try:
        assert parse_bounce(damaged).kind in set(ReportKind)
    except UnparsableMessageError as error:
        assert str(error)  # noqa: PT017  - either is right
