"""Paragraphs of text/plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import formatting
from digest.mail import encode_part
from digest.rendering.plain_text import display_width, encode_paragraph, wrap_text


@given(st.text(max_size=300), st.integers(0, 12))
def test_no_line_is_wider_than_seventy_two_columns(text: str, indent: int) -> None:
    wrapped = wrap_text(formatting.clean_line(text), indent)
    assert all(display_width(line) <= 72 and line == line.rstrip() for line in wrapped.split("\n"))
    assert "".join(wrapped.split()) == "".join(formatting.clean_line(text).split())


@pytest.mark.parametrize("text", [" a b c ", "a  b c", "a\tb\nc", "a\u2003b\u00a0c", "  a b  c"])
def test_one_space_stands_between_two_words(text: str) -> None:
    assert wrap_text(text, 2) == "  a b c"
    assert wrap_text(f"{text} 论", 2) == "  a b c 论"


@given(st.lists(st.sampled_from(["a", "word", "longer.word", ".", "From", "=", "é", " ", "x" * 80]), max_size=60))
def test_an_encoded_paragraph_is_the_wrapped_text_encoded(parts: list[str]) -> None:
    text = " ".join(parts)
    assert encode_paragraph(text) == encode_part(wrap_text(text))


@pytest.mark.parametrize("first", [70, 71, 72, 73])
def test_an_encoded_paragraph_breaks_where_a_wrapped_text_does(first: int) -> None:
    text = "x" * (first - 2) + " y and more words"
    assert encode_paragraph(text) == encode_part(wrap_text(text))


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
