"""Parsing of messages that come back: our own samples, damaged ones and hostile ones."""

import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.bounces import BounceReport, ReportKind, parse_bounce
from digest.bounces.mime import MAX_MESSAGE_BYTES, parse_message
from digest.database.models import BounceClass
from digest.errors import UnparsableMessageError
from tests.support.work import count_steps

SAMPLES = Path(__file__).parents[2] / "data" / "bounces"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


def explain(raw: bytes) -> dict[str, str]:
    report = parse_bounce(raw)
    fields = {"class": report.kind, "recipient": report.recipient, "status": report.status}
    return {**fields, "reason": report.reason, "parser": report.parser}


def test_every_sample_has_an_expectation() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in SAMPLES.glob("*.eml"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_is_understood(name: str) -> None:
    assert explain(sample(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_line_ends_make_no_difference(name: str) -> None:
    assert explain(sample(name).replace(b"\n", b"\r\n")) == EXPECTED[name]


@pytest.mark.parametrize(("name", "final"), [("mailbox-full", True), ("gave-up", True), ("delayed", False)])
def test_a_delay_is_no_refusal(name: str, final: bool) -> None:
    assert parse_bounce(sample(name)).final is final


def test_every_kind_but_none_can_be_stored() -> None:
    assert {bounce_class.value for bounce_class in BounceClass} == {kind.value for kind in ReportKind} - {"none"}


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"no header at all", b"\x00\xff\xfe" * 100])
def test_what_is_no_message_cannot_be_parsed(raw: bytes) -> None:
    with pytest.raises(UnparsableMessageError):
        parse_bounce(raw)


def test_endlessly_nested_parts_are_refused() -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (depth, depth) for depth in range(5000)
    )
    with pytest.raises(UnparsableMessageError, match="parts that contain others"):
        parse_bounce(b"Subject: x\n" + nested)


def test_endlessly_nested_messages_are_refused() -> None:
    with pytest.raises(UnparsableMessageError, match="parts that contain others"):
        parse_bounce(b"Subject: x\n" + b"Content-Type: message/rfc822\n\n" * 5000)


HEAD = b"From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>\nSubject: Undelivered mail\n"
STARTS = (
    b"failed addresses follow:\nhere is your list of failed recipients\n"
    b"the following addresses had\nYour message could not be delivered to\n"
)
HOSTILE = {
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


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_with_the_length_of_a_hostile_message(name: str) -> None:
    half, whole = (count_steps(partial(parse_bounce, HOSTILE[name][:length])) for length in (2**14, 2**15))
    assert whole < 2.5 * half


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_can_be_parsed(name: str) -> None:
    assert isinstance(parse_bounce(HOSTILE[name]), BounceReport)


def test_only_the_first_megabyte_is_parsed() -> None:
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
def test_a_malformed_header_stops_nothing(head: bytes) -> None:
    assert parse_bounce(head + b"\n\n\xff\x00 550 5.1.1 user unknown a@b.example").kind in set(ReportKind)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(EXPECTED)), st.integers(0, 1500), st.booleans())
def test_a_damaged_message_is_parsed_or_quarantined(noise: bytes, name: str, position: int, replace: bool) -> None:
    whole = sample(name)
    damaged = whole[:position] + noise + whole[position + (len(noise) if replace else 0) :]
    try:
        assert parse_bounce(damaged).kind in set(ReportKind)
    except UnparsableMessageError as error:
        assert str(error)  # noqa: PT017  - either is right
