"""The key that makes itself on the first start."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.config import DEFAULT_KEY, Settings, load_settings
from digest.context import create_context, load_secret_key
from digest.errors import SettingError, TokenError
from digest.mail import ReturnPath, ReturnPathKind, ReturnToken
from digest.tokens import TokenPurpose, TokenSigner
from tests.support.contexts import DAY

RACE = """
import os, sys
from digest.context import load_secret_key
from digest.config import load_settings
settings = load_settings(database_url=sys.argv[1])
for _ in range(12):
    if not os.fork():
        os.write(1, (load_secret_key(settings) + "\\n").encode())
        os._exit(0)
for _ in range(12):
    os.wait()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(database_url=f"sqlite:///{tmp_path}/home/digest.db", secret_key="", smtp_host="")


@pytest.fixture
def file(settings: Settings) -> Path:
    return settings.data_directory / "secret.key"


def test_the_setting_goes_before_the_file(settings: Settings, file: Path) -> None:
    assert load_secret_key(load_settings(database_url=settings.database_url, secret_key="mine", smtp_host="")) == "mine"
    assert not file.exists()


def test_a_key_is_made_once_and_stored(settings: Settings, file: Path) -> None:
    key = load_secret_key(settings)
    assert len(key) == 43
    assert load_secret_key(settings) == key
    assert file.read_text().strip() == key
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_every_installation_has_its_own_key(settings: Settings, tmp_path: Path) -> None:
    other = load_settings(database_url=f"sqlite:///{tmp_path}/other/digest.db", secret_key="", smtp_host="")
    assert load_secret_key(settings) != load_secret_key(other)


def test_only_the_owner_may_read_the_key(settings: Settings, file: Path) -> None:
    load_secret_key(settings)
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_default_key_signs_nothing(settings: Settings) -> None:
    assert (
        load_secret_key(load_settings(database_url=settings.database_url, secret_key=DEFAULT_KEY, smtp_host=""))
        != DEFAULT_KEY
    )


def test_starters_at_once_agree_on_the_key(settings: Settings, file: Path) -> None:
    race = [sys.executable, "-c", RACE, settings.database_url]
    keys = subprocess.run(race, check=True, capture_output=True, text=True).stdout.split()
    assert keys == [file.read_text().strip()] * 12


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff" * 40])
def test_a_damaged_key_stops_the_start(settings: Settings, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(SettingError, match=r"DIGEST_SECRET_KEY is empty and .*secret\.key"):
        load_secret_key(settings)
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_stops_the_start(settings: Settings) -> None:
    settings.data_directory.write_text("a file where the folder should be")
    with pytest.raises(SettingError, match=r"DIGEST_SECRET_KEY is empty and .*secret\.key cannot be created or read"):
        load_secret_key(settings)


def test_a_new_key_signs_and_old_links_go_on_to_work(sqlite_url: str) -> None:
    before, between = "the-first-key-of-all-long-enough", "the-second-key-of-all-long-enough"
    now = datetime(2026, 7, 1, tzinfo=UTC)
    old = TokenSigner([before]).sign(TokenPurpose.UNSUBSCRIBE, "ada", now)
    second = TokenSigner([between]).sign(TokenPurpose.UNSUBSCRIBE, "ada", now)
    ctx = create_context(
        load_settings(
            database_url=sqlite_url,
            secret_key="the-third-key-of-all-long-enough",
            secret_keys_old=f"{between}, {before}",
            bounce_address="bounces@example.org",
            smtp_host="",
        )
    )
    ctx.engine.dispose()
    assert {ctx.token_signer.unsign(TokenPurpose.UNSUBSCRIBE, row, now + 900 * DAY) for row in (old, second)} == {"ada"}
    new = ctx.token_signer.sign(TokenPurpose.UNSUBSCRIBE, "ada", now)
    assert TokenSigner(["the-third-key-of-all-long-enough"]).unsign(TokenPurpose.UNSUBSCRIBE, new, now) == "ada"
    with pytest.raises(TokenError):
        TokenSigner([between]).unsign(TokenPurpose.UNSUBSCRIBE, new, now)
    # What comes back to a return address of that time names its email too.
    then = ReturnPath("bounces@example.org", [between])
    assert ctx.return_path
    address = then.address_for(ReturnPathKind.BOUNCE, 7, "<7@example.org>")
    found = ctx.return_path.find(lambda _: "<7@example.org>", address)
    assert found == ReturnToken(ReturnPathKind.BOUNCE, 7)


def test_the_default_key_is_no_old_key() -> None:
    with pytest.raises(SettingError, match="DIGEST_SECRET_KEYS_OLD must not contain the default key, because it"):
        load_settings(secret_keys_old=f"an-old-key, {DEFAULT_KEY}")
