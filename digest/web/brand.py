"""The operator's own look of the pages: a style sheet of our own host, for their policy forbids styles elsewhere."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from digest.config import EXAMPLES, Settings
from digest.errors import SettingError
from digest.rendering import create_theme
from digest.web import messages

MAX_LOGO_BYTES = 100 * 1024
LOGO_HEIGHT, MAX_LOGO_WIDTH = 26, 120  # pixels, in the header of a page
PNG_SIGNATURE, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82"  # W3C PNG, 5.2, 11.2.5
SVG_ROOT = "{http://www.w3.org/2000/svg}svg"
_VERSION_LENGTH = 12  # hexadecimal digits
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
        return hashlib.sha256(self.content).hexdigest()[:_VERSION_LENGTH]


@dataclass(frozen=True, slots=True)
class Brand:
    """What the operator has changed. `style`: style sheet that goes after ours; empty while there is nothing."""

    style: str = ""
    logo: Logo | None = None

    @property
    def version(self) -> str:
        """Part of the URL of the style sheet that changes with it."""
        return hashlib.sha256(self.style.encode()).hexdigest()[:_VERSION_LENGTH]


def load_brand(settings: Settings) -> Brand:
    """Read the logo and make the style sheet of the settings. Raises SettingError for a file that is no logo."""
    logo = load_logo(settings.logo) if settings.logo else None
    styles = [accent_style(settings.accent) if settings.accent else "", logo_style(logo) if logo else ""]
    return Brand("".join(styles), logo)


def accent_style(accent: str) -> str:
    """Return the rule that gives the accent to light pages, and its tint to dark ones."""
    theme = create_theme(accent)
    colors = {
        "accent": theme.link,
        "accent-ink": theme.button_text,
        "accent-dark": theme.dark_link,
        "accent-ink-dark": theme.dark_button_text,
    }
    return f":root {{ {' '.join(f'--brand-{name}: {color};' for name, color in colors.items())} }}\n"


def logo_style(logo: Logo) -> str:
    """Return the rules that put the logo in place of ours; a wide one gets the room that it needs."""
    width = min(max(round(LOGO_HEIGHT * logo.ratio), LOGO_HEIGHT), MAX_LOGO_WIDTH)
    return (
        f'.brand::before, .window .env::before {{ background-image: url("logo?v={logo.version}"); }}\n'
        f".brand::before {{ width: min({width}px, max({LOGO_HEIGHT}px, 13vw)); }}\n"
    )


def load_logo(path: str) -> Logo:
    """Read an SVG or PNG file, whatever it is called. Raises SettingError for all else and for what is too large."""
    try:
        if not Path(path).is_file():  # a pipe would never end
            raise _logo_error(path, messages.LOGO_IS_NO_FILE)
        with Path(path).open("rb") as file:
            content = file.read(MAX_LOGO_BYTES + 1)
    except OSError as error:
        raise _logo_error(path, messages.unreadable_logo(error.strerror or "no reason given")) from error
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
        if len(size) == 2 and min(size) > 0:  # noqa: PLR2004  - width and height
            return Logo(content, "image/svg+xml", size[0] / size[1])
    return Logo(content, "image/svg+xml")


def _logo_error(path: str, problem: str) -> SettingError:
    return SettingError(messages.invalid_logo(path, problem, EXAMPLES["logo"]))
