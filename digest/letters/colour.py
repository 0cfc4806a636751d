"""The colours of a letter. A keyword's colour is its position among the reader's keywords, modulo six.

Every pair of text and ground has a contrast of at least 4.5 to 1 (WCAG 2.2, AA), which a test computes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked word on a light and on a dark page. `line` is the bar's colour on both.

    Thunderbird's dark mode drops grounds lighter than 200 of 255; the line below the word is darker and stays.
    """

    ground: str
    line: str
    dark_ground: str
    dark_ink: str


@dataclass(frozen=True, slots=True)
class EmailTheme:
    """The rest: ink, quiet ink, rules, links, the page and the button, by day and by night."""

    ink: str = "#1b1f24"
    quiet: str = "#57606a"
    rule: str = "#dfe3e8"
    link: str = "#0b57d0"
    page: str = "#ffffff"
    button: str = "#0b57d0"
    button_ink: str = "#ffffff"
    dark_ink: str = "#e6e9ec"
    dark_quiet: str = "#a5aeb8"
    dark_rule: str = "#31373e"
    dark_link: str = "#8ab4f8"
    dark_page: str = "#14171a"
    dark_button: str = "#8ab4f8"
    dark_button_ink: str = "#14171a"
    sans: str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
    serif: str = "Georgia,'Times New Roman',serif"


THEME = EmailTheme()

HIGHLIGHT_COLORS = (
    Mark("#ffec99", "#e0b000", "#5a4700", "#ffeaa6"),
    Mark("#ffd9e6", "#d6538a", "#6a1f45", "#ffdbe9"),
    Mark("#c6f2d4", "#2f9e5b", "#0f4d2b", "#cbf5d9"),
    Mark("#d0e5ff", "#3f83dc", "#16407a", "#d6e7ff"),
    Mark("#e7dcff", "#8c66d4", "#45317b", "#e9e0ff"),
    Mark("#ffdfc7", "#dd7a30", "#69360c", "#ffe4d0"),
)
