"""Samples with a known fault for each judge. A judge that misses one is not trusted."""

from datetime import UTC, datetime

from digest.mail import EmailContent, MessageHeaders, build_message
from tests.checks.emails import ReceivedEmail

# Without a fault of its own, so that each sample has exactly one.
VALID_PAGE = """<!DOCTYPE html>
<html lang="en" dir="ltr"><head><meta charset="utf-8"><title>An e-mail</title>{style}</head>
<body><main><h1>Papers of today</h1>{body}
<p>You get this e-mail because you subscribed. <a href="https://digest.example.org/unsubscribe/u1">Unsubscribe</a></p>
</main></body></html>
"""
LOW_CONTRAST = '<p style="color:#999999;background-color:#ffffff">Hardly to be read</p>'
DARK_STYLE = "<style>@media (prefers-color-scheme:dark){body{background-color:#000000}p{color:#333333}}</style>"
FAULTS = {
    "vnu": [("nested", "<p>One<div>two</p></div>", ""), ("twice", '<p id="a">One</p><p id="a">two</p>', "")],
    "html-validate": [
        ("no-alt", '<img src="https://example.org/a.png">', ""),
        ("unclosed", "<section><h2>Open</h2>", ""),
    ],
    "emailens": [
        ("script", "<script>alert(1)</script><p>FREE MONEY!!! CLICK HERE NOW</p>", ""),
        ("no-alt", '<img src="https://example.org/a.png" width="1" height="1">' * 3, ""),
        ("hidden", f'<div style="display:none">{"hidden words " * 40}</div>', ""),
    ],
    "caniemail": [("video", "<video></video>", ""), ("grid", "<p>One</p>", "<style>p{display:grid}</style>")],
    "axe": [("pale", LOW_CONTRAST, ""), ("pale-in-the-dark", "<p>Fine by day</p>", DARK_STYLE)],
}


def faulty_emails(judge: str) -> list[ReceivedEmail]:
    """Return e-mails with one fault each, for a judge of HTML."""
    return [
        ReceivedEmail(_build_message(f"broken-{name}", VALID_PAGE.format(body=body, style=style)))
        for name, body, style in FAULTS.get(judge, ())
    ]


def spam_email() -> list[ReceivedEmail]:
    """Return an e-mail that every spam filter knows."""
    html = (
        "<html><body bgcolor=red><font size=7 color=red>V1AGRA!!! 100% FREE, ACT NOW, CLICK HERE</font></body></html>"
    )
    raw = _build_message("broken-spam", html).replace(
        b"Subject: An e-mail", b"Subject: BUY VIAGRA NOW!!! MILLION DOLLARS $$$"
    )
    return [ReceivedEmail(raw)]


def tampered_emails(email: ReceivedEmail) -> list[ReceivedEmail]:
    """Return a signed e-mail with changes that break its signature."""
    body = email.raw.index(b"\n\n") if b"\n\n" in email.raw else email.raw.index(b"\r\n\r\n")
    changes = {
        "broken-subject": email.raw.replace(b"\nSubject: ", b"\nSubject: Re: ", 1),
        "broken-body": email.raw[: body + 400] + email.raw[body + 400 :].replace(b"e", b"a", 1),
        "broken-link": email.raw.replace(b"\nList-Unsubscribe: <https://", b"\nList-Unsubscribe: <http://", 1),
        "broken-from": b"From: somebody@example.org\n" + email.raw,
        "broken-unsigned": email.raw.replace(b"DKIM-Signature: ", b"X-Signature: ", 1),
    }
    return [ReceivedEmail(f"X-Sample: {name}\n".encode() + raw) for name, raw in changes.items()]


def _build_message(name: str, html: str) -> bytes:
    headers = MessageHeaders(
        from_="Paper Digest <digest@example.org>",
        to=f"{name}@readers.example",
        message_id=f"{name}@example.org",
        date=datetime.now(UTC),
        list_id="digest.example.org",
        unsubscribe_url="https://digest.example.org/unsubscribe/u1",
    )
    return build_message(EmailContent("An e-mail", "An e-mail\n", html), headers)
