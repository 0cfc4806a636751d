"""What is stored of a keyword is read as what was entered: any character of Unicode, any shape of a query."""

import sys
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import QueryError
from digest.matching import AuthorTerm, KeywordInput, Phrase, Query, parse, parse_canonical

# Where a character may stand: alone, at either end and in the middle of a word, in quotes, in names, before a star.
PLACES = (
    *("{}", "a{}b", "ab {}cd", "ab{} cd", "a-{}b", "-{}", "{}'s", "{0}{0}", "{0}{0}s", "1{}1", '"a{}b"', '"a {}"'),
    *("abc{}*", "a {}*", 'author:"a{}b"', 'author:"a{}, b"', "author:{}_y", "org:{}", "title:{}a OR b", "category:{}"),
    *("subject:{}", "journal:a{}b", 'journal:"The {} : a (b)"', "journal:{}*", "doi:10.1038/a{}b", "doi:10.1038/{}*"),
)
EVERY_CHARACTER = [chr(number) for number in range(sys.maxunicode + 1)]
COMMON_CATEGORIES = {"Lo", "Ll", "Lu", "So", "Cn", "Co", "Cs"}


def misread(places: Iterable[str], characters: Iterable[str]) -> list[str]:
    """Return the texts whose canonical form is not read as the same query."""
    return [text for place in places for char in characters if not is_read_back(text := place.format(char))]


def is_read_back(text: str) -> bool:
    try:
        query = parse(text)
    except QueryError:
        return True  # refused, and so never stored
    try:
        return parse_canonical.__wrapped__(query.canonical) == query
    except QueryError:
        return False


def is_special(char: str) -> bool:
    """Return whether normalization changes a character, or it is of a kind that is more than a letter of a script."""
    changes = unicodedata.normalize("NFKD", char.casefold()) != char.lower()
    return changes or unicodedata.category(char) not in COMMON_CATEGORIES


def test_a_keyword_with_any_special_character_is_read_back() -> None:
    special = [char for char in EVERY_CHARACTER if is_special(char) and not "\ub000" <= char < "\ud700"]
    assert len(special) > 7000
    assert misread(["a{}b"], special) == []
    assert misread(PLACES, special[::16]) == []


@pytest.mark.long
def test_a_keyword_with_any_character_in_any_place_is_read_back() -> None:
    assert misread(["{}", "a{}b", '"a{}b"'], EVERY_CHARACTER) == []
    assert misread(PLACES, [char for char in EVERY_CHARACTER if is_special(char)]) == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\ufe78",
            "\ufc5e",
            "\ufe7e x",
            '"\ufe70"',
            "a\u3186b",
            "\u013f",
            "pa\u0140lab",
            "\u0e33",
            "\u0f43",
            "\u309f",
        ),
        *('"a$b"', '"1$2"', '"a \u309f b"', "author:\ufe78", 'author:"a\u3186b"', "org:\ufc60", "abc\u0140*", "\u3038"),
    ],
)
def test_characters_that_decompose_into_more_than_a_word_are_read_back(text: str) -> None:
    assert is_read_back(text)


ANY_WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
LEAVES = st.builds(
    str.format,
    st.sampled_from(["{}", '"{}"', "{}*", "ti:{}", "abs:{}", 'au:"{}"', "org:{}", "cat:{}", "source:{}", "{}[ti]"]),
    ANY_WORD | st.sampled_from(["cats", "dogs", "big cats", "cs.CL", "R"]),
) | st.sampled_from(["upvotes>3", "upvotes<=5", "has:code"])
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' AND '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"NOT {part}"),
        inner.map(lambda part: f"-({part})"),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.text() | LEAVES | QUERIES)
@example("(ti:a OR abs:a) AND (b OR NOT c)")
def test_a_query_of_any_shape_is_read_back(text: str) -> None:
    assert is_read_back(text)


def test_queries_are_equal_when_they_mean_the_same() -> None:
    assert parse("cats OR (dogs AND birds)") == parse("(bird AND dog) OR Cat")
    assert parse("cats OR dogs") != parse("cats AND dogs")
    assert parse("-cats") != parse("cats")


@pytest.mark.parametrize("root", [Phrase(("\u064f",), ()), AuthorTerm('a" OR b OR "c'), Phrase(("a b",), ())])
def test_what_cannot_be_read_back_is_refused_before_it_is_stored(root: Phrase | AuthorTerm) -> None:
    with pytest.raises(QueryError, match="Use plain letters") as error:
        KeywordInput.from_query(Query("as entered", root))
    assert error.value.position == 1
