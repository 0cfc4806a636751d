"""Copies of our templates: each begins with a comment that says which one it was, so that later changes can be told."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from digest import __version__
from digest.config import TEMPLATE_AREAS, TEMPLATE_SUFFIXES
from digest.formatting import join_words
from digest.rendering.template_check import messages
from digest.rendering.template_check.facts import TemplateFacts
from digest.rendering.templates import template_folder

ORIGIN = re.compile(r"\A\{# copied from digest (?P<version>\S+): (?P<name>\S+) (?P<checksum>[0-9a-f]{12}) #\}\r?\n")
MAX_NAMED = 6  # what a copy lacks


@lru_cache(maxsize=2)
def read_templates(area: str) -> Mapping[str, str]:
    """Read all our templates of an area ("mail", "web")."""
    root = template_folder(area)
    files = (path for path in root.rglob("*") if path.suffix in TEMPLATE_SUFFIXES and "static" not in path.parts)
    return {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}


def template_names() -> list[str]:
    """Return the names of all our templates, as `mail/layout.html`."""
    return [f"{area}/{name}" for area in TEMPLATE_AREAS for name in sorted(read_templates(area))]


def copy_templates(folder: Path, names: Sequence[str], *, overwrites: bool) -> tuple[list[str], list[str]]:
    """Copy templates of ours into a folder. Returns the names of those copied, and of those that were there already."""
    copied, existing = [], []
    for name in names:
        area, _, inner = name.partition("/")
        target = folder / name
        if target.exists() and not overwrites:
            existing.append(name)
            continue
        source = read_templates(area)[inner]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            f"{{# copied from digest {__version__}: {name} {checksum(source)} #}}\n{source}", encoding="utf-8"
        )
        copied.append(name)
    return copied, existing


def checksum(source: str) -> str:
    """Return a short checksum of a template."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def describe_origin(
    source: str, name: str, our_sources: Mapping[str, str], ours: Mapping[str, TemplateFacts], own: TemplateFacts
) -> str:
    """Say that ours has changed since a template was copied from it, and what the copy lacks; "" where it has not."""
    origin = ORIGIN.match(source)
    if origin is None or name not in ours or origin["checksum"] == checksum(our_sources[name]):
        return ""
    new = ours[name]
    lacks = [
        *_missing("block", new.blocks, own.blocks),
        *_missing("macro", new.macros, own.macros),
        *_missing("variable", new.variables, own.variables),
        *_missing("part", [link.name for link in new.links], [link.name for link in own.links]),
    ]
    names = join_words(lacks[:MAX_NAMED], max(0, len(lacks) - MAX_NAMED)) if lacks else ""
    return messages.outdated_copy(origin["version"], messages.lacking(names) if names else "")


def _missing(kind: str, new: Collection[str], own: Collection[str]) -> list[str]:
    return [f"{kind} {name!r}" for name in dict.fromkeys(new) if name not in own]
