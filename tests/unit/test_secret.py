"""The key that makes itself on the first start."""

import subprocess
import sys
from pathlib import Path

import pytest

from digest.errors import SettingError
from digest.secret import secret_key
from digest.settings import DEFAULT_KEY, Settings, load

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
