"""Client networks, colors shared by pages and e-mails, and templates."""

import re
from pathlib import Path

import pytest

from digest.rendering import HIGHLIGHT_COLORS, THEME
from digest.web.assets import static_directory
from digest.web.rate_limit import client_network

STYLE = (static_directory() / "style.css").read_text()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "testclient", True),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(one: str, other: str, is_same: bool) -> None:
    assert (client_network(one) == client_network(other)) is is_same


def test_pages_have_the_colors_of_emails() -> None:
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)", 1)
    for place, mark in enumerate(HIGHLIGHT_COLORS):
        assert f"--k{place}: {mark.background};" in light
        assert f"--k{place}: {mark.dark_background};" in dark
        assert f"--l{place}: {mark.underline};" in light
        assert f"--k{place}-ink: {THEME.text};" in light
        assert f"--k{place}-ink: {mark.dark_text};" in dark
    variables = {"page": "background", "ink": "text", "quiet": "muted", "rule": "border"}
    for name, color in variables.items():
        assert f"--{name}: {getattr(THEME, color)};" in light
        assert f"--{name}: {getattr(THEME, f'dark_{color}')};" in dark
    for name, color in {"brand-accent": "link", "brand-accent-ink": "button_text"}.items():
        assert f"var(--{name}, {getattr(THEME, color)})" in light
        assert f"var(--{name}-dark, {getattr(THEME, f'dark_{color}')})" in dark
    assert (THEME.button, THEME.dark_button) == (THEME.link, THEME.dark_link)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("night", [False, True])
def test_every_text_color_has_enough_contrast(night: bool) -> None:
    part = STYLE.split("@media (prefers-color-scheme: dark)")[night]
    colors = dict(re.findall(r"--([\w-]+): (?:var\([\w-]+, )?(#[0-9a-f]{6})", part))
    inks = ("ink", "quiet", "accent", "good", "warn", "bad")
    pairs = [(ink, ground) for ink in inks for ground in ("page", "soft", "field", "raised")]
    pairs += [(state, f"{state}-soft") for state in ("good", "warn", "bad")]
    pairs += [(ink, f"{state}-soft") for ink in ("ink", "quiet") for state in ("good", "warn", "bad")]
    pairs += [(f"k{n}-ink", f"k{n}") for n in range(6)] + [("accent-ink", "accent")]
    assert min(contrast(colors[ink], colors[ground]) for ink, ground in pairs) >= 4.5
    assert contrast(colors["edge"], colors["page"]) >= 3  # the border of a field (WCAG 1.4.11)


def test_no_template_loads_from_other_hosts_or_has_inline_scripts() -> None:
    for path in Path(static_directory()).parent.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), path
        assert not re.search(
            r"<script(?![^>]* src=| type=\"application/ld\+json\">)|\son\w+=|\sstyle=|<style|\|\s*safe", text
        ), path
