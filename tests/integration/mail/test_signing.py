"""The service signs: the key is read at the start, and what reaches the relay is verified by another's code."""

from pathlib import Path

import dkim
import pytest

from digest.config import Settings
from digest.context import load_dkim_signer
from tests.support.command import Command
from tests.support.relay import relay

KEY = Path(__file__).parents[2] / "data" / "dkim" / "rsa-2048.pem"
SIGNING = {
    "DIGEST_DKIM_KEY": str(KEY),
    "DIGEST_DKIM_SELECTOR": "s1",
    "DIGEST_MAIL_FROM": "Päper Digest <digest@example.org>",
    "DIGEST_SMTP_HOST": "127.0.0.1",
    "DIGEST_SMTP_TLS": "none",
    "DIGEST_SOURCES": "arxiv",
    "DIGEST_ARXIV_FEED_URL": "http://127.0.0.1:9",
    "DIGEST_ARXIV_API_URL": "http://127.0.0.1:9",
    "DIGEST_SECRET_KEY": "a key for the tests that is long enough",
}


@pytest.mark.parametrize("signs", [True, False])
def test_messages_leave_signed_when_a_key_is_named(tmp_path: Path, signs: bool) -> None:
    with relay() as running:
        ours = {name: value for name, value in SIGNING.items() if signs or "DKIM" not in name}
        command = Command(tmp_path, ours | {"DIGEST_SMTP_PORT": str(running.port)})
        command.run("subscribers", "add", "ada@example.org", "--keyword", "论文")
        command.run("run", status=None)  # no source is there; the message goes all the same
        ((_, raw),) = running.accepted
    known = load_dkim_signer(Settings(_env_file=None, dkim_key=str(KEY), dkim_selector="s1", dkim_domain="example.org"))
    assert known is not None
    assert raw.startswith(b"DKIM-Signature: ") is signs
    assert dkim.DKIM(raw).verify(dnsfunc=lambda _name, **_: known.record.encode()) is signs


def test_a_key_that_cannot_sign_stops_every_command(tmp_path: Path) -> None:
    command = Command(tmp_path, SIGNING | {"DIGEST_DKIM_KEY": "nowhere.pem"})
    done = command.run("run", status=2)
    assert "DIGEST_DKIM_KEY: nowhere.pem cannot be read: No such file or directory." in done.stderr
    checks = {check["check"]: check for check in command.json("doctor", status=1)}
    assert "nowhere.pem cannot be read" in checks["signature"]["message"]
