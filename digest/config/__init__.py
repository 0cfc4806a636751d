"""Settings from `DIGEST_*` environment variables and `.env`. `.env.example` documents each one.

`load_settings` reads them once at the start; what it raises names the setting, the reason and an example.

- `examples`: examples for messages about values that cannot be used
- `loading`: read the settings, and describe values that cannot be used
- `logo`: the operator's logo, read from its file
- `messages`: reasons why a value cannot be used
- `settings`: settings by topic, with their defaults and limits
- `source_settings`: settings that belong to one source, and which sources are installed
- `template_folder`: the operator's own templates, read from their folder
- `values`: types of values, and what is accepted for each
"""

from digest.config.examples import ENV_PREFIX, EXAMPLES, SECRET_SETTINGS
from digest.config.loading import load_settings, parse_database_url, unknown_variables
from digest.config.logo import Logo, load_logo
from digest.config.settings import (
    DEFAULT_KEY,
    DEFAULT_RETENTION_DAYS,
    UNCONFIRMED_RETENTION,
    LogFormat,
    Settings,
    TlsMode,
)
from digest.config.source_settings import (
    SOURCE_NAME_PATTERN,
    SourceSettings,
    describe_value,
    read_source_settings,
    source_entry_points,
    source_prefix,
    source_title,
    source_titles,
    source_variable,
)
from digest.config.template_folder import (
    NO_TEMPLATES,
    TEMPLATE_AREAS,
    TEMPLATE_SUFFIXES,
    TemplateFault,
    TemplateFolder,
    load_template_folder,
)
from digest.config.values import FooterLink, HttpUrl, OneLine, StringList, encode_address, is_web_address

__all__ = [
    "DEFAULT_KEY",
    "DEFAULT_RETENTION_DAYS",
    "ENV_PREFIX",
    "EXAMPLES",
    "NO_TEMPLATES",
    "SECRET_SETTINGS",
    "SOURCE_NAME_PATTERN",
    "TEMPLATE_AREAS",
    "TEMPLATE_SUFFIXES",
    "UNCONFIRMED_RETENTION",
    "FooterLink",
    "HttpUrl",
    "LogFormat",
    "Logo",
    "OneLine",
    "Settings",
    "SourceSettings",
    "StringList",
    "TemplateFault",
    "TemplateFolder",
    "TlsMode",
    "describe_value",
    "encode_address",
    "is_web_address",
    "load_logo",
    "load_settings",
    "load_template_folder",
    "parse_database_url",
    "read_source_settings",
    "source_entry_points",
    "source_prefix",
    "source_title",
    "source_titles",
    "source_variable",
    "unknown_variables",
]
