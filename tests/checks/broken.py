"""A sample for each judge that it must not let pass. A judge who does is not trusted."""

from datetime import UTC, datetime

from digest.mail import EmailContent, MessageHeaders, build_message
from tests.checks.letters import Mail

# Sound, so that each sample has but its own fault.
SOUND = """<!DOCTYPE html>
<html lang="en" dir="ltr"><head><meta charset="utf-8"><title>A letter</title>{style}</head>
<body><main><h1>Papers of today</h1>{body}
<p>You get this letter because you subscribed. <a href="https://digest.example.org/unsubscribe/u1">Unsubscribe</a></p>
</main></body></html>
"""
PALE = '<p style="color:#999999;background-color:#ffffff">Hardly to be read</p>'
DARK = "<style>@media (prefers-color-scheme:dark){body{background-color:#000000}p{color:#333333}}</style>"
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
    "axe": [("pale", PALE, ""), ("pale-in-the-dark", "<p>Fine by day</p>", DARK)],
}


def samples(judge: str) -> list[Mail]:
    """Letters with one fault each, for a judge of pages."""
    return [
        Mail(_sent(f"broken-{name}", SOUND.format(body=body, style=style)))
        for name, body, style in FAULTS.get(judge, ())
    ]


def spam() -> list[Mail]:
    """What everybody's filter knows."""
    html = (
        "<html><body bgcolor=red><font size=7 color=red>V1AGRA!!! 100% FREE, ACT NOW, CLICK HERE</font></body></html>"
    )
    raw = _sent("broken-spam", html).replace(b"Subject: A letter", b"Subject: BUY VIAGRA NOW!!! MILLION DOLLARS $$$")
    return [Mail(raw)]


def tampered(mail: Mail) -> list[Mail]:
    """A signed letter, changed on its way."""
    at = mail.raw.index(b"\n\n") if b"\n\n" in mail.raw else mail.raw.index(b"\r\n\r\n")
    changes = {
        "broken-subject": mail.raw.replace(b"\nSubject: ", b"\nSubject: Re: ", 1),
        "broken-body": mail.raw[: at + 400] + mail.raw[at + 400 :].replace(b"e", b"a", 1),
        "broken-link": mail.raw.replace(b"\nList-Unsubscribe: <https://", b"\nList-Unsubscribe: <http://", 1),
        "broken-from": b"From: somebody@example.org\n" + mail.raw,
        "broken-unsigned": mail.raw.replace(b"DKIM-Signature: ", b"X-Signature: ", 1),
    }
    return [Mail(f"X-Sample: {name}\n".encode() + raw) for name, raw in changes.items()]


def _sent(name: str, html: str) -> bytes:
    envelope = MessageHeaders(
        from_="Paper Digest <digest@example.org>",
        to=f"{name}@readers.example",
        message_id=f"{name}@example.org",
        date=datetime.now(UTC),
        list_id="digest.example.org",
        unsubscribe_url="https://digest.example.org/unsubscribe/u1",
    )
    return build_message(EmailContent("A letter", "A letter\n", html), envelope)
