"""Sentences about sources and settings that cannot be used. Each follows the name of what it is about."""

from collections.abc import Sequence

NOT_INSTALLED = "is not installed"


def load_failed(package: str, error: str, reason: str) -> str:
    return f"cannot be loaded from {package} ({error}: {reason}); update or remove that package"


def wrong_api(package: str, api: object, needed: int) -> str:
    return f"of {package} was made for another release (its api is {api}, and {needed} is needed); update that package"


def wrong_name(package: str, name: str) -> str:
    return f"of {package} must have the name {name!r}, of lower-case letters, digits and hyphens"


def missing_members(package: str, members: Sequence[str]) -> str:
    return f"of {package} lacks {', '.join(members)}; update that package"


def name_taken(package: str, used: str) -> str:
    return f"of {package} is not used, because {used} has the same name; remove one of them"


def not_created(error: str, reason: str) -> str:
    return f"cannot be used ({error}: {reason}); please report this to its authors"


def unknown_category(name: str) -> str:
    return f"must name arXiv categories, and {name!r} is not one"
