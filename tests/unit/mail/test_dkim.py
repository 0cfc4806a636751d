"""Our signature, judged by another's verifier; and the keys that cannot make one."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dkim
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from digest.config import Settings
from digest.context import load_dkim_signer
from digest.errors import DnsUnavailableError, SettingError
from digest.mail import EmailContent, MessageHeaders, build_message
from digest.mail.dkim import SIGNED_HEADERS, DkimSigner
from digest.monitoring.checks.dkim import check_dkim
from digest.monitoring.checks.result import CheckResult
from digest.rendering import render_digest
from digest.rendering.contexts import ConfirmContext, GoodbyeContext
from digest.rendering.transactional import render_notice
from tests.support.email_factory import LINKS, make_context, make_view

KEYS = Path(__file__).parents[2] / "data" / "dkim"
ENVELOPE = MessageHeaders(
    from_="Paper Digest <digest@example.org>",
    to="reader@example.com",
    message_id="7.1f2e@example.org",
    date=datetime(2025, 10, 30, 7, 0, tzinfo=UTC),
    list_id="digest.example.org",
    unsubscribe_url="https://digest.example.org/unsubscribe/u1",
    feedback="digest:example.org",
)
RAW = build_message(EmailContent("6 papers: post-training", "Hello\n", "<p>Hello</p>\n"), ENVELOPE)


def settings(key: Path, **given: Any) -> Settings:
    usual = {"dkim_key": str(key), "dkim_selector": "s1", "mail_from": "Digest <digest@mail.example.org>"}
    return Settings(_env_file=None, **usual | given)


def made(name: str = "rsa-1024.pem", **given: Any) -> DkimSigner:
    found = load_dkim_signer(settings(KEYS / name, **given))
    assert found is not None
    return found


SHORT = made()  # quicker by far, and signing is the same


def dns(published: DkimSigner) -> Callable[..., bytes]:
    def look_up(name: bytes, **_: object) -> bytes:
        assert name == f"{published.record_name}.".encode()
        return published.record.encode()

    return look_up


def verified(raw: bytes, published: DkimSigner = SHORT) -> bool:
    try:
        return bool(dkim.DKIM(raw).verify(dnsfunc=dns(published)))
    except dkim.ValidationError:  # another body
        return False


@pytest.mark.parametrize("name", ["rsa-2048.pem", "rsa-2048-pkcs1.pem", "rsa-1024.pem"])
def test_a_message_is_verified_with_the_record_that_we_say(name: str) -> None:
    signs = made(name)
    assert verified(signs.sign(RAW), signs)
    assert signs.record_name == "s1._domainkey.mail.example.org"
    assert str(signs.bits) in name
    assert "PRIVATE" not in repr(signs)


def test_the_record_is_what_openssl_calls_the_public_key() -> None:
    public_key = re.sub(r"-----.*?-----|\s", "", (KEYS / "public.pem").read_text())
    assert made("rsa-2048.pem").record == f"v=DKIM1; k=rsa; p={public_key}"


def test_a_key_with_the_line_ends_of_windows_is_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes((KEYS / "rsa-1024.pem").read_bytes().replace(b"\n", b"\r\n"))
    assert load_dkim_signer(settings(path)) == SHORT


def test_messages_of_all_kinds_are_verified() -> None:
    confirm = render_notice(ConfirmContext(confirm_url=LINKS.preferences, product="Päper 论文"))
    goodbye = render_notice(GoodbyeContext(resubscribe_url=LINKS.unsubscribe, subscribe_url=LINKS.view))
    many = render_digest(make_context(*(make_view(f"强化学习 {n}", number=n) for n in range(200))))
    for email, unsubscribe in ((confirm, None), (goodbye, None), (many, LINKS.unsubscribe)):
        signed = SHORT.sign(build_message(email, replace(ENVELOPE, unsubscribe_url=unsubscribe)))
        assert verified(signed)
        assert max(map(len, signed.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78


@given(st.text(max_size=80), st.text(max_size=200), st.text(max_size=200))
@trying(max_examples=40, deadline=None)
def test_any_message_is_verified(subject: str, text: str, html: str) -> None:
    raw = build_message(EmailContent(subject, text, html), ENVELOPE)
    signed = SHORT.sign(raw)
    assert signed.endswith(raw)
    assert verified(signed)


def test_every_header_that_says_something_is_signed_and_none_can_be_added() -> None:
    signed = SHORT.sign(RAW).decode()
    listed = re.sub(r"\s", "", signed[signed.index("h=") :].partition(";")[0].removeprefix("h=")).split(":")
    there = re.findall(r"(?m)^([\w-]+):", RAW.partition(b"\r\n\r\n")[0].decode())
    assert {name.lower() for name in there} - set(listed) == {"x-auto-response-suppress"}
    assert all(listed.count(name.lower()) == 2 for name in there if name != "X-Auto-Response-Suppress")
    assert {"list-unsubscribe", "list-unsubscribe-post", "feedback-id", "from", "reply-to"} <= set(listed)
    assert set(listed) == set(SIGNED_HEADERS)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"From: Paper Digest", b"From: Paper Digset"),
        (b"u1>", b"u2>"),
        (b"=One-Click", b"=Two-Click"),
        (b"\r\nHello", b"\r\nHallo"),
        (b"DKIM-Signature:", b"Subject: forged\r\nDKIM-Signature:"),
        (b"DKIM-Signature:", b"From: forged@example.com\r\nDKIM-Signature:"),
        (b"MIME-Version:", b"Reply-To: forged@example.com\r\nMIME-Version:"),
        (b"MIME-Version:", b"Content-Type: text/html\r\nMIME-Version:"),
        (b"MIME-Version:", b"List-Unsubscribe: <https://example.com/>\r\nMIME-Version:"),
    ],
)
def test_what_is_changed_on_the_way_is_noticed(there: bytes, instead: bytes) -> None:
    signed: bytes = SHORT.sign(RAW)
    assert verified(signed)
    assert there in signed
    assert not verified(signed.replace(there, instead, 1))


def test_what_a_relay_may_do_is_borne() -> None:
    signed = SHORT.sign(RAW)
    assert verified(b"Received: from a by b;\r\n Thu, 30 Oct 2025 07:00:00 +0000\r\nReturn-Path: <x@y.z>\r\n" + signed)
    assert verified(signed.replace(b"Subject: 6 papers: post", b"Subject:   6 papers:\r\n\t post"))
    assert verified(signed.replace(b"\r\nTo: ", b"\r\nTO:"))


def test_the_domain_may_be_set() -> None:
    assert made(dkim_domain="Example.ORG").record_name == "s1._domainkey.example.org"
    assert load_dkim_signer(Settings(_env_file=None)) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.pem", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory"),
        ("README", "is no PEM file"),
        ("public.pem", "holds a public key, no private key"),
        ("passphrase.pem", "is protected by a passphrase"),
        ("passphrase-pkcs1.pem", "is protected by a passphrase"),
        ("ed25519.pem", "is an Ed25519 key"),
        ("ec.pem", "is no RSA key"),
        ("rsa-768.pem", "has 768 bits; receivers take 1024 to 4096"),
    ],
)
def test_a_key_that_cannot_sign_stops_the_start(name: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_dkim_signer(settings(KEYS / name))
    assert str(caught.value).startswith(f"DIGEST_DKIM_KEY: {KEYS / name} {says}")
    assert str(caught.value).endswith("A key that can be used is made by: openssl genrsa -out dkim.pem 2048")


@pytest.mark.parametrize("line_count", [40, 200, 400, 600])
def test_half_a_key_stops_the_start(tmp_path: Path, line_count: int) -> None:
    whole = (KEYS / "rsa-1024.pem").read_text()
    (tmp_path / "key.pem").write_text(whole[:line_count] + "\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SettingError, match="is no RSA key"):
        load_dkim_signer(settings(tmp_path / "key.pem"))


def misshapen(signs: DkimSigner) -> bytes:
    """A record whose key has a NULL that is not empty (X.690, 8.8.2)."""
    der = base64.b64decode(signs.record.partition("p=")[2])
    assert b"\x05\x00\x03" in der
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der.replace(b"\x05\x00\x03", b"\x05\x01\x03", 1))


def check_signature(key: str, look_up: Callable[[str], list[str]], **given: Any) -> list[CheckResult]:
    return check_dkim(settings(KEYS / key, **given), look_up)


def test_the_doctor_says_what_to_publish(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes((KEYS / "rsa-2048.pem").read_bytes())
    key.chmod(0o600)
    signs = made("rsa-2048.pem")
    (found,) = check_dkim(settings(key), lambda _: [signs.record])
    assert (found.ok, found.message) == (True, "signs with 2048 bits, verified by s1._domainkey.mail.example.org")
    for record, says in (
        (None, "nothing is in the DNS yet; publish"),
        (b"v=DKIM1; k=rsa; p=", "the DNS has another key; publish"),
        (b"v=DKIM1; k=rsa; p=abc", "the DNS has another key; publish"),
        (b"v=DKIM1; k=rsa; p=YWJj", "the DNS has another key; publish"),
        (b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "the DNS has another key; publish"),
        (misshapen(signs), "the DNS has another key; publish"),
        (b"v=spf1 -all", "the DNS has another key; publish"),
        (SHORT.record.encode(), "the DNS has another key; publish"),
    ):
        there = {signs.record_name: [record.decode()] if record else []}
        (found,) = check_dkim(settings(key), there.__getitem__)
        assert not found.ok
        assert found.message.startswith(says)
        assert found.message.endswith(f"{signs.record_name} with the TXT record: {signs.record}")


def test_the_doctor_says_that_the_dns_is_silent() -> None:
    def silent(_: str) -> list[str]:
        raise DnsUnavailableError("timed out")

    assert check_signature("rsa-2048.pem", silent)[0].message.startswith(
        "the DNS does not answer (timed out); there should be s1._"
    )


def test_the_doctor_warns_of_a_weak_or_open_key_and_of_a_domain_that_does_not_fit(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes((KEYS / "rsa-1024.pem").read_bytes())
    key.chmod(0o644)
    chosen = settings(key, dkim_domain="example.com")
    found = check_dkim(chosen, lambda _: [made(dkim_domain="example.com").record])
    assert [check.ok for check in found] == [True, False, False, False]
    assert [check.message for check in found[1:]] == [
        "DIGEST_DKIM_KEY has 1024 bits; make one of 2048 and publish it under a new selector",
        f"all users of this machine can read {key}; run: chmod 600 {key}",
        "example.com does not cover the sender mail.example.org, so DMARC fails; set DIGEST_DKIM_DOMAIN",
    ]
    for sender, domain in (("a@mail.example.org", "example.org"), ("a@example.org", "mail.example.org")):
        assert len(check_dkim(settings(key, mail_from=sender, dkim_domain=domain), lambda _: [])) == 3


def test_the_doctor_says_what_is_wrong_with_a_key() -> None:
    (found,) = check_signature("ec.pem", lambda _: [])
    assert not found.ok
    assert "is no RSA key" in found.message
    assert check_dkim(Settings(_env_file=None), lambda _: []) == []
