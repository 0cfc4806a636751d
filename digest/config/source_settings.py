"""Settings that belong to one source, and the list of the sources that are installed.

A source is an entry point of the group `digest.sources`, ours like those of other packages. Its own settings are a
class `Settings` on it: the field `categories` of the source `arxiv` is DIGEST_ARXIV_CATEGORIES.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import structlog
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from digest.config import messages
from digest.config.examples import ENV_PREFIX
from digest.errors import SettingError

log = structlog.get_logger()

ENTRY_POINT_GROUP = "digest.sources"
SOURCE_NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,30}")


class SourceSettings(BaseSettings):
    """Base of the settings of one source.

    Values are read together with all others; a field's `examples` stand in messages about values that cannot be used.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is handed over: environment and file have been read once, at the start."""
        return (init_settings,)


AnySourceSettings = TypeVar("AnySourceSettings", bound=SourceSettings)


class _HandedSource(EnvSettingsSource):
    """Variables that were read before, decoded as those of the environment are."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str], prefix: str) -> None:
        self._variables = variables
        super().__init__(settings_cls, env_prefix=prefix, env_ignore_empty=True)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: value for name, value in self._variables.items() if value}


@cache
def source_entry_points() -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return the entry points of the installed sources by name, ours before those of other packages."""
    found: dict[str, list[EntryPoint]] = {}
    ours = __name__.partition(".")[0]
    points = entry_points(group=ENTRY_POINT_GROUP)
    for point in sorted(points, key=lambda point: point.module.partition(".")[0] != ours):
        found.setdefault(point.name, []).append(point)
    return {name: tuple(same_name) for name, same_name in found.items()}


@cache
def source_titles() -> Mapping[str, str]:
    """Return what people call the installed sources. One that cannot be loaded is called by its name."""
    titles = {}
    for name, points in source_entry_points().items():
        try:
            titles[name] = str(points[0].load().title)
        except Exception as error:
            log.exception("source.not_loaded", source=name, error=type(error).__name__)
            titles[name] = name
    return titles


def source_title(name: str) -> str:
    """Return what people call a source, also one that is no longer installed."""
    return source_titles().get(name, name)


def source_prefix(name: str) -> str:
    """Return what the variables of a source begin with: `DIGEST_ARXIV_`."""
    return f"{ENV_PREFIX}{name.upper().replace('-', '_')}_"


def source_variable(source: str, field: str) -> str:
    """Return the variable of a source's field: DIGEST_ARXIV_URL, but DIGEST_FEEDS for `feeds` of the source `feeds`."""
    return source_prefix(source).removesuffix("_") if field == source else f"{source_prefix(source)}{field.upper()}"


def read_source_settings(
    settings_class: type[AnySourceSettings], name: str, values: Mapping[str, Any]
) -> AnySourceSettings:
    """Return the settings of the source `name`; `values` are those that the settings of all topics do not know.

    Raises SettingError with a sentence for each value that cannot be used.
    """
    prefix = source_prefix(name)
    variables = {f"{ENV_PREFIX}{key}".lower(): describe_value(value) for key, value in values.items()}
    if (own := source_variable(name, name).lower()) in variables:
        variables[f"{prefix}{name}".lower()] = variables[own]
    try:
        return settings_class(**_HandedSource(settings_class, variables, prefix)())
    except ValidationError as error:
        fields = settings_class.model_fields
        sentences = [_describe_error(dict(details), name, fields) for details in error.errors()]
        raise SettingError("\n".join(sentences)) from error
    except ValueError as error:  # a list or table that is no JSON
        raise SettingError(messages.undecodable_setting(prefix, str(error))) from error


def _describe_error(error: Mapping[str, Any], source: str, fields: Mapping[str, FieldInfo]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    variable = source_variable(source, name)
    field = fields.get(name)
    example = describe_value(next(iter(field.examples or ()), field.default)) if field else ""
    if field and field.annotation is SecretStr:
        return messages.invalid_secret(variable, message, example)
    if error["type"] == "missing":
        return messages.missing_setting(variable, example)
    return messages.invalid_value(variable, message, mask_password(str(error["input"])), example)


def describe_value(value: Any) -> str:
    """Return a value as it is written in a variable."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def mask_password(text: str) -> str:
    """Hide what may be a password: all between `//` and `@`, and after `password=`."""
    return re.sub(r"(?i)(password=)[^&\s]*", r"\1***", re.sub(r"//.*@", "//***@", text))
