"""What `digest doctor` says of the relay: it asks MAIL and RCPT as a delivery would, and sends nothing."""

import asyncio

import pytest

from digest.config import Settings
from digest.monitoring.checks.network import check_mailbox, check_relay
from digest.monitoring.checks.result import CheckResult
from tests.support.rude_relay import CLOSE, RudeRelay


def check(
    replies: dict[str, list[str]], *, offers: tuple[str, ...] = (), **more: object
) -> tuple[CheckResult, list[str]]:
    """Return what is said of a relay with these replies, and the commands that it heard."""

    async def run() -> tuple[CheckResult, list[str]]:
        async with RudeRelay(replies, offers=offers) as rude:
            settings: dict[str, object] = {
                "smtp_host": "127.0.0.1",
                "smtp_port": rude.port,
                "smtp_tls": "none",
                "secret_key": "k" * 40,
                "mail_from": "Digest <digest@example.org>",
                "contact": "operator@example.org",
            }
            result, *_ = await check_relay(Settings(_env_file=None, **(settings | more)))  # type: ignore[arg-type]
            assert rude.messages == []
            return result, rude.heard[0]

    return asyncio.run(run())


def test_the_envelope_is_tried_as_for_a_delivery_and_reset() -> None:
    result, heard = check({})
    assert result.ok
    assert "accepts the sender" in result.message
    assert heard[1:] == ["MAIL FROM:<digest@example.org>", "RCPT TO:<operator@example.org>", "RSET", "QUIT"]


def test_the_sender_is_the_address_for_bounces_with_a_token() -> None:
    _, heard = check({}, bounce_address="bounces@example.org", contact="https://example.org/contact")
    assert heard[1].startswith("MAIL FROM:<bounces+doctoraaaaaaaa")
    assert heard[2].startswith("RCPT TO:<bounces+doctoraaaaaaaa")


@pytest.mark.parametrize(
    ("verb", "reply", "advice"),
    [
        ("MAIL", "553 5.7.1 Sender address rejected: not owned by auth user", "DIGEST_MAIL_FROM"),
        ("MAIL", "530 5.7.0 log in first", "DIGEST_SMTP_USERNAME"),
        ("RCPT", "550 relay not permitted", "DIGEST_SMTP_USERNAME"),
        ("RCPT", "550 5.7.1 Service unavailable; client host blocked using zen.spamhaus.org", "removed"),
        ("RCPT", "450 4.1.8 Sender address rejected: Domain not found", "DIGEST_MAIL_FROM"),
        ("RCPT", "550 the moon is wrong", "ask your relay provider"),
    ],
)
def test_a_refusal_that_is_about_us_says_what_to_do(verb: str, reply: str, advice: str) -> None:
    result, _ = check({verb: [reply]})
    assert not result.ok
    assert f"{verb} " in result.message
    assert reply in result.message
    assert advice in result.message


@pytest.mark.parametrize(
    ("verb", "reply", "note"),
    [
        ("RCPT", "550 5.1.1 no such user", "concerns this address only"),
        ("RCPT", "450 4.2.0 greylisted", "concerns this address only"),
        ("MAIL", "421 4.7.0 too many messages", "sending will be slow"),
    ],
)
def test_a_refusal_that_is_not_about_us_is_only_mentioned(verb: str, reply: str, note: str) -> None:
    result, _ = check({verb: [reply]})
    assert result.ok
    assert reply in result.message
    assert note in result.message


def test_a_connection_that_breaks_is_no_answer() -> None:
    result, _ = check({"RCPT": [CLOSE]})
    assert not result.ok
    assert "does not answer" in result.message


def test_a_relay_with_logins_that_we_do_not_have_names_them() -> None:
    login = {"smtp_username": "digest", "smtp_password": "secret"}
    result, _ = check({}, offers=("AUTH XOAUTH2",), **login)
    assert not result.ok
    assert "offers the logins XOAUTH2, we have CRAM-MD5, LOGIN, PLAIN" in result.message
    assert "password" in result.message
    assert "secret" not in result.message
    result, heard = check({"AUTH": ["235 2.7.0 ok"]}, offers=("AUTH XOAUTH2 PLAIN",), **login)
    assert result.ok
    assert heard[1].startswith("AUTH PLAIN")


def test_bounces_may_be_reported_by_a_provider() -> None:
    settings = Settings(_env_file=None, bounces_mailgun_key="key", smtp_host="x.example", secret_key="k" * 40)
    result = asyncio.run(check_mailbox(settings))
    assert (result.ok, "mailgun" in result.message) == (True, True)
