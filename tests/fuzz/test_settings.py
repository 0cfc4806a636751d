"""Any settings are read or refused with a sentence that names the setting, and what is read once is read so again."""

import contextlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from digest.config import ENV_PREFIX, EXAMPLES, SECRET_SETTINGS, Settings, load_settings, unknown_variables
from digest.errors import SettingError
from tests.fuzz.test_parsers import text_of

PIECES = r"""
http:// https:// sqlite:/// postgresql+psycopg:// user:pass@ example.org [::1] ::1 %eth0 bücher xn-- :8000 / ? # @ . , -
_ < > ' \ ${HOME} $ % 10.0.0.0/8 0 1 -1 1e9 1/hour per day nan inf true none tls arxiv cs.CL Europe/Berlin localtime UTC
arn:aws:sns:eu-west-1:123456789012:topic change-me kkkkkkkkkkkkkkkkkkkkkkkk
"""
VALUE = text_of(*PIECES.split(), '"', " ", "\t", "\n")
FILE = text_of("DIGEST_", "SMTP_HOST", "BASE_URL", "=", "'", "#", "export ", "${X}", "\\", '"', " ", "\n", "\0")
NAMES = sorted(Settings.model_fields)
ADDRESSES = ("base_url", "huggingface_url", "arxiv_feed_url", "arxiv_api_url", "smtp_host", "imap_host", "dkim_domain")


@pytest.fixture(autouse=True, scope="module")
def _bare() -> None:
    assert not [name for name in os.environ if name.startswith(ENV_PREFIX)]


def plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def load(**values: object) -> Settings | str:
    """Return the settings, or what is said about those that cannot be used."""
    try:
        return load_settings(_env_file=None, **values)
    except SettingError as error:
        return str(error)


@given(st.sampled_from(NAMES), VALUE)
@example("smtp_host", "fe80::1%eth0")
@example("trusted_proxies", "10.0.0.1/8")
def test_a_value_is_read_or_refused_by_name(name: str, value: str) -> None:
    settings = load(**{name: value})
    if isinstance(settings, str):
        assert settings.startswith(ENV_PREFIX)
        assert name not in SECRET_SETTINGS or len(value) <= 8 or value not in settings
        return
    read = plain(getattr(settings, name))
    assert name not in ADDRESSES or str(read).isascii()
    again = load(**{name: read})
    assert isinstance(again, Settings)
    assert plain(getattr(again, name)) == read, "what is read once is read so again"


@given(
    st.dictionaries(st.sampled_from(NAMES), VALUE | st.sampled_from(sorted(map(str, EXAMPLES.values()))), max_size=6)
)
def test_settings_that_do_not_fit_are_named(values: dict[str, str]) -> None:
    settings = load(**values)
    assert isinstance(settings, Settings) or all(line.startswith(ENV_PREFIX) for line in settings.splitlines())


@given(st.binary(max_size=300) | FILE.map(str.encode))
def test_a_file_of_settings_is_read_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder, contextlib.suppress(SettingError):
        file = Path(folder) / ".env"
        file.write_bytes(content)
        load_settings(_env_file=file)
        assert all(sentence.startswith(ENV_PREFIX) for sentence in unknown_variables({}, file))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_a_password_is_taken_as_it_is_written(password: str) -> None:
    assume("'" not in password and "\\" not in password)  # what the quotes of a file have a meaning for
    with TemporaryDirectory() as folder:
        file = Path(folder) / ".env"
        file.write_text(f"DIGEST_SMTP_USERNAME=u\nDIGEST_SMTP_PASSWORD='{password}'\n", encoding="utf-8")
        settings = load_settings(_env_file=file)
    assert settings.smtp_password.get_secret_value() == password
