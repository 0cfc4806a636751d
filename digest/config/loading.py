"""Read the settings, and describe values that cannot be used."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from digest.config import messages
from digest.config.examples import ENV_PREFIX, EXAMPLES, SECRET_SETTINGS
from digest.config.settings import Settings
from digest.config.source_settings import mask_password
from digest.config.values import validate_database_url
from digest.errors import SettingError


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises SettingError with a sentence for each bad value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingError("\n".join(format_error(dict(details)) for details in error.errors())) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(messages.file_not_readable(error)) from error


def parse_database_url(url: str) -> str:
    """Validate a database URL that does not come from the settings. Raises SettingError."""
    try:
        return validate_database_url(url)
    except ValueError as error:
        raise SettingError(messages.invalid_database_url(str(error), EXAMPLES["database_url"])) from error


def unknown_variables(environ: Mapping[str, str], dotenv: Path, source_variables: Collection[str] = ()) -> list[str]:
    """Describe each DIGEST_* variable that is no setting, with the nearest one that is.

    `source_variables` are the names of those that belong to sources. Values are never shown: the password is as likely
    to be misspelled as the rest.
    """
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | set(source_variables)
    in_file = dotenv_values(dotenv, interpolate=False)
    variables = dict.fromkeys(in_file, str(dotenv)) | dict.fromkeys(environ, "the environment")
    sentences = []
    for name, place in sorted(variables.items()):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            sentences.append(
                messages.misspelled_setting(name, place, near[0]) if near else messages.unknown_setting(name, place)
            )
    return sentences


def format_error(error: dict[str, Any]) -> str:
    """Format one pydantic error: name, reason, value unless it is secret, and an example."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0]).lower().removeprefix(ENV_PREFIX.lower())
    variable = f"{ENV_PREFIX}{name.upper()}"
    if name in SECRET_SETTINGS:
        return messages.invalid_secret(variable, message, EXAMPLES[name])
    return messages.invalid_value(variable, message, mask_password(str(error["input"])), EXAMPLES[name])
