"""AND, OR, NOT, parentheses, fields, prefixes, exclusions: their meaning, and the positions of errors."""

import pytest

from digest.errors import QueryError
from digest.matching import Matcher, PaperDocument, QueryLimits, parse


def finds(query: str, document: PaperDocument | str) -> bool:
    paper = PaperDocument(0, document) if isinstance(document, str) else document
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
        ["au:del_maestro", 'author:"Del Maestro"', "author:del maestro"],
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
        ["cat:cs.CL", "cat:cs", "cat:cs.C*", '"cat:cs.CL"'],
    ],
)
def test_different_meanings_have_different_canonical_forms(different: list[str]) -> None:
    assert len({parse(text).canonical for text in different}) == len(different)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("cats AND", 6, 'missing after AND. To search for the word itself, write "AND".'),
        ("OR dogs", 1, "missing before OR"),
        ("cats AND OR dogs", 6, "missing after AND"),
        ("cats AND (dogs OR )", 16, "missing after OR"),
        ("NOT", 1, "missing after NOT"),
        ("ANDNOT cats", 1, "missing before ANDNOT"),
        ("cats AND ()", 10, "no letter"),
        ("cats (dogs OR birds)", 6, "AND or OR is missing here"),
        ('"cats" "dogs"', 8, "next to a quoted phrase needs AND or OR"),
        ("(cats OR dogs) birds", 16, "AND or OR is missing here"),
        ("cats title:dogs", 6, "missing before title:, for example robot AND title:cats"),
        ("cats upvotes>3", 6, "AND or OR is missing"),
        ("cats|dogs", 5, "Write OR between"),
        ("cats AND (dogs", 10, "parenthesis is not closed"),
        ("cats AND dogs)", 14, "no matching ("),
        ('cats AND "dogs', 10, "quotation mark is not closed"),
        ("title:", 1, "for example title:cats"),
        ("title: OR cats", 1, "for example title:cats"),
        ("ti:abs:cats", 1, "for example ti:cats"),
        ("submittedDate:[2020 TO 2021]", 1, "Dates cannot be searched"),
        ("cats AND year:2024", 10, "Dates cannot be searched"),
        ("cats AND jr:nature", 10, "Use title:, abstract:"),
        ("cats[majr]", 5, "PubMed"),
        ("ti:cats[ab]", 8, "named twice"),
        ("(cats OR dogs)[ti]", 15, "follow a word or a phrase directly"),
        ("upvotes>many", 1, "Write a number"),
        ("cats AND upvotes>", 10, "Write a number"),
        ("upvotes>9999999999", 1, "Write a number"),
        ("upvotes:20", 1, "Only upvotes can be compared"),
        ("stars>5", 1, "Only upvotes can be compared"),
        ("has:data", 5, "Only has:code"),
        ("cat:cs.CL, cs.LG", 10, "Write each keyword on a line"),
        ("cat:*", 5, "cs.CL"),
        ("source:\u732b", 8, "source:arxiv"),
        ("author:...", 8, "name"),
        ("author:cho*", 11, "cannot contain *"),
        ("pretrain*, model", 10, "Write each keyword on a line of its own"),
        ("*cats", 1, "Put * directly after"),
        ("cats AND abc*d", 13, "Put * directly after"),
        ("do*", 3, "At least 3 letters"),
        ("-cats OR dogs", 7, "start of the line excludes one phrase only"),
        ("-cats -dogs", 7, "one phrase only"),
        ("cats -dogs birds", 12, "one word only"),
        ("--cats", 1, "Use one plain hyphen"),
        ("cats \u2014dogs", 6, "Use one plain hyphen"),
        ("cats ANDNOT cats", 1, "no paper can match"),
        ("cats OR NOT cats", 1, "every paper would match"),
        ("cats AND " + "x" * 201, 210, "at most 200 characters"),
        ("(" * 17 + "cats OR dogs" + ")" * 17, 17, "at most 16"),
        (" OR ".join(f"w{n}" for n in range(65)), 439, "at most 64"),
        ("x AND " * 400 + "x", 2001, "at most 2,000 characters"),
    ],
)  # fmt: skip
def test_a_syntax_error_names_its_position(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError) as error:
        parse(text)
    assert message in str(error.value)
    assert error.value.position == position


def test_a_query_beyond_the_limits_is_refused() -> None:
    limits = QueryLimits(characters=20, terms=2, nesting=1)
    assert parse("(cats OR dogs)", limits).canonical == "cat OR dog"
    for text in ("cats OR dogs OR ants", "((cats OR dogs))", "c" * 21):
        with pytest.raises(QueryError, match="at most"):
            parse(text, limits)


@pytest.mark.parametrize(
    ("query", "matching", "others"),
    [
        ("cats OR dogs AND birds", ["cats", "dogs and birds"], ["dogs", "birds"]),
        ("(cats OR dogs) AND birds", ["a bird and a cat"], ["cats", "birds"]),
        ("NOT cats AND dogs", ["dogs"], ["cats and dogs", "birds"]),
        ("big cats AND dogs", ["dogs like big cats"], ["cats and big dogs"]),
        ('"big cat" OR dogs', ["A big cat"], ["Big cats"]),
        ("(nervous) system AND cats", ["cats' nervous systems"], ["a system of nervous cats"]),
        ("pretrain*", ["pretraining", "Pre-trained", "pretrain", "pre training"], ["trained", "pre, training"]),
        ("neural net* pruning", ["neural networks pruning", "neural-net pruning"], ["neural net", "net pruning"]),
        ("mult* net* prun*", ["multiple networks pruned", "multi nets, or multi-net pruning"], ["multi net work"]),
        ("language model*", ["language modelling", "languages, language models"], ["model language", "language"]),
        ("agenc*", ["agencies", "agency"], ["agent"]),
        ("state of the art*", ["state-of-the-artist"], ["the art of state"]),
        ("k-means*", ["k-meanshift", "kmeans"], ["k mean"]),
        ("cats and not", ["cats and not"], ["cats"]),
    ],
)
def test_operators_parentheses_and_prefixes(query: str, matching: list[str], others: list[str]) -> None:
    assert [text for text in matching if not finds(query, text)] == []
    assert [text for text in others if finds(query, text)] == []


def test_operands_of_and_may_stand_in_two_texts_but_a_phrase_may_not() -> None:
    paper = PaperDocument(0, "On big", "cats and dogs")
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
        PaperDocument(0, "Cats", "dogs", categories=("cs.CL",)),
        PaperDocument(1, "Cats and dogs", "", categories=("cs.CL",)),
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
