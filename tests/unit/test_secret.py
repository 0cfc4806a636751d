"""The key that makes itself on the first start."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.errors import SettingError, TokenError
from digest.house import build
from digest.mail.verp import Errand, ReturnAddress
from digest.secret import secret_key
from digest.settings import DEFAULT_KEY, Settings, load
from digest.subscribers import Links, Purpose
from tests.house import DAY

RACE = """
import os, sys
from digest.secret import secret_key
from digest.settings import load
settings = load(database_url=sys.argv[1])
for _ in range(12):
    if not os.fork():
        os.write(1, (secret_key(settings) + "\\n").encode())
        os._exit(0)
for _ in range(12):
    os.wait()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(database_url=f"sqlite:///{tmp_path}/home/digest.db", secret_key="", smtp_host="")


@pytest.fixture
def file(settings: Settings) -> Path:
    return settings.home / "secret.key"


def test_the_setting_goes_before_the_file(settings: Settings, file: Path) -> None:
    assert secret_key(load(database_url=settings.database_url, secret_key="mine", smtp_host="")) == "mine"
    assert not file.exists()


def test_a_key_is_made_once_and_kept(settings: Settings, file: Path) -> None:
    key = secret_key(settings)
    assert len(key) == 43
    assert secret_key(settings) == key
    assert file.read_text().strip() == key
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_every_house_has_its_own_key(settings: Settings, tmp_path: Path) -> None:
    other = load(database_url=f"sqlite:///{tmp_path}/other/digest.db", secret_key="", smtp_host="")
    assert secret_key(settings) != secret_key(other)


def test_nobody_else_may_read_the_key(settings: Settings, file: Path) -> None:
    secret_key(settings)
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_default_key_signs_nothing(settings: Settings) -> None:
    assert secret_key(load(database_url=settings.database_url, secret_key=DEFAULT_KEY, smtp_host="")) != DEFAULT_KEY


def test_starters_at_once_agree_on_the_key(settings: Settings, file: Path) -> None:
    race = [sys.executable, "-c", RACE, settings.database_url]
    keys = subprocess.run(race, check=True, capture_output=True, text=True).stdout.split()
    assert keys == [file.read_text().strip()] * 12


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff" * 40])
def test_a_damaged_key_stops_the_start(settings: Settings, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(SettingError, match=r"DIGEST_SECRET_KEY is empty and .*secret\.key"):
        secret_key(settings)
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_stops_the_start(settings: Settings) -> None:
    settings.home.write_text("a file where the folder should be")
    with pytest.raises(SettingError, match=r"DIGEST_SECRET_KEY is empty and .*secret\.key cannot be made or read"):
        secret_key(settings)


def test_a_new_key_signs_and_old_links_go_on_to_work(sqlite_url: str) -> None:
    before, between = "the-first-key-of-all-long-enough", "the-second-key-of-all-long-enough"
    now = datetime(2026, 7, 1, tzinfo=UTC)
    old = Links([before]).token(Purpose.UNSUBSCRIBE, "ada", now)
    second = Links([between]).token(Purpose.UNSUBSCRIBE, "ada", now)
    at = build(
        load(
            database_url=sqlite_url,
            secret_key="the-third-key-of-all-long-enough",
            secret_keys_old=f"{between}, {before}",
            bounce_address="bounces@example.org",
            smtp_host="",
        )
    )
    at.engine.dispose()
    assert {at.links.read(Purpose.UNSUBSCRIBE, each, now + 900 * DAY) for each in (old, second)} == {"ada"}
    new = at.links.token(Purpose.UNSUBSCRIBE, "ada", now)
    assert Links(["the-third-key-of-all-long-enough"]).read(Purpose.UNSUBSCRIBE, new, now) == "ada"
    with pytest.raises(TokenError):
        Links([between]).read(Purpose.UNSUBSCRIBE, new, now)
    # What comes back to a return address of that time names its letter too.
    then = ReturnAddress("bounces@example.org", [between])
    assert at.returns
    assert at.returns.named(then.of(Errand.BOUNCE, 7)) == (Errand.BOUNCE, 7)


def test_the_default_key_is_no_old_key() -> None:
    with pytest.raises(SettingError, match="DIGEST_SECRET_KEYS_OLD: the default is known to everybody"):
        load(secret_keys_old=f"an-old-key, {DEFAULT_KEY}")
