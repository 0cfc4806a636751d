"""Sources that are installed: found by their entry points, checked, and created from settings.

A package states its sources in the group `digest.sources`, each by the name that DIGEST_SOURCES has for it:

    [project.entry-points."digest.sources"]
    arxiv = "digest.sources.arxiv:ArxivSource"

One that cannot be loaded is told by `digest doctor`, and harms nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import structlog

from digest.config import (
    ENV_PREFIX,
    SOURCE_NAME_PATTERN,
    Settings,
    SourceSettings,
    read_source_settings,
    source_entry_points,
    source_variable,
)
from digest.errors import DigestError, SettingError, SourceLoadError
from digest.sources import messages
from digest.sources.base import DayListSource, Source, WindowSource
from digest.sources.http import HostThrottle, SourceClient

log = structlog.get_logger()

SOURCE_API = 1
MAX_CACHED_TITLES = 16  # settings whose titles are cached: one in a process, more in tests
_titles: dict[tuple[Sequence[str], str], Mapping[str, str]] = {}
# What a source of either kind has, beside the members of one kind.
MEMBERS = ("title", "hosts", "from_settings", "fetch")
KIND_MEMBERS = {DayListSource: ("settles_after", "days", "backfill"), WindowSource: ("windows",)}


@dataclass(frozen=True, slots=True)
class SourceFault:
    """Source that cannot be used, and why, as a sentence that begins with a verb."""

    name: str
    reason: str


def load_source(name: str) -> type[Source]:
    """Return the class of an installed source. Raises SourceLoadError."""
    points = source_entry_points().get(name)
    if not points:
        raise SourceLoadError(messages.NOT_INSTALLED)
    point, package = points[0], describe_package(points[0])
    try:
        source_class = point.load()
    except Exception as error:
        log.warning("source.load_failed", source=name, package=package, exc_info=True)
        raise SourceLoadError(messages.load_failed(package, type(error).__name__, str(error))) from error
    if (api := getattr(source_class, "api", None)) != SOURCE_API:
        raise SourceLoadError(messages.api_mismatch(package, api, SOURCE_API))
    if getattr(source_class, "name", None) != name or not SOURCE_NAME_PATTERN.fullmatch(name):
        raise SourceLoadError(messages.invalid_source_name(package, name))
    lacking = [member for member in MEMBERS if not hasattr(source_class, member)]
    missing = [[member for member in members if not hasattr(source_class, member)] for members in KIND_MEMBERS.values()]
    if lacking or all(missing):
        raise SourceLoadError(messages.missing_members(package, [*lacking, *min(missing, key=len)]))
    return source_class  # type: ignore[no-any-return]  # an entry point names any object; its members were looked at


def describe_package(point: EntryPoint) -> str:
    """Return the name and version of the package that an entry point belongs to."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module


def read_settings_of(source_class: type[DayListSource] | type[WindowSource], settings: Settings) -> Any:
    """Return the settings of a source: an instance of its own class `Settings`. Raises SettingError."""
    settings_class = getattr(source_class, "Settings", SourceSettings)
    return read_source_settings(settings_class, source_class.name, settings.source_values)


def build_sources(
    settings: Settings, client: SourceClient, faults: list[SourceFault] | None = None
) -> tuple[Source, ...]:
    """Create the sources that the settings name, in their order, and let the client keep their pace.

    One that cannot be created is left out and appended to `faults`.
    """
    sources = []
    for name in settings.sources:
        try:
            source_class = load_source(name)
            source = source_class.from_settings(read_settings_of(source_class, settings), client)
            client.keep_gaps(source.hosts)
        except DigestError as error:
            reason = str(error)
        except Exception as error:
            log.exception("source.not_created", source=name)
            reason = messages.not_created(type(error).__name__, str(error))
        else:
            sources.append(source)
            continue
        if faults is not None:
            faults.append(SourceFault(name, reason))
    client.keep_gaps(settings.host_gaps)
    return tuple(sources)


def listing_titles(settings: Settings) -> Mapping[str, str]:
    """Return the names that a listing may have for its source with these settings, and what people call each.

    That is the name of a source that lists by day, and those of the windows of another one. Nothing is asked of a host.
    The titles of a few settings are cached.
    """
    key = settings.sources, str(sorted((name, str(value)) for name, value in settings.source_values.items()))
    if key not in _titles:
        if len(_titles) >= MAX_CACHED_TITLES:
            _titles.clear()
        _titles[key] = _read_titles(settings)
    return _titles[key]


def _read_titles(settings: Settings) -> Mapping[str, str]:
    titles: dict[str, str] = {}
    for source in build_sources(settings, SourceClient(throttle=HostThrottle())):
        if isinstance(source, DayListSource):
            titles[source.name] = source.title
        else:
            titles |= {window.name: window.title or window.name for window in source.windows()}
    return titles


def check_source_settings(settings: Settings) -> None:
    """Read the own settings of each source in use. Raises SettingError with a sentence for each bad value."""
    sentences = []
    for name in settings.sources:
        try:
            read_settings_of(load_source(name), settings)
        except SettingError as error:
            sentences.append(str(error))
        except SourceLoadError as error:
            log.warning("source.not_loaded", source=name, error=str(error))
    if sentences:
        raise SettingError("\n".join(sentences))


@dataclass(frozen=True, slots=True)
class InstalledSource:
    """Source of a package; `fault` is why it cannot be used, empty where it can."""

    name: str
    title: str
    package: str
    fault: str = ""


def installed_sources() -> tuple[InstalledSource, ...]:
    """Return all installed sources by name, those that cannot be used among them."""
    found = []
    for name, points in sorted(source_entry_points().items()):
        try:
            title, fault = load_source(name).title, ""
        except SourceLoadError as error:
            title, fault = name, str(error)
        found.append(InstalledSource(name, title, describe_package(points[0]), fault))
    return tuple(found)


def find_load_errors() -> tuple[SourceFault, ...]:
    """Return the installed sources that cannot be loaded, and those whose name another one has taken."""
    faults = [SourceFault(one.name, one.fault) for one in installed_sources() if one.fault]
    for name, points in source_entry_points().items():
        used = describe_package(points[0])
        faults += [SourceFault(name, messages.duplicate_name(describe_package(point), used)) for point in points[1:]]
    return tuple(faults)


def find_overlaps(sources: Sequence[Source]) -> tuple[SourceFault, ...]:
    """Return the sources that list what another one in use lists, too: their class names it in `overlaps`."""
    return tuple(
        SourceFault(source.name, messages.overlaps(source.title, other.title))
        for source in sources
        for other in sources
        if other.name in getattr(source, "overlaps", ())
    )


def find_unread(settings: Settings) -> tuple[SourceFault, ...]:
    """Return the sources that have settings of their own, but are not in use: nothing of them is read."""
    faults = []
    for name in source_entry_points().keys() - set(settings.sources):
        stem = name.replace("-", "_")
        own = [key for key, value in settings.source_values.items() if value and f"{key}_".startswith(f"{stem}_")]
        if own:
            faults.append(SourceFault(name, messages.not_read(f"{ENV_PREFIX}{min(own).upper()}", name)))
    return tuple(sorted(faults, key=lambda fault: fault.name))


def source_variables() -> frozenset[str]:
    """Return the names of the variables that belong to installed sources."""
    names: set[str] = set()
    for name, source_class in loaded_sources().items():
        settings_class = getattr(source_class, "Settings", SourceSettings)
        names |= {source_variable(name, field) for field in settings_class.model_fields}
    return frozenset(names)


def loaded_sources() -> Mapping[str, type[Source]]:
    """Return the installed sources that can be loaded, by name."""
    classes = {}
    for name in source_entry_points():
        try:
            classes[name] = load_source(name)
        except SourceLoadError as error:
            log.warning("source.not_loaded", source=name, error=str(error))
    return classes
