"""The operator's accent in e-mails: readable on light and on dark pages."""

from hypothesis import assume, given
from hypothesis import strategies as st

from digest.formatting import contrast_ratio, lighten
from digest.rendering import ConfirmContext, render_digest, render_notice
from digest.rendering.fragment_cache import FragmentCache
from digest.rendering.theme import DARK_GROUND, THEME, create_theme
from tests.support.email_factory import make_context, make_view

ACCENT = "#9c1c2e"


def test_contrast_is_that_of_wcag() -> None:
    assert contrast_ratio("#000000", "#ffffff") == contrast_ratio("#ffffff", "#000000") == 21
    assert round(contrast_ratio("#777777", "#ffffff"), 2) == 4.48
    assert contrast_ratio(ACCENT, ACCENT) == 1


@given(st.integers(0, 0xFFFFFF).map("#{:06x}".format))
def test_every_accent_that_is_taken_is_readable_everywhere(accent: str) -> None:
    assume(contrast_ratio(accent, THEME.background) >= 4.5)
    theme = create_theme(accent)
    pairs = [
        (theme.button_text, theme.button),
        (theme.dark_button_text, theme.dark_button),
        *((theme.dark_link, ground) for ground in (theme.dark_background, DARK_GROUND)),
    ]
    assert [pair for pair in pairs if contrast_ratio(*pair) < 4.5] == []
    assert (theme.link, theme.dark_link) == (accent, theme.dark_button)


def test_a_tint_is_no_lighter_than_it_must_be() -> None:
    assert lighten("#e8eaed", DARK_GROUND) == "#e8eaed"
    assert contrast_ratio(lighten(ACCENT, DARK_GROUND), DARK_GROUND) < 7.5


def test_emails_have_the_accent_and_those_without_one_ours() -> None:
    cache, tint = FragmentCache(), create_theme(ACCENT).dark_link
    for accent in ("", ACCENT, ""):  # from one cache
        context = make_context(make_view(), accent=accent)
        digest = render_digest(context, cache)
        notice = render_notice(ConfirmContext(confirm_url="https://example.org/confirm/x", accent=accent))
        for html in (digest.html, notice.html):
            is_ours = THEME.link in html and THEME.dark_link in html
            is_theirs = ACCENT in html and tint in html
            assert (is_ours, is_theirs) == (not accent, bool(accent))
        assert '<a class="l" href="https' in digest.html
