"""The search against matching itself: whatever the one finds the other finds too, on both databases."""

import gzip
import json
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text
from sqlmodel import Session, col, select

from digest.database import read_session, write_session
from digest.database.models import Paper
from digest.matching import Matcher, PaperDocument, Query, parse
from digest.papers import MAX_PAPER_ID, search_papers, store_listings, update_index
from digest.papers.documents import load_documents
from digest.papers.fulltext_terms import AllOf, SearchExpression, SearchTerm, index_terms, search_expression
from tests.support.factories import NOW, paper

REAL = Path(__file__).parents[4] / "shared/data"

OWN = (
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
    *("cat:cs.CL", "cat:cs.*", "cat:cs", "cat:stat.ML AND llm"),
)


def holds(part: SearchExpression | None, known: set[str]) -> bool:
    """What the index would say, without one."""
    if isinstance(part, SearchTerm):
        return any(word.startswith(part.text) for word in known) if part.is_prefix else part.text in known
    if isinstance(part, AllOf):
        return all(holds(each, known) for each in part.parts)
    return part is None or any(holds(each, known) for each in part.parts)


def keep(store: Engine, found: list[Paper]) -> None:
    with write_session(store) as session:
        session.add_all(found)
        session.flush()
        update_index(session, 10**6)


def own_papers() -> list[Paper]:
    people = (["Geoffrey E. Hinton"], ["Li Fei-Fei", "Yejin Choi"], ["Hinton, G."])
    groups = (["cs.CL"], ["stat.ML", "cs.AI"], ["math.CO"])
    return [
        paper(
            title=title,
            abstract=abstract,
            authors=people[number % 3],
            categories=groups[number % 3],
            organization="A lab" if number % 2 else None,
            upvotes=number,
            code_url="https://example.org/code" if number % 4 == 0 else None,
        )
        for number, (title, abstract) in enumerate(OWN)
    ]


def searched(session: Session, query: Query, most: int = 10) -> list[int]:
    """All pages, one after the other."""
    found: list[int] = []
    below: int | None = MAX_PAPER_ID
    while below:
        page = search_papers(session, query, below, limit=most)
        found += [int(each.id or 0) for each in page.papers]
        below = page.next_before_id
    return found


def matched(session: Session, query: Query) -> list[int]:
    """What matching finds in every paper there is."""
    documents = load_documents(session, [int(each or 0) for each in session.exec(select(Paper.id)).all()])
    hits = {hit.document for hit in Matcher([query]).match(documents)[0]}
    return sorted((each.id for n, each in enumerate(documents) if (n in hits) != query.exclude), reverse=True)


def test_a_search_finds_what_matching_finds_the_newest_first(store: Engine) -> None:
    keep(store, own_papers())
    some = 0
    with read_session(store) as session:
        for keyword in KEYWORDS:
            query = parse(keyword)
            assert searched(session, query, most=2) == matched(session, query), keyword
            some += bool(searched(session, query))
    assert some > len(KEYWORDS) * 0.8


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_the_index_has_all_that_matching_finds(keyword: str) -> None:
    query = parse(keyword)
    documents = [PaperDocument.from_paper(each, ("arxiv",)) for each in own_papers()]
    wanted = search_expression(query.root)
    for hit in Matcher([query]).match(documents)[0]:
        assert holds(wanted, index_terms(documents[hit.document])) or query.exclude


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


def joined(pieces: list[tuple[str, str]]) -> str:
    return "".join(gap + piece for piece, gap in pieces)


TEXT = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), min_size=1, max_size=6).map(joined)


@given(text=TEXT, data=st.data())
def test_no_phrase_that_matches_is_lost(text: str, data: st.DataObject) -> None:
    """Pieces of a text asked for with other gaps, in quotes, or with a star."""
    from digest.errors import QueryError

    asked_for = data.draw(TEXT | st.just(text))
    line = data.draw(st.sampled_from(["{}", '"{}"', "{}*"])).format(asked_for.strip(" ,-/$\u2019"))
    try:
        query = parse(line)
    except QueryError:
        return
    document = PaperDocument(1, text, "")
    if Matcher([query]).match([document])[0]:
        assert holds(search_expression(query.root), index_terms(document)), line


@lru_cache
def corpus(size: int) -> tuple[dict[str, object], ...]:
    with gzip.open(REAL / "corpus/arxiv_papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for _, line in zip(range(size), lines, strict=False))


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_in_real_papers_a_search_finds_what_matching_finds(store: Engine) -> None:
    rows = [
        paper(title=each["title"], abstract=each["abstract"], authors=each["authors"] or []).model_dump(exclude={"id"})
        for each in corpus(1500)
    ]
    with write_session(store) as session:
        session.execute(insert(Paper), rows)
        assert update_index(session, 10**6) == len(rows)
    asked_for = [
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
        queries = [parse(each) for each in asked_for]
        documents = load_documents(session, [int(each or 0) for each in session.exec(select(Paper.id)).all()])
        for query, hits in zip(queries, Matcher(queries).match(documents), strict=True):
            expected = sorted((documents[hit.document].id for hit in hits), reverse=True)
            assert searched(session, query, most=100) == expected, query.text


def test_a_paper_is_found_before_it_is_indexed_and_after_its_words_changed(store: Engine) -> None:
    with write_session(store) as session:
        session.add(one := paper(title="Old words"))
        session.flush()
        assert searched(session, parse("old word")) == [one.id]
        for number in range(3):
            assert update_index(session, 10) == 1
            one.title, one.is_indexed = f"New words {number}", False
            session.flush()
        update_index(session, 10)
        assert update_index(session, 10) == 0
        assert searched(session, parse("new word"), most=1) == [one.id]
        assert searched(session, parse("old word")) == []


def test_what_a_source_changes_is_indexed_anew(store: Engine) -> None:
    from digest.sources import ListedPaper

    def listed(title: str, version: int) -> ListedPaper:
        return ListedPaper(
            source="arxiv", list_day=NOW.date(), rank=1, title=title, abstract="Told.", arxiv_id="2607.00001",
            version=version, url="https://arxiv.org/abs/2607.00001", kind="new",
        )  # fmt: skip

    with write_session(store) as session:
        store_listings(session, [listed("The first title", 1)], NOW)
        assert update_index(session, 10) == 1
        store_listings(session, [listed("The first title", 1)], NOW)
        assert update_index(session, 10) == 0
        store_listings(session, [listed("A better heading", 2)], NOW)
        assert update_index(session, 10) == 1
        assert len(searched(session, parse("better heading"))) == 1


def test_a_page_costs_a_bounded_number_of_papers_and_says_so(store: Engine) -> None:
    keep(store, [paper(title=f"Robots {n}", upvotes=9 if n == 0 else 1) for n in range(60)])
    with read_session(store) as session:
        page = search_papers(session, parse("upvotes>5"), limit=5, scan_limit=20)
        assert (page.papers, page.scanned_count, page.is_truncated) == ((), 20, True)
        assert page.next_before_id
        rest = search_papers(session, parse("upvotes>5"), page.next_before_id, limit=5)
        assert ([each.title for each in rest.papers], rest.next_before_id, rest.is_truncated) == (
            ["Robots 0"],
            None,
            False,
        )


def test_the_index_is_used(store: Engine) -> None:
    keep(store, [paper(title="Robots"), *(paper(title=f"Proteins {n}") for n in range(50))])
    with read_session(store) as session:
        assert search_papers(session, parse("robot"), limit=5).scanned_count == 1


def test_an_entry_of_a_paper_is_gone_with_it_from_what_is_found(store: Engine) -> None:
    keep(store, [paper(title="Robots")])
    with write_session(store) as session:
        session.execute(text("DELETE FROM paper"))
        assert searched(session, parse("robot")) == []
        assert session.exec(select(col(Paper.id))).all() == []
