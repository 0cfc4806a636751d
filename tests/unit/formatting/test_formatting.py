"""Plurals, dates, names in a row, and text from outside on one line."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import formatting


@pytest.mark.parametrize(("value", "text"), [(0, "0 papers"), (1, "1 paper"), (2, "2 papers"), (1234, "1,234 papers")])
def test_counts_have_the_right_plural(value: int, text: str) -> None:
    assert formatting.pluralize(value, "paper") == text


def test_days_are_in_english_everywhere() -> None:
    assert formatting.format_day(date(2025, 10, 30)) == "Thursday 30 October"
    assert formatting.format_date(date(2025, 4, 3), date(2025, 10, 30)) == "3 April"
    assert formatting.format_date(date(2024, 4, 3), date(2025, 10, 30)) == "3 April 2024"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, ""),
        (1, "A0"),
        (4, "A0, A1, A2, A3"),
        (5, "A0, A1, A2 … A4, +1"),
        (664, "A0, A1, A2 … A663, +660"),
    ],
)
def test_long_author_lists_keep_the_first_three_and_the_last(count: int, text: str) -> None:
    assert formatting.format_authors([f"A{n}" for n in range(count)]) == text


def test_a_row_names_one_author() -> None:
    assert formatting.format_first_author(["A", "B", "C"]) == "A +2"
    assert formatting.format_first_author(["A"]) == "A"
    assert formatting.format_first_author([]) == ""


def test_lists_end_with_a_conjunction() -> None:
    assert formatting.join_words(["a", "b", "c"]) == "a, b and c"
    assert formatting.join_words(["a", "b", "c"], conjunction="or") == "a, b or c"
    assert formatting.join_words(["a"]) == "a"
    assert formatting.join_words(["a"], 2) == "a and 2 more"
    assert formatting.join_words(["a", "b"], 1, "keyword") == "a, b and 1 more keyword"


def test_words_fit_into_a_line_but_the_first_is_always_there() -> None:
    assert formatting.fit_words(["four", "five", "six"], limit=12, max_count=9) == ("four", "five")
    assert formatting.fit_words(["four", "five", "six"], limit=99, max_count=1) == ("four",)
    assert formatting.fit_words(["seventeen"], limit=3, max_count=9) == ("seventeen",)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a b", "", None, "ftp://x", 'https://x/"', "https://x/\n", "https://" + "x" * 2000],
)
def test_only_web_addresses_become_links(url: str | None) -> None:
    assert formatting.safe_url(url) is None
    assert formatting.safe_url("https://arxiv.org/abs/2510.00001") == "https://arxiv.org/abs/2510.00001"


@given(st.text(max_size=300))
def test_clean_text_is_one_line_without_control_characters(text: str) -> None:
    cleaned = formatting.clean_line(text + "\ud800\u202e\x85\x0b")
    assert cleaned.encode()
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in cleaned)


def test_a_frequency_that_is_none_is_shown_as_it_is_and_is_no_format_string() -> None:
    assert formatting.frequency_label("weekly", 4) == "once a week, on Fridays"
    for sent in ("{", "{weekday.__class__}", "hourly"):
        assert formatting.frequency_label(sent, 4) == sent
