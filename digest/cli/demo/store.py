"""Store of the demonstration: where it is, and when `digest serve` opens it."""

import os
from pathlib import Path

from sqlalchemy.engine import make_url

from digest.cli import messages
from digest.config import ENV_PREFIX, Settings
from digest.errors import SettingError

DEMO_DIRECTORY = Path("var/demo")
DEMO_DATABASE = DEMO_DIRECTORY / "digest.db"


def is_demo_store(settings: Settings) -> bool:
    """Return whether the settings name the store of the demonstration. Raises SettingError if they name a relay."""
    database = make_url(settings.database_url).database if settings.uses_sqlite else None
    if not database or Path(database).resolve() != DEMO_DATABASE.resolve():
        return False
    if settings.has_relay:
        raise SettingError(messages.demo_with_relay(DEMO_DATABASE))
    return True


def is_demo_chosen() -> bool:
    """Return whether nothing is set, neither in the environment nor in .env, and `digest demo` has filled its store."""
    is_set = Path(".env").exists() or any(name.upper().startswith(ENV_PREFIX) for name in os.environ)
    return not is_set and DEMO_DATABASE.is_file()
