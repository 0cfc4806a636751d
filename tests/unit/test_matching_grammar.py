"""AND, OR, NOT, brackets, fields, beginnings of words, exclusions: what they mean and what is refused where."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import QueryError
from digest.matching import Document, Limits, Matcher, Query, describe, parse
from digest.matching.help import ROWS, Row

REAL = Path(__file__).parents[3] / "shared/data/keywords/queries.txt"


def finds(query: str, document: Document | str) -> bool:
    paper = Document(0, document) if isinstance(document, str) else document
    return bool(Matcher([parse(query)]).match([paper])[0])


@pytest.mark.parametrize(
    "same",
    [
        ["cats AND dogs", "dogs AND cats", "(cat) AND (dog)", "Cats && dogs", "dogs AND cats AND cat", "cats+AND+dogs"],
        ["cats OR dogs", "dogs | cats", "cats || dogs", "cats OR (dogs OR cats)", "cats OR dogs OR (cats AND birds)"],
        ["a1 OR b1 AND c1", "a1 OR (b1 AND c1)", "(c1 AND b1) OR a1"],
        ["cats ANDNOT dogs", "cats AND NOT dogs", "cats NOT dogs", "cats -dogs", "cats AND -dogs", "NOT NOT cats -dog"],
        ["cats ANDNOT (dogs OR birds)", "cats -dogs -birds", "cats AND NOT birds AND NOT dogs"],
        ["NOT (cats AND dogs)", "NOT cats OR NOT dogs"],
        ["title:cats", "ti:cats", "Title: cats", "cats[ti]", "title:(cats)", "ti:cat", "title:cats AND cats"],
        ["title:(cats OR dogs)", "ti:dogs OR ti:cats"],
        ["ti:cats OR abs:cats", "cats", "all:cats", "cats[tiab]", "cats OR title:cats"],
        ["-cats", "\u2013cats", "-(cats)", "-(cats OR title:cat)"],
        ["-title:cats", "-ti:cats", "-(ti:cats)"],
        ['au:del_maestro', 'author:"Del Maestro"', "author:del maestro"],
        ['author:"Yejin Choi"', "au:yejin_choi", 'author:"Choi, Yejin"', "author:(Yejin Choi)"],
        ["author:hinton_g", 'author:"G. Hinton"', 'author:"Hinton, G"', 'author:"Hinton G"'],
        ["cat:cs.CL", "category:cs.cl", 'category:"cs.CL"', "CATEGORY:cs.CL"],
        ["cat:cs.*", "cat:cs", "category:CS"],
        ["source:huggingface", 'source:"Hugging Face"', "source:hugging-face"],
        ["upvotes>20", "upvotes >= 21", "upvotes:>20", "Upvotes > 20", "NOT NOT upvotes>20"],
        ["upvotes<=5", "upvotes<6", "upvotes \u2264 5"],
        ["pretrain*", "pre-train*", "Pre Train*"],
        ["au:del_maestro ANDNOT %28ti:cats OR ti:dogs%29", "au:del_maestro ANDNOT (ti:cats OR ti:dogs)"],
        ["all:%22tool+use%22+AND+cats", '"tool use" AND cats'],
    ],
)  # fmt: skip
def test_equal_meanings_have_one_canonical_form(same: list[str]) -> None:
    assert len({parse(text).canonical for text in same}) == 1


@pytest.mark.parametrize(
    "different",
    [
        ["cats AND dogs", "cats OR dogs", "cats dogs", "cats and dogs", "cats ANDNOT dogs", '"cats AND dogs"'],
        ["(a1 OR b1) AND c1", "a1 OR b1 AND c1", "a1 AND b1 OR c1"],
        ["cats", "-cats", "NOT cats", "title:cats", "abstract:cats", "author:cats", "org:cats", "cat*", '"cats"'],
        ["ti:cats OR abs:dogs", "cats OR dogs", "ti:cats AND abs:cats"],
        ["upvotes>20", "upvotes>=20", "upvotes=20", "upvotes<20", '"upvotes>20"'],
        ["cat:cs.CL", "cat:cs", "cat:cs.C*", '"cat:cs.CL"', "cs.CL"],
    ],
)
def test_different_meanings_have_different_canonical_forms(different: list[str]) -> None:
    assert len({parse(text).canonical for text in different}) == len(different)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("cats AND", 6, "'AND' at character 6: words are missing behind it"),
        ("OR dogs", 1, "words are missing before it"),
        ("cats AND OR dogs", 6, "behind it"),
        ("cats AND (dogs OR )", 16, "behind it"),
        ("NOT", 1, "words are missing"),
        ("ANDNOT cats", 1, "before it"),
        ("cats AND ()", 10, "no letter"),
        ("cats (dogs OR birds)", 6, "put AND or OR between"),
        ('"cats" "dogs"', 8, "beside a quoted phrase"),
        ("(cats OR dogs) birds", 16, "side by side"),
        ("cats title:dogs", 6, "'title:'"),
        ("cats upvotes>3", 6, "put AND or OR"),
        ("cats|dogs", 5, "OR between"),
        ("cats AND (dogs", 10, "unclosed bracket"),
        ("cats AND dogs)", 14, "closing bracket"),
        ('cats AND "dogs', 10, "unclosed quote at character 10"),
        ("title:", 1, "as in title:cats"),
        ("title: OR cats", 1, "as in title:cats"),
        ("ti:abs:cats", 1, "as in ti:cats"),
        ("submittedDate:[2020 TO 2021]", 1, "dates"),
        ("cats AND year:2024", 10, "dates"),
        ("cats AND jr:nature", 10, "there are title:"),
        ("cats[mesh]", 5, "PubMed"),
        ("ti:cats[ab]", 8, "named already"),
        ("(cats OR dogs)[ti]", 15, "right behind a word"),
        ("upvotes>many", 1, "write a number"),
        ("cats AND upvotes>", 10, "write a number"),
        ("upvotes>9999999999", 1, "write a number"),
        ("upvotes:20", 1, "compare upvotes"),
        ("stars>5", 1, "upvotes only"),
        ("has:data", 5, "only has:code"),
        ("cat:cs.CL, cs.LG", 5, "OR joins several"),
        ("cat:*", 5, "cs.CL"),
        ("source:\u732b", 8, "source:arxiv"),
        ("author:...", 8, "name"),
        ("author:cho*", 11, "names have no star"),
        ("pretrain* model", 9, "last word"),
        ("*cats", 1, "star"),
        ("cats AND abc*d", 13, "star"),
        ("do*", 3, "at least 3 letters"),
        ("-cats OR dogs", 7, "a dash before the line excludes one phrase"),
        ("-cats -dogs", 7, "one phrase"),
        ("cats -dogs birds", 12, "one word only"),
        ("--cats", 1, "one plain dash"),
        ("cats \u2014dogs", 6, "one plain dash"),
        ("cats ANDNOT cats", 1, "can never match"),
        ("cats OR NOT cats", 1, "every paper"),
        ("cats AND " + "x" * 201, 210, "at most 200 characters"),
        ("(" * 17 + "cats OR dogs" + ")" * 17, 17, "at most 16"),
        (" OR ".join(f"w{n}" for n in range(65)), 439, "at most 64"),
        ("x AND " * 400 + "x", 2001, "at most 2000 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_at_its_place(text: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert says in str(refused.value)
    assert refused.value.position == position


def test_limits_are_arguments() -> None:
    tight = Limits(characters=20, terms=2, nesting=1)
    assert parse("(cats OR dogs)", tight).canonical == "cat OR dog"
    for text in ("cats OR dogs OR ants", "((cats OR dogs))", "c" * 21):
        with pytest.raises(QueryError, match="at most"):
            parse(text, tight)


@pytest.mark.parametrize(
    ("query", "found", "missed"),
    [
        ("cats OR dogs AND birds", ["cats", "dogs and birds"], ["dogs", "birds"]),
        ("(cats OR dogs) AND birds", ["a bird and a cat"], ["cats", "birds"]),
        ("NOT cats AND dogs", ["dogs"], ["cats and dogs", "birds"]),
        ("big cats AND dogs", ["dogs like big cats"], ["cats and big dogs"]),
        ('"big cat" OR dogs', ["A big cat"], ["Big cats"]),
        ("(nervous) system AND cats", ["cats' nervous systems"], ["a system of nervous cats"]),
        ("pretrain*", ["pretraining", "Pre-trained", "pretrain", "pre training"], ["trained", "pre, training"]),
        ("language model*", ["language modelling", "languages, language models"], ["model language", "language"]),
        ("agenc*", ["agencies", "agency"], ["agent"]),
        ("state of the art*", ["state-of-the-artist"], ["the art of state"]),
        ("k-means*", ["k-meanshift", "kmeans"], ["k mean"]),
        ("and or not", ["and or not"], ["cats"]),
    ],
)
def test_operators_brackets_and_beginnings(query: str, found: list[str], missed: list[str]) -> None:
    assert [text for text in found if not finds(query, text)] == []
    assert [text for text in missed if finds(query, text)] == []


def test_words_of_an_and_may_stand_apart_but_a_phrase_may_not() -> None:
    paper = Document(0, "On big", "cats and dogs")
    assert finds("big AND cats", paper)
    assert not finds("big cats", paper)
    assert finds("title:big AND abstract:(cats AND dogs)", paper)
    assert not finds("title:(big AND cats)", paper)


def test_an_exclusion_is_a_query_of_its_own() -> None:
    query = parse("-title:survey")
    assert query.exclude
    assert query.canonical == "-title:survey"
    assert finds("-title:survey", "A survey")
    assert not parse("cats -survey").exclude


def test_a_hit_is_in_the_title_when_the_title_alone_would_do_and_a_word_of_it_counts() -> None:
    papers = [
        Document(0, "Cats", "dogs", categories=("cs.CL",)),
        Document(1, "Cats and dogs", "", categories=("cs.CL",)),
    ]
    queries = ["cats AND dogs", "cats OR dogs", "cat:cs.CL", "cat:cs.CL AND cats", "cats ANDNOT birds", "NOT birds"]
    hits = Matcher([parse(query) for query in queries]).match(papers)
    assert [[hit.in_title for hit in row] for row in hits] == [
        [False, True],
        [True, True],
        [False, False],
        [True, True],
        [True, True],
        [False, False],
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.example)
def test_each_example_of_the_help_means_what_is_said_there(row: Row) -> None:
    assert describe(parse(row.example)) == row.meaning
    assert [text for text in row.finds if not finds(row.example, text)] == []
    assert [text for text in row.misses if finds(row.example, text)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cats", "title or abstract contains “cats”"),
        ("NOT cats", "every paper but those where title or abstract contains “cats”"),
        ("-(cats OR dogs)", "no paper where title or abstract contains “cats” or “dogs”"),
        ("cats AND upvotes<5", "title or abstract contains “cats”, and upvotes are fewer than 5"),
        ("cats ANDNOT author:choi", "title or abstract contains “cats”, but not where author is “choi”"),
        ("a1 OR NOT b1", "title or abstract contains “a1”, or every paper but those where title or abstract contains “b1”"),
        ("cats AND (dogs OR birds AND ants)", "title or abstract contains “cats” and (“dogs” or (“birds” and “ants”))"),
        ("cat:cs.C* OR cat:math", "category is any that begins with cs.c or math"),
    ],
)  # fmt: skip
def test_a_query_is_said_back_in_words(text: str, said: str) -> None:
    assert describe(parse(text)) == said


WORDS = ["cats", "dogs", "big", "R", '"big cat"', "pre*", "pretrain*", "the", "a-b", "x.y", "cs.AI", "LLMs", "\u732b"]
SIGNS = ["AND", "OR", "NOT", "ANDNOT", "(", ")", "-", '"', "|", "*", "ti:", "abs:", "au:", "cat:", "has:code", "org:"]
MORE = ["upvotes>5", "upvotes", "[ti]", "[tiab]", "source:arxiv", "%28", "%29", "+AND+", "title :", ",", "--", "\u2014"]
MIXED = st.lists(st.sampled_from(WORDS * 3 + SIGNS * 2 + MORE), max_size=12).flatmap(
    lambda pieces: st.sampled_from([" ", ""]).map(lambda gap: gap.join(pieces))
)
TERMS = st.sampled_from(["cats", "dogs", "ti:cats", "abs:cats", "ti:dogs", "birds", "cat:cs", "au:choi", "upvotes>3"])
TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' AND '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"NOT {part}"),
    ),
    max_leaves=8,
)
PAPERS = [
    Document(0, title, abstract, authors=authors, categories=categories, upvotes=upvotes)
    for title in ("cats", "dogs", "", "cats dogs")
    for abstract in ("cats", "dogs birds", "")
    for authors in ((), ("Yejin Choi",))
    for categories in ((), ("cs.CL",))
    for upvotes in (None, 9)
]


def read(text: str) -> Query | None:
    try:
        return parse(text)
    except QueryError as error:
        assert error.position is not None
        assert 1 <= error.position <= max(1, len(text))
        assert str(error)
        return None


@given(MIXED | TREES | st.text())
def test_any_string_is_read_or_refused_and_its_canonical_form_means_the_same(text: str) -> None:
    query = read(text)
    if query is None:
        return
    again = parse(query.canonical)
    assert again.canonical == query.canonical
    assert again.exclude == query.exclude
    assert describe(query)
    first, second = Matcher([query, again]).match(PAPERS)
    assert first == second


@given(TREES)
def test_the_normal_form_finds_what_was_written(text: str) -> None:
    """Against an evaluator of its own: each term asked alone, joined by Python's own operators."""
    query = read(text)
    if query is None:
        return
    terms = ["ti:cats", "abs:cats", "ti:dogs", "upvotes>3", "cats", "dogs", "birds", "cat:cs", "au:choi"]
    plain = text.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    alone = Matcher([parse(term) for term in terms]).hits(PAPERS)
    for number, term in enumerate(terms):
        plain = plain.replace(term, f"T{number}")
    [found] = Matcher([query]).hits(PAPERS)
    for paper in range(len(PAPERS)):
        truth = {f"T{number}": bool(bits.matched >> paper & 1) for number, bits in enumerate(alone)}
        assert bool(found.matched >> paper & 1) == eval(plain, {}, truth)  # noqa: PGH001 - words we wrote


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 2000, "(a OR " * 300, "NOT " * 480 + "a", "-" * 1999, '"' * 2000, "a|" * 900, "ti:" * 600, "[ti]" * 400),
        *("a AND (b OR " * 15 + "c" + ")" * 15, "(((a OR b) AND c) OR d) AND " * 70 + "e", "upvotes>" * 240),
        *(" OR ".join(f"(a{n} AND b{n % 7} AND c{n % 3})" for n in range(21)), "a*" * 900, "upvotes" + " " * 1900),
        *("title" + " " * 1900 + ":", "a" + " [" * 900, "%28" * 600, "%" * 1999, "au:" + "a-" * 900, "cat:" + "a." * 900),
    ],
)  # fmt: skip
def test_hostile_strings_are_answered_quickly(text: str) -> None:
    begun = time.process_time()
    read(text)
    assert time.process_time() - begun < 0.2


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_all_real_queries_are_understood_but_the_one_that_asks_for_dates() -> None:
    refused = []
    for line in REAL.read_text(encoding="utf-8").splitlines():
        query = read(line)
        if query is None:
            refused.append(line)
        else:
            assert parse(query.canonical).canonical == query.canonical
            assert not query.exclude
    assert [line[:40] for line in refused] == ['au:"Geoffrey Hinton" AND cat:stat.ML AND']
