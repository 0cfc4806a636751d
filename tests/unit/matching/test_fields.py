"""Conditions on metadata, acronyms that a paper defines, and why a query with operators matched."""

import re

import pytest

from digest.errors import QueryError
from digest.matching import (
    KeywordInput,
    Matcher,
    PaperDocument,
    QueryLimits,
    Span,
    explain,
    parse,
    parse_canonical,
    restrict_to_sources,
)

PAPER = PaperDocument(
    0,
    "Cats",
    "On dogs",
    authors=("Yejin Choi", "Geoffrey E. Hinton", "Adrian Del Maestro", "Fei-Fei Li", "Ludwig Müller", "李明"),
    categories=("cs.CL", "stat.ML", "astro-ph.GA"),
    sources=("huggingface",),
    organization="Google DeepMind",
    upvotes=20,
    code_url="https://github.com/x/y",
    subjects=("Diabetes Mellitus, Type 2", "Alzheimer Disease"),
    journal="The Lancet. Oncology (London, England)",
    arxiv_id="2401.01234",
    doi="10.1016/S0140-6736(20)30183-5",
)


def finds(query: str, paper: PaperDocument = PAPER) -> bool:
    return bool(Matcher([parse(query)]).match([paper])[0])


@pytest.mark.parametrize(
    "query",
    [
        *("author:choi", 'author:"Yejin Choi"', "au:yejin_choi", 'au:"Choi, Yejin"', 'au:"Y. Choi"', "au:choi_y"),
        *('au:"Geoffrey Hinton"', 'au:"G Hinton"', 'au:"G. E. Hinton"', 'au:"Hinton GE"', "au:hinton_g", "au:Hinton"),
        *("au:del_maestro", 'au:"Del Maestro"', 'au:"fei fei li"', "au:fei-fei", 'au:"Feifei Li"', "au:muller"),
        *("au:李明", "cat:cs.CL", "cat:cs.*", "cat:cs", "cat:cs.C*", "category:astro-ph", "cat:stat.ml"),
        *("source:huggingface", 'source:"Hugging Face"', "org:deepmind", 'org:"google deepmind"', "org:deep-mind"),
        *("upvotes>19", "upvotes>=20", "upvotes=20", "upvotes<=20", "upvotes<21", "has:code"),
        *("subject:alzheimer", "subject:alzheimer diseases", '"Diabetes Mellitus, Type 2"[mesh]', "subject:cs.CL"),
        *("subject:diabet*", "subject:(cats OR alzheimer disease)", "journal:lancet oncology", "Lancet*[ta]"),
        *('journal:"The Lancet. Oncology"', "journal:Lancet*", "doi:10.1016/S0140-6736(20)30183-5", "doi:10.1016"),
        *("(birds AND cats) OR (cats AND doi:https://doi.org/10.1016/s0140-6736(20)30183-5)", "doi:10.1016/s0140*"),
        *("doi:10.48550/arXiv.2401.01234v2", "doi:10.48550", "kind:paper", "cats ANDNOT kind:editorial"),
        *("source:(arxiv OR huggingface)", "dogs ANDNOT journal:nature", "cats AND (kind:paper OR kind:editorial)"),
        *("cats AND au:choi AND cat:cs.CL ANDNOT au:bansal", "title:cats AND org:google", "dogs AND NOT source:arxiv"),
    ],
)
def test_a_paper_is_found_by_its_metadata(query: str) -> None:
    assert finds(query)


@pytest.mark.parametrize(
    "query",
    [
        *("author:cho", 'author:"Choi Hinton"', 'au:"Yejin Hinton"', 'au:"J Choi"', 'au:"Geoffrey F. Hinton"'),
        *("au:maestros", "au:cats", "au:王", 'au:"Yejin Choi Li"'),
        *("cat:cs.CV", "cat:math", "cat:astro", "cat:CL"),
        *("subject:cats", '"Diabetes Mellitus"[ti]', 'subject:"alzheimer diseases"', "subject:type 2 alzheimer"),
        *("journal:lancet", "journal:oncology", "journal:lancet oncologies", "alzheimer", "lancet oncology"),
        *("doi:10.1016/S0140-6736(20)30183", "doi:10.1015/x OR doi:10.1017", "doi:10.48550/arXiv.2401.01235"),
        *("kind:editorial", "cats AND kind:editorial", "NOT subject:alzheimer disease"),
        *("source:arxiv", "org:mind", "org:cats", "google", "choi"),
        *("upvotes>20", "upvotes<20", "upvotes=2", "NOT has:code", "cats ANDNOT au:choi"),
    ],
)
def test_a_paper_is_not_found_by_other_metadata(query: str) -> None:
    assert not finds(query)


def test_an_initial_in_a_listing_names_no_one_in_particular() -> None:
    paper = PaperDocument(0, "Cats", authors=("Y. Choi",))
    assert finds('au:"Y Choi"', paper)
    assert finds("au:choi", paper)
    assert not finds('au:"Yejin Choi"', paper)


def test_a_middle_initial_may_be_missing_in_the_listing() -> None:
    assert finds('au:"Geoffrey E. Hinton"', PaperDocument(0, "", authors=("Geoffrey Hinton",)))
    assert not finds('au:"Geoffrey E. Hinton"', PaperDocument(0, "", authors=("Geoffrey Frank Hinton",)))
    assert not finds('au:"Geoffrey E. Hinton"', PaperDocument(0, "", authors=("Geoffrey", "Hinton")))


def test_a_paper_without_votes_matches_no_number_of_them() -> None:
    unknown = PaperDocument(0, "Cats")
    assert not finds("upvotes<5", unknown)
    assert not finds("upvotes>=0", unknown)
    assert finds("cats ANDNOT upvotes>=0", unknown)


def test_many_terms_are_distinguished() -> None:
    queries = [parse(f"au:name{n}") for n in range(50)] + [parse(f"cat:a{n}.*") for n in range(50)]
    papers = [PaperDocument(n, "", authors=(f"Ann Name{n}",), categories=(f"a{n}.XY",)) for n in range(50)]
    hits = Matcher(queries).match(papers)
    assert [[hit.document for hit in row] for row in hits] == [[n] for n in [*range(50), *range(50)]]


RAG = "We use retrieval-augmented generation (RAG) for cats."


@pytest.mark.parametrize(
    ("title", "abstract", "query", "matches"),
    [
        ("Cheap RAG", RAG, "title:retrieval augmented generation", True),
        ("Retrieval augmented generation, cheaply", RAG, "title:rag", True),
        ("Quick zonal rendering, cheaply", "Nothing.", "qzr", False),
        ("Cheap QZR", "Nothing.", "quick zonal rendering", False),
        ("RAG (retrieval-augmented generation)", "Our RAG.", "abstract:retrieval augmented generation", True),
        ("Cheap LLMs", "Large language models (LLMs) are large.", "title:large language model", True),
        ("An LLM", "Large language models (LLMs) are large.", "title:large language models", True),
        ("Rlhf", "Learning from human feedback (LHF)", "ti:learning from human feedback", False),
        ("LHF", "Learning from human feedback (LHF)", "ti:learning from human feedback", True),
        ("T2I", "text-to-image (T2I) cats", "title:text to image", True),
        ("CoT", "Chain-of-thought (CoT) cats", "title:chain of thought", True),
        ("LM", "We want large red models (LM)", "title:large red models", False),
        ("SA", "Of systems. Agents (SA)", "title:systems agents", False),
        ("Cheap rag", RAG, "title:retrieval augmented generation", False),
        ("Cheap RAG", RAG, 'title:"retrieval augmented generation"', False),
        ("FIG", "in the big figure (FIG)", "title:big figure", False),
        ("The US", "we (US) saw, as they did", "title:we", False),
    ],
)  # fmt: skip
def test_an_acronym_and_its_long_form_are_the_same_in_a_paper_that_defines_it(
    title: str, abstract: str, query: str, matches: bool
) -> None:
    assert finds(query, PaperDocument(0, title, abstract)) is matches


def test_the_other_form_is_highlighted_where_it_stands() -> None:
    title, abstract = "Cheap RAG", RAG
    explanation = explain([parse("retrieval augmented generation"), parse("rag")], PaperDocument(0, title, abstract))
    assert [title[span.start : span.end] for span in explanation.title] == ["RAG"]
    assert [abstract[span.start : span.end] for span in explanation.abstract] == [
        "retrieval-augmented generation",
        "RAG",
    ]
    assert explanation.describe_location(0) == explanation.describe_location(1) == "title and abstract"


def test_only_what_makes_a_query_match_is_highlighted() -> None:
    paper = PaperDocument(0, "Cats and dogs", "Birds and ants", authors=("Yejin Choi",))
    queries = [
        parse("cats ANDNOT fish"),
        parse("(dogs AND fish) OR birds"),
        parse("fish AND ants"),
        parse("-cats"),
        parse("title:dogs AND abstract:ants"),
        parse("NOT (dogs AND fish)"),
    ]
    explanation = explain(queries, paper)
    assert explanation.title == (Span(0, 4, 0), Span(9, 13, 4))
    assert explanation.abstract == (Span(0, 5, 1), Span(10, 14, 4))
    assert explanation.queries == (0, 1, 4, 5)
    assert explanation.describe_location(4) == "title and abstract"
    assert explanation.describe_location(5) == "listing"


def test_authors_and_categories_are_locations_without_spans() -> None:
    queries = ["au:choi", "cat:cs.CL AND cats", "has:code", "cats AND dogs AND au:choi AND cat:cs.CL AND upvotes>3"]
    explanation = explain([parse(query) for query in [*queries, "org:google", "dogs AND source:arxiv"]], PAPER)
    assert [explanation.describe_location(query) for query in explanation.queries] == [
        "author",
        "title and category",
        "listing",
        "title, abstract, author, category and listing",
        "listing",
    ]
    assert explanation.title == (Span(0, 4, 1),)


QUERIES = [
    *("cats", "cats AND dogs", "dogs ANDNOT cats", "title:dogs OR birds", "NOT birds", "(cats OR dogs) AND NOT birds"),
    *("au:choi", "au:choi AND cats", "upvotes>5 OR birds", "cat:cs.* AND NOT title:cats", "pre* AND dogs"),
]
PAPERS = [
    PaperDocument(0, title, abstract, authors=authors, categories=("cs.CL",) if authors else (), upvotes=upvotes)
    for title in ("Cats", "Dogs", "Prelude")
    for abstract in ("Birds", "Dogs and cats", "Cats, dogs, cats", "")
    for authors in ((), ("Yejin Choi",))
    for upvotes in (None, 9)
]


def test_explaining_agrees_with_matching() -> None:
    queries = [parse(query) for query in QUERIES]
    hits = Matcher(queries).match(PAPERS)
    for number, paper in enumerate(PAPERS):
        matched = tuple(query for query, row in enumerate(hits) if any(hit.document == number for hit in row))
        explanation = explain(queries, paper)
        assert explanation.queries == matched
        in_title = {query for query, row in enumerate(hits) for hit in row if hit.document == number and hit.in_title}
        assert in_title <= set(explanation.in_title)
        about = {query for query, row in enumerate(hits) for hit in row if hit.document == number and hit.is_about}
        assert set(explanation.in_passing) == set(matched) - about


def test_editorials_are_found_only_by_keywords_that_ask_for_them() -> None:
    editorial, paper = PaperDocument(0, "Cats", kind="editorial"), PaperDocument(1, "Cats and dogs")
    found = {
        "cats": [1],
        "NOT birds": [1],
        "cats OR dogs": [1],
        "kind:editorial": [0],
        "kind:editorials AND cats": [0],
        "cats ANDNOT kind:paper": [0],
        "cats ANDNOT kind:editorial": [1],
        "kind:paper": [1],
        "birds OR kind:editorial": [0],
        "cats AND (kind:paper OR kind:editorial)": [0, 1],
        "cats OR (cats AND kind:editorial)": [0, 1],
        "-cats": [0, 1],
        "-kind:editorial": [0],
    }
    for keyword, numbers in found.items():
        query = parse_canonical(parse(keyword).canonical)
        assert [hit.document for hit in Matcher([query]).match([editorial, paper])[0]] == numbers, keyword
        explained = [document.id for document in (editorial, paper) if explain([query], document).queries]
        assert explained == ([] if query.exclude else numbers), keyword


def test_an_unknown_source_is_answered_with_the_known_ones() -> None:
    limits = QueryLimits(list_sources=lambda: ("arxiv", "acs-catalysis", "huggingface"))
    for known in ("source:acs-catalysis", 'source:"Hugging Face" OR source:arXiv', "-source:arxiv", "cats"):
        parse(known, limits)
    with pytest.raises(QueryError) as error:
        parse("cats AND source:jacs", limits)
    assert error.value.args[0] == (
        "There is no source of this name. Use source:arxiv, source:acs-catalysis or source:huggingface."
    )
    assert error.value.position == 17
    assert parse_canonical("source:jacs").canonical == "source:jacs"


@pytest.mark.parametrize(
    ("keyword", "message"),
    [
        ("kind:review", "Only kind:paper and kind:editorial are supported"),
        ("kind:", "for example kind:editorial."),
        ("cats journal:Nature", "for example robot AND journal:Nature."),
        ("doi:cats", "This is not a DOI."),
        ('doi:"10.1038/x cats"', "This is not a DOI."),
        ("journal:*", "This is not the name of a journal"),
        ("journal:a*b", "This is not the name of a journal"),
        ("venue:nips", "Use title:, abstract:, author:, category:, subject:, journal:, doi:, source:, kind:"),
    ],
)
def test_what_has_no_meaning_in_a_field_is_answered(keyword: str, message: str) -> None:
    with pytest.raises(QueryError, match=re.escape(message)):
        parse(keyword)


def test_a_keyword_is_restricted_to_sources() -> None:
    papers = [
        PaperDocument(n, "Cats", sources=names) for n, names in enumerate([("arxiv",), ("acs", "arxiv"), ("acs",)])
    ]

    def found(keyword: str, *sources: str) -> list[int]:
        restricted = restrict_to_sources(KeywordInput.from_query(parse(keyword)), sources)
        assert restricted.text == keyword
        return [hit.document for hit in Matcher([parse_canonical(restricted.canonical)]).match(papers)[0]]

    assert found("cats") == [0, 1, 2]
    assert found("cats OR dogs", "acs") == [1, 2]
    assert found("cats", "acs", "pubmed", "arxiv") == [0, 1, 2]
    assert found("cats AND NOT source:arxiv", "acs", "arxiv") == [2]
    assert found("NOT source:arxiv", "arxiv") == found("cats", "pubmed") == []
    assert found("-cats", "acs") == [0, 1, 2]
