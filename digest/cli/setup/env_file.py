"""The file `.env`: what it has, and how answers are written to it."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from digest.cli.setup import messages
from digest.cli.setup.questions import Answers
from digest.errors import SettingError

ENV_FILE = Path(".env")
PLAIN_VALUE = re.compile(r"[^\s'\"\\#`$]+(?: [^\s'\"\\#`$]+)*")


def read_known_settings() -> dict[str, str]:
    """Read what .env has now, by the names of settings."""
    from dotenv import dotenv_values

    from digest.config import ENV_PREFIX

    values = dotenv_values(ENV_FILE, interpolate=False) if ENV_FILE.exists() else {}
    return {
        name.upper().removeprefix(ENV_PREFIX).lower(): value
        for name, value in values.items()
        if value and name.upper().startswith(ENV_PREFIX)
    }


def write_settings(answers: Answers, known: Mapping[str, str]) -> None:
    """Write the answers to .env at once, readable by its owner alone; other lines of it stay."""
    from dotenv import dotenv_values, set_key

    from digest.config import ENV_PREFIX

    draft = ENV_FILE.with_name(f".env.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(
            ENV_FILE.read_text(encoding="utf-8") if ENV_FILE.exists() else messages.ENV_HEADER, encoding="utf-8"
        )
        changed = {name: value for name, value in answers.items() if value or name in known}
        for name, value in changed.items():
            # Docker takes quotes for part of the value, so there are none where every program reads the same without.
            quotes = "never" if PLAIN_VALUE.fullmatch(value) else "always"
            set_key(draft, f"{ENV_PREFIX}{name.upper()}", value, quote_mode=quotes)
        written = dotenv_values(draft, interpolate=False)
        if lost := [name for name, value in changed.items() if written[f"{ENV_PREFIX}{name.upper()}"] != value]:
            raise SettingError(messages.setting_not_saved(f"{ENV_PREFIX}{lost[0].upper()}"))
        draft.replace(ENV_FILE)
    finally:
        draft.unlink(missing_ok=True)
