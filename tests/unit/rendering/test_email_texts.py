"""The small words of letters, their lines of text/plain, and the colours."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.formatting import (
    clean_line,
    format_authors,
    format_date,
    format_day,
    format_first_author,
    join_words,
    pluralize,
    safe_url,
)
from digest.mail import encode_part
from digest.matching import Span
from digest.rendering import TextPart, split_text
from digest.rendering.layout import tally
from digest.rendering.paper_card import HIGHLIGHT_COLORS, THEME, plain, starred
from digest.rendering.plain_text import columns, fill, paragraph
from tests.support.email_factory import paper, words

OUTSIDE = st.text(max_size=300)


@pytest.mark.parametrize(("value", "said"), [(0, "0 papers"), (1, "1 paper"), (2, "2 papers"), (1234, "1,234 papers")])
def test_counts_have_the_right_plural(value: int, said: str) -> None:
    assert pluralize(value, "paper") == said


def test_days_are_said_in_english_everywhere() -> None:
    assert format_day(date(2025, 10, 30)) == "Thursday 30 October"
    assert format_date(date(2025, 4, 3), date(2025, 10, 30)) == "3 April"
    assert format_date(date(2024, 4, 3), date(2025, 10, 30)) == "3 April 2024"


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (0, ""),
        (1, "A0"),
        (4, "A0, A1, A2, A3"),
        (5, "A0, A1, A2 … A4, +1"),
        (664, "A0, A1, A2 … A663, +660"),
    ],
)
def test_long_author_lists_keep_the_first_three_and_the_last(many: int, said: str) -> None:
    assert format_authors([f"A{n}" for n in range(many)]) == said


def test_a_row_names_one_author() -> None:
    assert format_first_author(["A", "B", "C"]) == "A +2"
    assert format_first_author(["A"]) == "A"
    assert format_first_author([]) == ""


def test_lists_end_with_and() -> None:
    assert join_words(["a", "b", "c"]) == "a, b and c"
    assert join_words(["a"]) == "a"
    assert join_words(["a"], 2) == "a and 2 more"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a b", "", None, "ftp://x", 'https://x/"', "https://x/\n", "https://" + "x" * 2000],
)
def test_only_web_addresses_become_links(url: str | None) -> None:
    assert safe_url(url) is None
    assert safe_url("https://arxiv.org/abs/2510.00001") == "https://arxiv.org/abs/2510.00001"


@given(OUTSIDE, st.integers(0, 12))
def test_no_line_is_wider_than_seventy_two_columns(text: str, indent: int) -> None:
    filled = fill(clean_line(text), indent)
    assert all(columns(line) <= 72 and line == line.rstrip() for line in filled.split("\n"))
    assert "".join(filled.split()) == "".join(clean_line(text).split())


@pytest.mark.parametrize("text", [" a b c ", "a  b c", "a\tb\nc", "a\u2003b\u00a0c", "  a b  c"])
def test_one_space_stands_between_two_words(text: str) -> None:
    assert fill(text, 2) == "  a b c"
    assert fill(f"{text} 论", 2) == "  a b c 论"


@given(st.lists(st.sampled_from(["a", "word", "longer.word", ".", "From", "=", "é", " ", "x" * 80]), max_size=60))
def test_a_paragraph_is_the_same_as_filled_and_then_encoded(parts: list[str]) -> None:
    text = " ".join(parts)
    assert paragraph(text) == encode_part(fill(text))


@pytest.mark.parametrize("first", [70, 71, 72, 73])
def test_a_paragraph_breaks_where_a_filled_one_does(first: int) -> None:
    text = "x" * (first - 2) + " y and more words"
    assert paragraph(text) == encode_part(fill(text))


def test_no_character_makes_a_line_too_wide() -> None:
    characters = [each for each in map(chr, range(0x21, 0x3100)) if not each.isspace()]
    lines = {each: fill(f"{each} " * 50).split("\n") for each in characters}
    assert [each for each in characters if max(map(columns, lines[each])) > 72] == []
    assert [each for each in "é…" if len(lines[each]) != 2] == []  # and what is narrow fills them


def test_wide_characters_count_twice_and_break_anywhere() -> None:
    lines = fill("论文" * 40, 4, " 1. ").split("\n")
    assert lines == [" 1. " + "论文" * 17, "    " + "论文" * 17, "    " + "论文" * 6]


def test_an_address_is_never_broken() -> None:
    url = "https://example.org/" + "x" * 100
    assert fill(f"See {url} there", 2).split("\n") == ["  See", f"  {url}", "  there"]
    assert fill(url, 2) == f"  {url}"


@given(st.text(max_size=80), st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90), st.integers(0, 9))))
def test_marking_never_changes_the_text(text: str, found: list[tuple[int, int, int]]) -> None:
    spans = [Span(*each) for each in found if each[0] >= 0]
    made = split_text(text, spans, 1000)
    assert "".join(piece.text for piece in made).split() == clean_line(text).split()


def test_a_cut_never_runs_through_a_marked_word() -> None:
    made = split_text("one two three", (Span(0, 3, 0), Span(4, 7, 1)), 6)
    assert made == (TextPart("one", 0), TextPart(" t…"))
    assert starred(made) == "*one* t…"
    assert plain(made) == "one t…"


@given(OUTSIDE)
def test_clean_text_is_one_line_without_controls(text: str) -> None:
    cleaned = clean_line(text + "\ud800\u202e\x85\x0b")
    assert cleaned.encode()
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in cleaned)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours written as #rrggbb."""

    def luminance(colour: str) -> float:
        channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_can_be_read_by_day_and_by_night() -> None:
    pairs = [
        *((THEME.ink, mark.ground) for mark in HIGHLIGHT_COLORS),
        *((mark.dark_ink, mark.dark_ground) for mark in HIGHLIGHT_COLORS),
        *((ink, THEME.page) for ink in (THEME.ink, THEME.quiet, THEME.link)),
        *((ink, THEME.dark_page) for ink in (THEME.dark_ink, THEME.dark_quiet, THEME.dark_link)),
        (THEME.button_ink, THEME.button),
        (THEME.dark_button_ink, THEME.dark_button),
    ]
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
    assert contrast("#ffffff", "#777777") < 4.5


def test_the_tally_counts_what_the_edition_left_out_too() -> None:
    counts = tally(
        words(paper(where=((0, "title"),)), keywords=("robot", "speech"), left_out=5, left_out_counts=(2, 4))
    )
    assert [(one.keyword, one.papers) for one in counts] == [("speech", 4), ("robot", 3)]
