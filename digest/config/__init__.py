"""Settings from `DIGEST_*` environment variables and `.env`. `.env.example` documents each one.

`load_settings` reads them once at the start; what it raises names the setting, the reason and an example.

- `examples`: examples for messages about values that cannot be used
- `loading`: read the settings, and describe values that cannot be used
- `messages`: reasons why a value cannot be used
- `settings`: settings by topic, with their defaults and limits
- `values`: types of values, and what is accepted for each
"""

from digest.config.examples import ENV_PREFIX, EXAMPLES, SECRET_SETTINGS
from digest.config.loading import load_settings, parse_database_url, unknown_variables
from digest.config.settings import (
    DEFAULT_KEY,
    DEFAULT_RETENTION_DAYS,
    KNOWN_SOURCES,
    UNCONFIRMED_RETENTION,
    LogFormat,
    Settings,
    TlsMode,
)

__all__ = [
    "DEFAULT_KEY",
    "DEFAULT_RETENTION_DAYS",
    "ENV_PREFIX",
    "EXAMPLES",
    "KNOWN_SOURCES",
    "SECRET_SETTINGS",
    "UNCONFIRMED_RETENTION",
    "LogFormat",
    "Settings",
    "TlsMode",
    "load_settings",
    "parse_database_url",
    "unknown_variables",
]
