"""The operator's own look of the pages: a style sheet of our own host, for their policy forbids styles elsewhere."""

import hashlib
from dataclasses import dataclass

from digest.config import Logo, Settings, load_logo
from digest.rendering import create_theme

LOGO_HEIGHT, MAX_LOGO_WIDTH = 26, 120  # pixels, in the header of a page


@dataclass(frozen=True, slots=True)
class Brand:
    """What the operator has changed. `style`: style sheet that goes after ours; empty while there is nothing."""

    style: str = ""
    logo: Logo | None = None

    @property
    def version(self) -> str:
        """Part of the URL of the style sheet that changes with it."""
        return hashlib.sha256(self.style.encode()).hexdigest()[:12]


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
