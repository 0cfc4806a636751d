"""Contrast of colors (WCAG 2.2), and a lighter tint of one for dark pages. Colors are written as #rrggbb."""

WHITE = "#ffffff"
MIN_CONTRAST = 4.5  # of text (WCAG 2.2, 1.4.3, AA)
TINT_CONTRAST = 7.0  # of a tint: colored text looks thinner on dark pages
TINT_STEPS = 50  # from the color itself to white


def contrast_ratio(one: str, other: str) -> float:
    """Return the contrast of two colors, from 1 to 21."""
    dark, light = sorted((_relative_luminance(one), _relative_luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def lighten(color: str, background: str, ratio: float = TINT_CONTRAST) -> str:
    """Return the first tint of `color` on its way to white that has this contrast on a dark background."""
    for step in range(TINT_STEPS):
        share = step / TINT_STEPS
        tint = "#" + "".join(f"{round(channel + (255 - channel) * share):02x}" for channel in _channels(color))
        if contrast_ratio(tint, background) >= ratio:
            return tint
    return WHITE


def _channels(color: str) -> tuple[int, int, int]:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _relative_luminance(color: str) -> float:
    # WCAG 2.2, "relative luminance".
    shares = (channel / 255 for channel in _channels(color))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
