"""Choices of the select lists: how often, and the time zones by region."""

from functools import cache

from digest.database.models import Frequency
from digest.formatting import frequency_label
from digest.schedule import timezone_names
from digest.subscribers import WEEKDAY_NAMES, Preferences, parse_weekday

REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"),
)


def parse_frequency(value: str) -> tuple[str, int]:
    """Return the frequency and the weekday of a choice such as `daily`, or `weekly-friday`. Raises SubscriberError."""
    frequency, _, weekday = value.strip().partition("-")
    return frequency, parse_weekday(weekday) if weekday else Preferences().weekday


def frequency_value(preferences: Preferences) -> str:
    """Return the value of the choice that `parse_frequency` reads."""
    if preferences.frequency != Frequency.WEEKLY:
        return preferences.frequency
    return f"{preferences.frequency}-{WEEKDAY_NAMES[preferences.weekday]}"


@cache
def frequency_choices() -> tuple[tuple[str, str], ...]:
    """Return the values and labels of the select list "How often"."""
    choices = [Preferences(frequency=Frequency.DAILY), Preferences(frequency=Frequency.WEEKDAYS)]
    choices += [Preferences(frequency=Frequency.WEEKLY, weekday=weekday) for weekday in range(len(WEEKDAY_NAMES))]
    choices.append(Preferences(frequency=Frequency.MONTHLY))
    return tuple(
        (frequency_value(choice), label[:1].upper() + label[1:])
        for choice in choices
        for label in (frequency_label(choice.frequency, choice.weekday),)
    )


@cache
def timezones_by_region() -> dict[str, list[str]]:
    """Return the time zones by region, for a select list. UTC comes first."""
    zones: dict[str, list[str]] = {"": ["UTC"]}
    for name in sorted(timezone_names()):
        region, _, city = name.partition("/")
        if city and region in REGIONS:
            zones.setdefault(region, []).append(name)
    return zones


def timezones_including(chosen: str) -> dict[str, list[str]]:
    """Return the time zones by region, with `chosen` among them even if it is an old name."""
    if any(chosen in names for names in timezones_by_region().values()) or chosen not in timezone_names():
        return timezones_by_region()
    return {**timezones_by_region(), "": ["UTC", chosen]}
