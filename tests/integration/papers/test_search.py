"""Search finds exactly what matching finds, on both databases."""

import gzip
import json
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text
from sqlmodel import Session, col, select

from digest.database import read_session, write_session
from digest.database.models import Paper
from digest.matching import Matcher, PaperDocument, Query, parse
from digest.papers import (
    SearchOrder,
    SearchPage,
    SearchRequest,
    count_by_list_day,
    search_papers,
    store_listings,
    update_index,
)
from digest.papers.documents import load_documents
from digest.papers.search.index_terms import AllOf, SearchExpression, SearchTerm, index_terms, search_expression
from tests.support.factories import NOW, TODAY, listing, paper

SHARED_DATA = Path(__file__).parents[4] / "shared/data"

TEXTS = (
    ("Fine-tuning large language models", "We fine tune LLMs."),
    ("Finetuning and pre-training", "Multi-agent systems; a multiagent game, in-context."),
    ("Retrieval-augmented generation (RAG)", "RAG helps. Its rag does not."),
    ("TÜLU 3 and the $k$-means of $k$means", "A C++ library, PointNet++, GPT-4o, Qwen2.5 and 3.1 models. It's theirs."),
    ("Learning R in R-CNN", "We use R, not p(R). GPs and GPS; Gaussian processes (GPs)."),
    ("深層学習の応用", "日本語の文章。 Ключ и слово. हिन्दी भाषा"),
    ("Matrices, mice and men's models", "Attention is all you need, need you all."),
    ("Text-to-image: a survey of mice", "From text to image. Models' faces, men\u2019s, criteria; don't."),
    ("Vision", "language model: not a phrase over punctuation"),
    ("", "an empty title, and a very long wordwordwordwordwordwordwordwordword"),
    ("State-of-the-art A* search", "A* and Q* and C# in k-NN, T5 with 3D, e.g. U-Net."),
)
KEYWORDS = (
    *("fine tuning", "finetuning", "fine-tuning", "fine tune", "llm", "large language model", "languagemodel", "rag"),
    *("retrieval augmented generation", "tulu", "k-means", "kmeans", '"kmeans"', '"k means"', "C++", "PointNet", "R"),
    *('"in context"', '"in-context"', "in context", "multiagent", "multi agent", "gp", "GPs", '"gps"', '"GP"', "GPS"),
    *("pretrain*", "pre train*", "large language mod*", "mice*", "men*", "language models*", "faces*", "criteria*"),
    *("深層学習", "学習", "日本", "слово", "हिन्दी", "model's face", '"don\'t"', "dont", "attention is all you need"),
    *("vision language model", "text to image", "state of the art", "A*", "C#", "k-nn", "unet", "3d", "3.1", "31"),
    *("llm AND rag", "llm OR rag", "llm ANDNOT fine tuning", "NOT llm", "-survey", "(rag OR mice) AND model"),
    *("title:rag", "abstract:rag", "gaussian process", "processes", "wordwordword*", "Qwen2.5", "gpt-4o", "It's"),
    *('"men\'s models"', '"Models\' faces"', "mouse", "mouse*", "org:lab", "upvotes>3", "has:code", "source:arxiv"),
    *("author:hinton", 'author:"Geoffrey Hinton"', 'author:"G. Hinton"', 'author:"Fei-Fei Li"', "author:feifei"),
    *("cat:cs.CL", "cat:cs.*", "cat:cs", "cat:stat.ML AND llm", "kind:editorial", "kind:editorial AND vision"),
    *(
        "subject:diabetes mellitus",
        '"Diabetes Mellitus, Type 2"[mesh]',
        "subject:mellit*",
        "subject:cs.CL",
        "subject:cs",
    ),
    *(
        "journal:nature",
        "journal:nature*",
        'journal:"The Lancet"',
        "doi:10.1038/ABC(1)2;3",
        "doi:10.1038",
        "doi:10.48550",
    ),
    *("doi:10.1038/a*", "doi:10.48550/arxiv.2607.00003", "NOT kind:editorial", "source:arxiv AND journal:nature"),
)


def satisfies(expression: SearchExpression | None, terms: set[str]) -> bool:
    """Evaluate an expression against the terms of a paper, as the index would."""
    if isinstance(expression, SearchTerm):
        is_prefix, text = expression.is_prefix, expression.text
        return any(term.startswith(text) for term in terms) if is_prefix else text in terms
    if isinstance(expression, AllOf):
        return all(satisfies(part, terms) for part in expression.parts)
    return expression is None or any(satisfies(part, terms) for part in expression.parts)


def store_papers(store: Engine, papers: list[Paper]) -> None:
    with write_session(store) as session:
        session.add_all(papers)
        session.flush()
        update_index(session, 10**6)


def sample_papers() -> list[Paper]:
    authors = (["Geoffrey E. Hinton"], ["Li Fei-Fei", "Yejin Choi"], ["Hinton, G."])
    categories = (["cs.CL"], ["stat.ML", "cs.AI"], ["math.CO"])
    return [
        paper(
            title=title,
            abstract=abstract,
            authors=authors[number % 3],
            categories=categories[number % 3],
            organization="A lab" if number % 2 else None,
            upvotes=number,
            code_url="https://example.org/code" if number % 4 == 0 else None,
            subjects=["Diabetes Mellitus, Type 2", "Mice"] if number % 3 == 0 else [],
            journal=("Nature (London)", "The Lancet", "Nature &amp; Cats", None)[number % 4],
            arxiv_id=f"2607.{number:05}",
            doi=None if number % 2 else f"10.1038/abc({number % 3})2;3",
            kind="editorial" if number in {5, 8} else "paper",
        )
        for number, (title, abstract) in enumerate(TEXTS)
    ]


def search_all_pages(session: Session, query: Query, limit: int = 10, **options: Any) -> list[int]:
    ids: list[int] = []
    position: int | None = 0
    while position is not None:
        page = search_papers(session, SearchRequest(query, **options), position, limit=limit)
        ids += [int(found.id or 0) for found in page.papers]
        position = page.next_position
    return ids


def count(page: SearchPage) -> tuple[int, bool, bool]:
    assert page.count
    return page.count.number, page.count.is_exact, page.count.is_minimum


def search(session: Session, keyword: str, **options: Any) -> SearchPage:
    return search_papers(session, SearchRequest(parse(keyword), **options), limit=5)


def match_all_papers(session: Session, query: Query) -> list[int]:
    documents = load_documents(session, [int(paper_id or 0) for paper_id in session.exec(select(Paper.id)).all()])
    hits = {hit.document for hit in Matcher([query]).match(documents)[0]}
    if query.exclude:
        hits = {n for n, document in enumerate(documents) if n not in hits and document.kind == "paper"}
    return sorted((documents[n].id for n in hits), reverse=True)


def test_search_finds_what_matching_finds_the_newest_first(store: Engine) -> None:
    store_papers(store, sample_papers())
    successful = 0
    with read_session(store) as session:
        for keyword in KEYWORDS:
            query = parse(keyword)
            assert search_all_pages(session, query, limit=2) == match_all_papers(session, query), keyword
            successful += bool(search_all_pages(session, query))
    assert successful > len(KEYWORDS) * 0.8


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_the_index_terms_of_a_paper_satisfy_every_query_that_matches_it(keyword: str) -> None:
    query = parse(keyword)
    documents = [PaperDocument.from_paper(row, ("arxiv",)) for row in sample_papers()]
    expression = search_expression(query.root)
    for hit in Matcher([query]).match(documents)[0]:
        assert satisfies(expression, index_terms(documents[hit.document])) or query.exclude


PIECES = (
    "fine",
    "tuning",
    "gps",
    "GPs",
    "mice",
    "Models",
    "model's",
    "a",
    "to",
    "R",
    "k",
    "means",
    "学",
    "習",
    "3",
    "1",
)
GAPS = (" ", "-", "", ", ", "$", " - ", "/", "\u2019")


def join_pieces(pieces: list[tuple[str, str]]) -> str:
    return "".join(gap + piece for piece, gap in pieces)


TEXT = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), min_size=1, max_size=6).map(join_pieces)


@given(text=TEXT, data=st.data())
def test_no_matching_phrase_is_missed_by_the_index(text: str, data: st.DataObject) -> None:
    """Search for pieces of a text with other gaps, in quotes, or as a prefix."""
    from digest.errors import QueryError

    keyword = data.draw(TEXT | st.just(text))
    line = data.draw(st.sampled_from(["{}", '"{}"', "{}*"])).format(keyword.strip(" ,-/$\u2019"))
    try:
        query = parse(line)
    except QueryError:
        return
    document = PaperDocument(1, text, "")
    if Matcher([query]).match([document])[0]:
        assert satisfies(search_expression(query.root), index_terms(document)), line


@lru_cache
def corpus(size: int) -> tuple[dict[str, object], ...]:
    with gzip.open(SHARED_DATA / "corpus/arxiv_papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for _, line in zip(range(size), lines, strict=False))


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="the shared data is not here")
def test_search_finds_what_matching_finds_in_real_papers(store: Engine) -> None:
    rows = [
        paper(title=row["title"], abstract=row["abstract"], authors=row["authors"] or []).model_dump(exclude={"id"})
        for row in corpus(600)
    ]
    with write_session(store) as session:
        session.execute(insert(Paper), rows)
        assert update_index(session, 10**6) == len(rows)
    keywords = [
        *("fine tuning", "finetuning", "rag", "large language model", "vision language model", "text to image", "gan"),
        *(
            "multiagent",
            '"in context"',
            '"state-of-the-art"',
            "pretrain*",
            "reinforcement learn*",
            "graph neural network",
        ),
        *("author:smith", "diffusion model OR transformer", "NOT learning", "attention AND NOT transformer", "k-means"),
    ]
    with read_session(store) as session:
        queries = [parse(keyword) for keyword in keywords]
        documents = load_documents(session, [int(paper_id or 0) for paper_id in session.exec(select(Paper.id)).all()])
        for query, hits in zip(queries, Matcher(queries).match(documents), strict=True):
            expected = sorted((documents[hit.document].id for hit in hits), reverse=True)
            assert search_all_pages(session, query, limit=100) == expected, query.text


def test_a_paper_is_found_before_it_is_indexed_and_after_its_text_changed(store: Engine) -> None:
    with write_session(store) as session:
        session.add(stored := paper(title="Old words"))
        session.flush()
        assert search_all_pages(session, parse("old word")) == [stored.id]
        for number in range(3):
            assert update_index(session, 10) == 1
            stored.title, stored.is_indexed = f"New words {number}", False
            session.flush()
        update_index(session, 10)
        assert update_index(session, 10) == 0
        assert search_all_pages(session, parse("new word"), limit=1) == [stored.id]
        assert search_all_pages(session, parse("old word")) == []


def test_a_changed_text_is_indexed_again(store: Engine) -> None:
    from digest.sources import ListedPaper

    def entry(title: str, version: int) -> ListedPaper:
        return ListedPaper(
            source="arxiv", list_day=NOW.date(), rank=1, title=title, abstract="Told.", arxiv_id="2607.00001",
            version=version, url="https://arxiv.org/abs/2607.00001", kind="new",
        )  # fmt: skip

    with write_session(store) as session:
        store_listings(session, [entry("The first title", 1)], NOW)
        assert update_index(session, 10) == 1
        store_listings(session, [entry("The first title", 1)], NOW)
        assert update_index(session, 10) == 0
        store_listings(session, [entry("A better heading", 2)], NOW)
        assert update_index(session, 10) == 1
        assert len(search_all_pages(session, parse("better heading"))) == 1


def test_a_page_scans_a_limited_number_of_papers(store: Engine) -> None:
    store_papers(store, [paper(title=f"Robots {n}", upvotes=9 if n == 0 else 1) for n in range(60)])
    with read_session(store) as session:
        page = search_papers(session, SearchRequest(parse("upvotes>5")), limit=5, scan_limit=20)
        assert (page.papers, page.scanned_count, page.is_truncated) == ((), 20, True)
        assert page.next_position
        rest = search_papers(session, SearchRequest(parse("upvotes>5")), page.next_position, limit=5)
        assert ([found.title for found in rest.papers], rest.next_position, rest.is_truncated) == (
            ["Robots 0"],
            None,
            False,
        )


def test_the_index_limits_the_papers_scanned(store: Engine) -> None:
    store_papers(store, [paper(title="Robots"), *(paper(title=f"Proteins {n}") for n in range(50))])
    with read_session(store) as session:
        assert search(session, "robot").scanned_count == 1


def test_a_deleted_paper_is_not_found(store: Engine) -> None:
    store_papers(store, [paper(title="Robots")])
    with write_session(store) as session:
        session.execute(text("DELETE FROM paper"))
        assert search_all_pages(session, parse("robot")) == []
        assert session.exec(select(col(Paper.id))).all() == []


def test_the_number_of_results_is_exact_for_few_and_estimated_for_many(store: Engine) -> None:
    store_papers(
        store,
        [
            *(paper(title=f"Walking robots {n}") for n in range(300)),
            *(paper(title=f"Robots? Arms {n}") for n in range(40)),
            *(paper(title="Robots; arms") for _ in range(10)),
        ],
    )
    with read_session(store) as session:
        # The index knows neighbors, not what stands between them: "Robots? Arms" is no phrase.
        assert count(search(session, "robot arm")) == (0, True, False)
        assert count(search(session, "robot AND arm")) == (50, True, False)
        first = search(session, "walking robot")
        assert count(first) == (300, False, False)
        assert search(session, "upvotes>5").count is None
        later = search_papers(session, SearchRequest(parse("walking robot")), first.next_position or 0, limit=5)
        assert (later.count, len(later.papers)) == (None, 5)


def test_results_are_sorted_and_every_page_follows_the_order(store: Engine) -> None:
    upvotes = (3, None, 40, 0, 3, 200, None)
    store_papers(store, [paper(title=f"Robots {n}", upvotes=given) for n, given in enumerate(upvotes)])
    with read_session(store) as session:
        ids = search_all_pages(session, parse("robot"), limit=2, order=SearchOrder.UPVOTES)
        titles = {int(found.id or 0): found.title for found in session.exec(select(Paper)).all()}
    assert [titles[number] for number in ids] == [f"Robots {n}" for n in (5, 2, 4, 0, 3, 6, 1)]


def test_results_are_filtered_by_source_and_day_and_counted_by_day(store: Engine) -> None:
    found = [paper(title=f"Robots {n}") for n in range(4)]
    store_papers(store, found)
    with write_session(store) as session:
        for number, row in enumerate(found):
            session.add(
                listing(row, source=("arxiv", "huggingface")[number % 2], list_day=TODAY - timedelta(days=number))
            )
        session.add(listing(found[0], source="huggingface", list_day=TODAY - timedelta(days=1)))
        session.flush()
        ids = [int(row.id or 0) for row in found]
        assert search_all_pages(session, parse("robot"), source="huggingface") == [ids[3], ids[1], ids[0]]
        assert search_all_pages(session, parse("robot"), since=TODAY - timedelta(days=1)) == [ids[1], ids[0]]
        page = search(session, "robot", source="arxiv", since=TODAY - timedelta(days=1))
        assert [paper.id for paper in page.papers] == [ids[0]]
        assert count(page) == (1, True, False)
        days = [TODAY - timedelta(days=ago) for ago in (2, 1, 0)]
        assert count_by_list_day(session, ids, days) == {days[0]: 1, days[1]: 2}
