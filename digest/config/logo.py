"""The operator's logo: a file of the type and size that pages can show."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from digest.config import messages
from digest.config.examples import EXAMPLES
from digest.errors import NO_REASON, SettingError

MAX_LOGO_BYTES = 100 * 1024
MAX_SIDE = 100_000  # of an SVG, in its own units
PNG_SIGNATURE, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82"  # W3C PNG, 5.2, 11.2.5
SVG_ROOT = "{http://www.w3.org/2000/svg}svg"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, slots=True)
class Logo:
    """Logo of the operator. `ratio`: its width by its height."""

    content: bytes
    media_type: str
    ratio: float = 1

    @property
    def version(self) -> str:
        """Part of its URL that changes with it: browsers may cache it for a year."""
        return hashlib.sha256(self.content).hexdigest()[:12]


def load_logo(path: str) -> Logo:
    """Read an SVG or PNG file, whatever it is called. Raises SettingError for all else and for what is too large."""
    try:
        if not Path(path).is_file():  # a pipe would never end
            raise _logo_error(path, messages.LOGO_IS_NO_FILE)
        with Path(path).open("rb") as file:
            content = file.read(MAX_LOGO_BYTES + 1)
    except OSError as error:
        raise _logo_error(path, messages.logo_not_readable(error.strerror or NO_REASON)) from error
    if len(content) > MAX_LOGO_BYTES:
        raise _logo_error(path, messages.LOGO_TOO_LARGE)
    logo = _parse_png(content) if content.startswith(PNG_SIGNATURE) else _parse_svg(content)
    if logo is None:
        raise _logo_error(path, messages.LOGO_TYPE)
    return logo


def _parse_png(content: bytes) -> Logo | None:
    width, height = (int.from_bytes(content[at : at + 4]) for at in (16, 20))  # of its first chunk
    if content[12:16] != b"IHDR" or not width or not height or not content.endswith(PNG_END):
        return None
    return Logo(content, "image/png", width / height)


def _parse_svg(content: bytes) -> Logo | None:
    from lxml import etree  # type: ignore[import-untyped]  # here, because every command reads the settings

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root.tag != SVG_ROOT:
        return None
    box = [float(number) for number in _NUMBER.findall(root.get("viewBox", ""))[-2:]]
    sides = [float(match[0]) for side in ("width", "height") if (match := _NUMBER.match(root.get(side, "")))]
    for size in (box, sides):
        if len(size) == 2 and min(size) > 0 and max(size) <= MAX_SIDE:  # noqa: PLR2004  - width and height
            return Logo(content, "image/svg+xml", size[0] / size[1])
    return Logo(content, "image/svg+xml")


def _logo_error(path: str, problem: str) -> SettingError:
    return SettingError(messages.invalid_logo(path, problem, EXAMPLES["logo"]))
