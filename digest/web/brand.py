"""The operator's own look of the pages: a style sheet of our own host, for their policy forbids styles elsewhere."""

import hashlib
from dataclasses import dataclass

from digest.config import Settings
from digest.rendering import create_theme


@dataclass(frozen=True, slots=True)
class Brand:
    """What the operator has changed. `style`: style sheet that goes after ours; empty while there is nothing."""

    style: str = ""

    @property
    def version(self) -> str:
        """Part of its URL that changes with it: browsers may cache it for a year."""
        return hashlib.sha256(self.style.encode()).hexdigest()[:12]


def load_brand(settings: Settings) -> Brand:
    """Make the style sheet of the settings."""
    return Brand(accent_style(settings.accent) if settings.accent else "")


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
