"""What is put into a message comes out of it, by two parsers that no one here wrote, and over real SMTP.

Titles, names, keywords, organizations and notices come from strangers: they may hold anything.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import fast_mail_parser
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.formatting import clean_line
from digest.mail import (
    EmailContent,
    MessageHeaders,
    OutgoingMessage,
    RawMessage,
    RelayConfig,
    SmtpConnection,
    build_message,
)
from digest.rendering import SendTime, render_digest
from digest.rendering.contexts import AlreadySubscribedContext, ConfirmContext, GoodbyeContext, WelcomeContext
from digest.rendering.transactional import render_notice, render_welcome
from tests.support.browser import ParsedPage
from tests.support.email_factory import LINKS, make_context, make_view
from tests.support.relay import Relay, relay

ENVELOPE = MessageHeaders(
    from_="Paper Digest <digest@example.org>",
    to="reader@example.com",
    message_id="7.1f2e@example.org",
    date=datetime(2025, 10, 30, 7, 0, tzinfo=UTC),
    list_id="digest.example.org",
    unsubscribe_url="https://digest.example.org/unsubscribe/" + "u" * 120,
    unsubscribe_mail=f"bounces+{'t' * 40}@example.org",
    feedback="digest:example.org",
)
# What ends a line somewhere: CR and LF in mail; NEL, U+2028 and the separators in str.splitlines; NUL in C.
BREAKS = ("\r", "\n", "\r\n", "\r\n ", "\n\t", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e", "\x00")
FORGED = (
    *("Bcc: all@example.com", "Content-Type: text/html"),
    *("--=_alternative--", "=?utf-8?q?=0d=0aBcc:_all=40example.com?="),
    *(".", "..", "From me", "<script>alert(1)</script>", "{{ 7 * 7 }}", "%s", "*", "&amp;", "<b>", "\\", '"', "'"),
    *("\ud800", "\udfff", "\u202e", "\ufeff", "\uffff", "é", "e\u0301", "论文", "مرحبا", "🧪", "=", "=20", "x" * 90),
)
# Any character at all, halves of characters included; now and then what a forger would write.
HOSTILE = st.lists(st.one_of(st.text(st.characters(), max_size=12), st.sampled_from([*BREAKS, *FORGED])), max_size=8)
TEXT = HOSTILE.map("".join)
HEADER_TEXT = TEXT.filter(lambda text: bool(clean_line(text).strip()) and len(text) < 60)
Reading = tuple[str, str, str, dict[str, list[str]]]


def by_python(raw: bytes) -> Reading:
    """Subject, text, HTML and headers."""
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text, html = (bytes(part.get_payload(decode=True)).decode() for part in message.iter_parts())
    headers: dict[str, list[str]] = {}
    for name, value in message.items():
        headers.setdefault(name, []).append(str(value))
    return str(message["Subject"]), text, html, headers


def by_another(raw: bytes) -> Reading:
    """The same, by a parser written in Rust. It repairs nothing here: `strict`."""
    mail = fast_mail_parser.parse_email(raw, strict=True)
    assert not mail.attachments
    (text,), (html,) = mail.text_plain, mail.text_html
    return mail.subject, text, html, mail.headers


PARSERS = pytest.mark.parametrize("read", [by_python, by_another])
Read = Callable[[bytes], Reading]


def transfer(text: str) -> str:
    return re.sub(r"\r\n?|\n", "\r\n", text)


def in_subject(subject: str) -> str:
    """A subject without what no header may hold."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", subject).strip()


def digest(title: str, name: str, keyword: str, organization: str, notice: str) -> EmailContent:
    return render_digest(
        make_context(
            make_view(title, authors=(name,), organization=organization, keywords=(), matched_in=((0, "title"),)),
            keywords=(keyword,),
            notices=(notice,),
        )
    )


def expect(raw: bytes, email: EmailContent, envelope: MessageHeaders, read: Read) -> None:
    subject, text, html, headers = read(raw)
    assert subject == in_subject(email.subject)
    assert (text, html) == (transfer(email.text), transfer(email.html))
    assert [*headers] == [
        *("From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"),
        *("Feedback-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
    ]
    assert {len(values) for values in headers.values()} == {1}
    assert headers["To"] == [envelope.to]
    assert headers["Message-ID"] == [f"<{envelope.message_id}>"]
    assert headers["List-Id"] == [f"<{envelope.list_id}>"]
    ways = (f"<{envelope.unsubscribe_url}>", f"<mailto:{envelope.unsubscribe_mail}?subject=unsubscribe>")
    assert headers["List-Unsubscribe"] == [", ".join(ways)]
    assert headers["List-Unsubscribe-Post"] == ["List-Unsubscribe=One-Click"]


def faults(raw: bytes) -> list[str]:
    """What a relay may not like about the lines of a message (RFC 5321, 4.5.3.1.6; RFC 5322, 2.1.1; RFC 2045, 6.7)."""
    head, _, body = raw.partition(b"\r\n\r\n")
    found = [f"more than 998: {line[:40]!r}" for line in head.split(b"\r\n") if len(line) > 998]
    found += [f"more than 76: {line[:40]!r}" for line in body.split(b"\r\n") if len(line) > 76]
    found += [
        f"would be stuffed or quoted: {line!r}" for line in raw.split(b"\r\n") if line.startswith((b".", b"From "))
    ]
    if not raw.isascii() or b"\0" in raw:
        found.append("not clean for 7 bits")
    if not raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n"):
        found.append("a bare CR or LF")
    return found


def shown(text: str) -> str:
    """A text from outside as a message shows it, without the white space, which may be a line's end."""
    return re.sub(r"\s", "", clean_line(text))


@PARSERS
@given(TEXT, TEXT, HEADER_TEXT, TEXT, TEXT)
@example("\r\n.\r\n", "From me\n.", "a", "\ud800", "--=_alternative--\n\nbcc:x")
@settings(max_examples=60)
def test_a_digest_of_anything_comes_back(
    read: Read, title: str, name: str, keyword: str, organization: str, notice: str
) -> None:
    email = digest(title, name, keyword, organization, notice)
    raw = build_message(email, ENVELOPE)
    expect(raw, email, ENVELOPE, read)
    assert faults(raw) == []


@PARSERS
@given(st.data())
@settings(max_examples=60)
def test_what_strangers_wrote_is_read_as_text(read: Read, data: st.DataObject) -> None:
    title, name, keyword, organization, notice = written = [data.draw(HEADER_TEXT) for _ in range(5)]
    raw = build_message(digest(title, name, keyword, organization, notice), ENVELOPE)
    _, text, html, _ = read(raw)
    seen = shown(ParsedPage(html).text)
    assert [value for value in written if shown(value) not in seen] == []
    plain = shown(text)
    assert [value for value in written if shown(value).replace("*", "") not in plain.replace("*", "")] == []
    assert "<script" not in html


@PARSERS
@given(TEXT, TEXT, TEXT)
@settings(max_examples=150)
def test_any_message_comes_back(read: Read, subject: str, text: str, html: str) -> None:
    # A body is UTF-8, and a mark of byte order at its very beginning belongs to the encoding (RFC 3629, 6).
    email = EmailContent(subject, *(part.encode("utf-8", "replace").decode().lstrip("\ufeff") for part in (text, html)))
    raw = build_message(email, ENVELOPE)
    expect(raw, email, ENVELOPE, read)
    assert faults(raw) == []


@given(TEXT, st.sampled_from(BREAKS), TEXT)
@settings(max_examples=150)
def test_no_header_can_be_added(before: str, line_end: str, after: str) -> None:
    forged = f"{before}{line_end}Bcc: all@example.com{line_end}{after}"
    quoted = forged.replace("\\", "\\\\").replace('"', '\\"')
    raw = build_message(EmailContent(forged, "", ""), replace(ENVELOPE, from_=f'"{quoted}" <digest@example.org>'))
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.partition(":")[0] for line in head.splitlines() if not line.startswith(" ")]
    assert names == [*by_another(raw)[3]] == [*by_python(raw)[3]]
    assert "Bcc" not in names
    assert len(names) == 13


@PARSERS
def test_all_kinds_of_messages_come_back(read: Read) -> None:
    odd = 'Zoë "论文" <b>\u2028Müller'
    made = [
        render_notice(ConfirmContext(confirm_url=LINKS.preferences)),
        render_notice(AlreadySubscribedContext(preferences_url=LINKS.preferences, postal_address=odd)),
        render_notice(GoodbyeContext(resubscribe_url=LINKS.unsubscribe, subscribe_url=LINKS.view, product=odd)),
        render_welcome(
            WelcomeContext(
                address="reader@example.com",
                frequency="daily",
                send_time=SendTime(8, "UTC"),
                keywords=(odd,),
                preferences_url=LINKS.preferences,
                unsubscribe_url=LINKS.unsubscribe,
            )
        ),
        render_digest(make_context(papers=(), keywords=())),
        render_digest(make_context(*(make_view(f"{odd} {n}", number=n) for n in range(200)), frequency="weekly")),
    ]
    for email in made:
        raw = build_message(email, ENVELOPE)
        expect(raw, email, ENVELOPE, read)
        assert faults(raw) == []


@pytest.fixture(scope="module")
def real_relay() -> Iterator[Relay]:
    with relay() as running:
        yield running


def through(relay: Relay, sent: Sequence[bytes]) -> list[bytes]:
    """What a real server holds after it was handed these over one connection."""

    async def hand_over() -> None:
        async with SmtpConnection(RelayConfig(host="127.0.0.1", port=relay.port)) as connection:
            for raw in sent:
                await connection.send(
                    OutgoingMessage("digest@example.org", "reader@example.com", RawMessage(raw)), allowed
                )

    async def allowed() -> bool:
        return True

    before = len(relay.accepted)
    asyncio.run(hand_over())
    return [raw for _, raw in relay.accepted[before:]]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_messages_arrive_byte_for_byte(real_relay: Relay, headers: list[tuple[str, str]]) -> None:
    sent = [build_message(digest(title, "Ada", "learning", "", notice), ENVELOPE) for title, notice in headers]
    assert through(real_relay, sent) == sent


DOTTED = st.lists(st.sampled_from([".", "..", "\r\n", "\r\n.\r\n", "\n.\n", "\r.\r", "x", "From ", " "]), max_size=30)


@given(st.lists(DOTTED.map("".join), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
@example([".\r\n", ".\r\n\r\n..\r\n.\r\n", "\r\n.\r\nMAIL FROM:<eve@example.org>\r\n"])
def test_no_dot_in_a_message_ends_it(real_relay: Relay, texts: list[str]) -> None:
    sent = [build_message(EmailContent("dots", text, text), ENVELOPE) for text in texts]
    assert through(real_relay, sent) == sent


def test_an_address_of_any_length_stays_whole_on_its_line() -> None:
    for length in (39, 40, 60, 78, 200, 800):
        url = "https://digest.example.org/unsubscribe/" + "u" * length
        changes: dict[str, Any] = {"unsubscribe_url": url, "message_id": "m" * (length // 2) + "@example.org"}
        raw: bytes = build_message(EmailContent("s", "t", "h"), replace(ENVELOPE, **changes))
        assert f"\r\nList-Unsubscribe: <{url}>, <mailto:{ENVELOPE.unsubscribe_mail}?".encode() in raw
        expect(raw, EmailContent("s", "t", "h"), replace(ENVELOPE, **changes), by_python)
        expect(raw, EmailContent("s", "t", "h"), replace(ENVELOPE, **changes), by_another)
