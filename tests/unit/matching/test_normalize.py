# ruff: noqa: RUF001 - these tests are about letters that look like others
"""Words, plurals and gaps."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.matching.forms.plurals import to_singular
from digest.matching.normalize import BREAK, HYPHEN, NO_GAP, SPACE, can_join, classify_gap, normalize_word, split_words


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        *[("llms", "llm"), ("agencies", "agency"), ("classes", "class"), ("boxes", "box"), ("batches", "batch")],
        *[("viruses", "virus"), ("causes", "cause"), ("phases", "phase"), ("biases", "bias"), ("movies", "movie")],
        *[("matrices", "matrix"), ("hypotheses", "hypothesis"), ("gases", "gas"), ("lenses", "lens"), ("gpus", "gpu")],
        *[("buses", "bus"), ("uses", "use"), ("focuses", "focus"), ("reuses", "reuse"), ("caches", "cache")],
        *[("heroes", "hero"), ("shoes", "shoe"), ("ties", "tie"), ("sizes", "size"), ("databases", "database")],
        *[("topics", "topic"), ("women", "woman"), ("approaches", "approach"), ("responses", "response")],
    ],
)
def test_a_plural_becomes_its_singular_and_the_singular_stays(plural: str, singular: str) -> None:
    assert to_singular(plural) == singular
    assert to_singular(singular) == singular


@pytest.mark.parametrize(
    "word",
    [
        *("bias", "biased", "class", "analysis", "bayes", "gas", "lens", "dynamics", "robotics", "news", "series"),
        *("thus", "status", "loss", "bus", "sars", "aids", "diabetes", "contactlens", "biogas", "timeseries", "1990s"),
    ],
)
def test_a_word_that_only_looks_like_a_plural_stays(word: str) -> None:
    assert to_singular(word) == word


@given(st.text("abceghilmnosuvxyz", max_size=9))
@example("classeses")
def test_a_singular_has_no_singular_of_its_own(word: str) -> None:
    assert to_singular(to_singular(word)) == to_singular(word)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        *[
            ("TÜLU", "tulu"),
            ("Schrödinger", "schrodinger"),
            ("Łukasz", "lukasz"),
            ("Straße", "strasse"),
            ("ﬁne", "fine"),
        ],
        *[("Alzheimer’s", "alzheimer"), ("women's", "woman"), ("O'Brien", "obrien"), ("GPs", "gp"), ("GPS", "gps")],
        *[
            ("ＬＬＭｓ", "llm"),
            ("𝐑𝐀𝐆", "rag"),
            ("İstanbul", "istanbul"),
            ("λ", "lambda"),
            ("Ω", "omega"),
            ("γ", "gamma"),
        ],
        *[
            ("が", "が"),
            ("强", "强"),
            ("한", "한"),
            ("हिन्दी", "हिन्दी"),
            ("multi\u00adagent", "multiagent"),
            ("Qwen2.5", "qwen2.5"),
        ],
    ],
)
def test_case_accents_and_possessives_are_removed_and_other_scripts_stay_themselves(word: str, key: str) -> None:
    assert split_words(word).keys == [key]
    assert normalize_word(word)[0] == key


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("C++ and C#, F#; A* or Q*", ["c++", "and", "c#", "f#", "a*", "or", "q*"]),
        ("PointNet++ on 3D", ["pointnet", "++", "on", "3d"]),
        ("$k$-NN, v3.1.", ["k", "nn", "v3.1"]),
        ("強化学習 is RL", ["強", "化", "学", "習", "is", "rl"]),
        ("zero_shot GPT-4o's", ["0", "shot", "gpt", "4o"]),
        ("x\u0301y 1½ ⑴", ["xy", "1"]),
        ("", []),
        ("—…!?", []),
    ],
)
def test_a_text_is_split_into_the_words_that_people_see(text: str, keys: list[str]) -> None:
    assert split_words(text).keys == keys


@pytest.mark.parametrize(
    ("separator", "gap"),
    [
        *[(" ", SPACE), ("\n", SPACE), (" (", SPACE), ("/", SPACE), (" & ", SPACE), ("- ", SPACE), ("･", SPACE)],
        *[
            ("-", HYPHEN),
            ("‑", HYPHEN),
            ("–", HYPHEN),
            ("--", HYPHEN),
            ("-\n  ", HYPHEN),
            ("_", HYPHEN),
            ("$-$", HYPHEN),
        ],
        *[(", ", BREAK), (". ", BREAK), (": ", BREAK), ("—", BREAK), (" - ", BREAK), (" – ", BREAK), ("\n \n", BREAK)],
        *[("", NO_GAP), ("$", NO_GAP), ("。", BREAK)],
    ],
)
def test_a_separator_is_one_of_four_gaps(separator: str, gap: str) -> None:
    assert classify_gap(separator) == gap


@pytest.mark.parametrize(
    ("left", "right", "gap", "joins"),
    [
        *[("fine", "tuning", SPACE, True), ("multi", "agent", HYPHEN, True), ("k", "mean", SPACE, True)],
        *[("are", "a", SPACE, False), ("in", "formation", SPACE, False), ("in", "painting", HYPHEN, True)],
        *[
            ("3", "1", HYPHEN, False),
            ("3", "1", SPACE, False),
            ("gpt", "4", SPACE, True),
            ("deep", "learning", BREAK, False),
        ],
        *[
            ("use", "c++", SPACE, False),
            ("ai", "技", SPACE, False),
            ("ai", "技", NO_GAP, True),
            ("技", "術", SPACE, True),
        ],
    ],
)
def test_two_words_are_joined_only_where_they_may_be(left: str, right: str, gap: str, joins: bool) -> None:
    assert can_join(left, right, gap) is joins


@given(st.text())
def test_words_lie_in_order_in_the_original_text(text: str) -> None:
    words = split_words(text)
    previous_end = 0
    for key, exact, start, end in zip(words.keys, words.exact, words.starts, words.ends, strict=True):
        assert key
        assert exact
        assert previous_end <= start < end
        assert normalize_word(text[start:end]) == (key, exact)
        previous_end = end
    assert previous_end <= len(text)
