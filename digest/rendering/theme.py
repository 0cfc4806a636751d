"""Colors and fonts of e-mails. The pages have the same colors; a test keeps them alike.

A keyword's color is its position among the subscriber's keywords, modulo six. Every pair of text and background has a
contrast of at least 4.5 to 1 (WCAG 2.2, AA), which a test computes.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from digest.formatting import lighten

DARK_GROUND = "#1a1d20"  # the lightest ground of dark pages, where the tint of an accent is hardest to read


@dataclass(frozen=True, slots=True)
class HighlightColors:
    """Highlighted word on a light and on a dark page.

    Thunderbird's dark mode drops backgrounds lighter than 200 of 255; the underline is darker and stays.
    """

    background: str
    underline: str
    dark_background: str
    dark_text: str


@dataclass(frozen=True, slots=True)
class EmailTheme:
    """All other colors, and the fonts."""

    text: str = "#1a1d21"
    muted: str = "#5b626b"
    border: str = "#e6e5e1"
    underline: str = "#b4b9c0"  # of quiet links
    link: str = "#3d4fd6"
    background: str = "#ffffff"
    button: str = "#3d4fd6"
    button_text: str = "#ffffff"
    dark_text: str = "#e8eaed"
    dark_muted: str = "#a5adb6"
    dark_border: str = "#2e3238"
    dark_link: str = "#a9b4ff"
    dark_background: str = "#131517"
    dark_button: str = "#a9b4ff"
    dark_button_text: str = "#14161b"
    sans: str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
    serif: str = "Georgia,'Times New Roman',serif"


THEME = EmailTheme()
HIGHLIGHT_COLORS = (
    HighlightColors("#ffec99", "#e0b000", "#5a4700", "#ffeaa6"),
    HighlightColors("#ffd9e6", "#d6538a", "#6a1f45", "#ffdbe9"),
    HighlightColors("#c6f2d4", "#2f9e5b", "#0f4d2b", "#cbf5d9"),
    HighlightColors("#d0e5ff", "#3f83dc", "#16407a", "#d6e7ff"),
    HighlightColors("#e7dcff", "#8c66d4", "#45317b", "#e9e0ff"),
    HighlightColors("#ffdfc7", "#dd7a30", "#69360c", "#ffe4d0"),
)


@lru_cache(maxsize=16)
def create_theme(accent: str) -> EmailTheme:
    """Return the theme whose links and buttons have this color, and a tint of it on dark pages; ours if empty."""
    if not accent:
        return THEME
    tint = lighten(accent, DARK_GROUND)
    return replace(THEME, link=accent, button=accent, dark_link=tint, dark_button=tint)
