"""Paragraphs of text/plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import formatting
from digest.rendering.plain_text import display_width, wrap_text


@given(st.text(max_size=300), st.integers(0, 12))
def test_no_line_is_wider_than_seventy_two_columns(text: str, indent: int) -> None:
    wrapped = wrap_text(formatting.clean_line(text), indent)
    assert all(display_width(line) <= 72 and line == line.rstrip() for line in wrapped.split("\n"))
    assert "".join(wrapped.split()) == "".join(formatting.clean_line(text).split())


@pytest.mark.parametrize("text", [" a b c ", "a  b c", "a\tb\nc", "a\u2003b\u00a0c", "  a b  c"])
def test_one_space_stands_between_two_words(text: str) -> None:
    assert wrap_text(text, 2) == "  a b c"
    assert wrap_text(f"{text} 论", 2) == "  a b c 论"


@pytest.mark.parametrize(("length", "lines"), [(70, ["y", "and"]), (71, ["", "y and"]), (72, ["", "y and"])])
def test_a_line_takes_words_up_to_its_last_column(length: int, lines: list[str]) -> None:
    first, second = lines
    assert wrap_text("x" * length + " y and").split("\n") == [f"{'x' * length} {first}".rstrip(), second]


def test_no_character_makes_a_line_too_wide() -> None:
    characters = [character for character in map(chr, range(0x21, 0x3100)) if not character.isspace()]
    lines = {character: wrap_text(f"{character} " * 50).split("\n") for character in characters}
    assert [c for c in characters if max(map(display_width, lines[c])) > 72] == []
    assert [c for c in "é…" if len(lines[c]) != 2] == []  # each takes one column


def test_wide_characters_count_twice_and_break_anywhere() -> None:
    lines = wrap_text("论文" * 40, 4, " 1. ").split("\n")
    assert lines == [" 1. " + "论文" * 17, "    " + "论文" * 17, "    " + "论文" * 6]


def test_a_url_is_never_broken() -> None:
    url = "https://example.org/" + "x" * 100
    assert wrap_text(f"See {url} there", 2).split("\n") == ["  See", f"  {url}", "  there"]
    assert wrap_text(url, 2) == f"  {url}"
