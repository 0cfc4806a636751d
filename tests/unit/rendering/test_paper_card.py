"""Highlighted texts, and the colors of e-mails."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from digest import formatting
from digest.matching import Span
from digest.rendering.paper_card import (
    PaperForm,
    PersonalFields,
    TextPart,
    build_card,
    join_text,
    split_text,
)
from digest.rendering.theme import HIGHLIGHT_COLORS, THEME
from tests.support.email_factory import make_context, make_view


@given(st.text(max_size=80), st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90), st.integers(0, 9))))
def test_splitting_never_changes_the_text(text: str, triples: list[tuple[int, int, int]]) -> None:
    spans = [Span(*triple) for triple in triples if triple[0] >= 0]
    parts = split_text(text, spans, 1000)
    assert "".join(part.text for part in parts).split() == formatting.clean_line(text).split()


def test_a_cut_never_runs_through_a_highlighted_word() -> None:
    parts = split_text("one two three", (Span(0, 3, 0), Span(4, 7, 1)), 6)
    assert parts == (TextPart("one", 0), TextPart(" t…"))
    assert join_text(parts, asterisks=True) == "*one* t…"
    assert join_text(parts) == "one t…"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colors written as #rrggbb."""

    def luminance(color: str) -> float:
        channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_all_colors_are_readable_on_light_and_dark_pages() -> None:
    pairs = [
        *((THEME.text, colors.background) for colors in HIGHLIGHT_COLORS),
        *((colors.dark_text, colors.dark_background) for colors in HIGHLIGHT_COLORS),
        *((color, THEME.background) for color in (THEME.text, THEME.muted, THEME.link)),
        *((color, THEME.dark_background) for color in (THEME.dark_text, THEME.dark_muted, THEME.dark_link)),
        (THEME.button_text, THEME.button),
        (THEME.dark_button_text, THEME.dark_button),
    ]
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
    assert contrast("#ffffff", "#777777") < 4.5


def facts(form: PaperForm = "card", **changes: Any) -> tuple[str, ...]:
    view = make_view(**changes)
    return build_card(view, view.paper.listed_on, PersonalFields.for_subscriber(view, make_context(view)), form).facts


def test_a_card_says_where_the_paper_was_listed() -> None:
    listed: dict[str, Any] = {"journal": "Nature Medicine", "source_titles": ("PubMed", "arXiv"), "upvotes": 3}
    assert facts(**listed) == ("Nature Medicine", "PubMed and arXiv", "3 upvotes")
    assert facts("row", **listed) == ("Nature Medicine", "3 upvotes")
    assert facts("row", source_titles=("arXiv",)) == ("arXiv",)
    assert facts(journal="JACS", source_titles=("jacs",), kind="editorial") == ("Editorial", "JACS")
    many = tuple(f"Feed {number}" for number in range(9))
    assert facts(source_titles=many) == ("Feed 0, Feed 1, Feed 2 and 6 more",)
    assert facts() == ()
