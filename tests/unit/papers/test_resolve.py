"""Which paper a listing is: one row whatever names it, links that can be undone, and rows that stay apart."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, SQLModel, col, select

from digest.database import read_session, write_session
from digest.database.models import Listing, Paper, PaperIdentifier, PaperRelation
from digest.errors import UsageError
from digest.identifiers import Identifier, LinkRelation, PaperKind, StatedLink, normalize_identifier
from digest.papers import (
    active_links,
    ambiguous_pairs,
    link_papers,
    papers_listed_after,
    papers_on_day,
    sources_by_paper,
    store_listings,
    trending_papers_after,
    unlink_papers,
)
from digest.papers.ingest import StoreReport
from digest.sources import ListedPaper

DAY = date(2026, 7, 28)
NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)
TITLE = "Dexamethasone in hospitalized patients with a respiratory disease"


def identifier(text: str, scheme: str | None = None) -> Identifier:
    found = normalize_identifier(text, scheme)
    assert found is not None
    return found


def entry(*names: str, source: str = "pubmed", **more: Any) -> ListedPaper:
    usual: dict[str, Any] = {
        "source": source,
        "list_day": DAY,
        "rank": 1,
        "title": TITLE,
        "abstract": "We looked at it closely.",
        "authors": ("Peter Horby", "Wei Shen Lim"),
        "identifiers": tuple(identifier(name) for name in names),
        "url": "https://example.org/1",
        "published_on": date(2026, 7, 1),
    }
    return ListedPaper(**(usual | more))


def store_batch(store: Engine, *entries: ListedPaper, now: datetime = NOW) -> StoreReport:
    with write_session(store) as session:
        return store_listings(session, entries, now)


def rows(session: Session) -> Sequence[Paper]:
    return session.exec(select(Paper).order_by(col(Paper.id))).all()


def links(session: Session) -> list[tuple[int, int | None, str, str]]:
    found = session.exec(select(PaperRelation).order_by(col(PaperRelation.id))).all()
    return [(link.paper_id, link.other_id, link.relation, link.rule) for link in found]


def all_rows(session: Session) -> dict[str, list[Any]]:
    """Return all rows of all tables but that of the links."""
    return {
        table.name: sorted(map(repr, session.connection().execute(table.select()).all()))
        for table in SQLModel.metadata.sorted_tables
        if table.name != "paper_link"
    }


def standing_rows(session: Session) -> list[int | None]:
    return [row.id for row in rows(session) if row.merged_into is None]


# The five pairs of which the rule of before found one.
def test_the_doi_of_datacite_is_the_arxiv_id(store: Engine) -> None:
    store_batch(store, entry(source="datacite", doi="10.48550/arXiv.2607.00001", title="Another heading"))
    store_batch(store, entry(source="arxiv", arxiv_id="2607.00001"))
    with read_session(store) as session:
        (row,) = rows(session)
        assert (row.arxiv_id, row.key) == ("2607.00001", "arxiv:2607.00001")


def test_a_twin_at_openreview_is_one_paper_by_title_and_first_author(store: Engine) -> None:
    store_batch(store, entry("https://openreview.net/forum?id=zzqn5G9fjn", source="openreview", authors=("Horby, P.",)))
    report = store_batch(store, entry(source="arxiv", arxiv_id="2607.00001", title=f"{TITLE.upper()}."))
    assert report.new_count == 1
    with read_session(store) as session:
        first, second = rows(session)
        assert links(session) == [(2, 1, "same", "title")]
        assert (first.merged_into, second.merged_into) == (None, 1)
        assert first.first_listing_id
        assert second.first_listing_id == 0
        assert [row.id for row in papers_listed_after(session, 0)] == [1]
        assert [row.id for row in papers_on_day(session, DAY)] == [1]
        assert sources_by_paper(session, [1]) == {1: ("arxiv", "openreview")}


@pytest.mark.parametrize("article_first", [False, True])
def test_a_preprint_and_its_article_are_linked_by_what_the_server_says(store: Engine, article_first: bool) -> None:
    article = entry("pmid: 32678530", "10.1056/NEJMoa2021436", title="Dexamethasone with Covid-19")
    preprint = entry(
        "10.1101/2020.06.22.20137273v1",
        source="medrxiv",
        title="Effect of dexamethasone: preliminary report",
        authors=("Wei Shen Lim",),
        links=(StatedLink(LinkRelation.PUBLISHED, identifier("10.1056/nejmoa2021436")),),
    )
    store_batch(store, *([article] if article_first else [preprint]))
    with read_session(store) as session:
        assert [link[1] for link in links(session)] == ([] if article_first else [None])
    store_batch(store, *([preprint] if article_first else [article]))
    store_batch(store, preprint, article)
    with read_session(store) as session:
        expected = (2, 1) if article_first else (1, 2)
        assert links(session) == [(*expected, "published", "source")]
        assert [row.merged_into for row in rows(session)] == [None, None]


def test_an_article_may_name_its_preprint(store: Engine) -> None:
    link = StatedLink(LinkRelation.PUBLISHED, identifier("10.1101/2020.06.22.20137273"), is_reversed=True)
    store_batch(store, entry("pmid: 32678530", title="Dexamethasone with Covid-19", links=(link,)))
    store_batch(store, entry("10.1101/2020.06.22.20137273v2", source="medrxiv", title="Preliminary report"))
    with read_session(store) as session:
        assert links(session) == [(2, 1, "published", "source")]


def test_two_rows_become_one_when_an_entry_names_both(store: Engine) -> None:
    store_batch(store, entry("10.1056/NEJMoa2021436", source="jacs", title="A"))
    store_batch(store, entry("pmid: 32678530", title="B"))
    store_batch(store, entry("pmid: 32678530", "10.1056/nejmoa2021436", title="B"))
    with read_session(store) as session:
        assert links(session) == [(2, 1, "same", "identifiers")]
        assert standing_rows(session) == [1]
        assert {row.paper_id for row in session.exec(select(Listing))} == {1, 2}


def test_the_doi_that_arxiv_names_is_that_of_the_published_version(store: Engine) -> None:
    store_batch(store, entry(source="journal", doi="10.5555/ABC", title="In print"))
    store_batch(store, entry(source="arxiv", arxiv_id="2607.00001", doi="10.5555/abc", title="As a preprint"))
    with read_session(store) as session:
        assert [row.doi for row in rows(session)] == ["10.5555/abc", "10.5555/abc"]
        assert links(session) == [(2, 1, "published", "source")]


def test_a_paper_known_by_its_doi_gets_its_arxiv_id_from_an_entry_with_both(store: Engine) -> None:
    store_batch(store, entry("10.5555/ABC", source="journal"))
    store_batch(store, entry("10.5555/abc", "2607.00001", source="s2"))
    store_batch(store, entry(source="arxiv", arxiv_id="2607.00001"))
    with read_session(store) as session:
        (row,) = rows(session)
        assert (row.doi, row.arxiv_id) == ("10.5555/abc", "2607.00001")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(entry("2607.00001"), entry("2607.00002"), id="two arXiv ids"),
        pytest.param(entry("10.5555/a"), entry("10.5555/b"), id="two DOIs"),
        pytest.param(entry("10.1101/571990"), entry("10.1101/571991"), id="two preprints"),
        pytest.param(entry("pmid: 1"), entry("10.5555/a", authors=("Wei Shen Lim",)), id="two first authors"),
        pytest.param(entry("pmid: 1"), entry("10.5555/a", authors=()), id="two articles without authors"),
        pytest.param(
            entry("pmid: 1"), entry("10.5555/a", published_on=date(2024, 1, 1)), id="published in other years"
        ),
        pytest.param(
            entry("pmid: 1", title="Soil Ecology"), entry("10.5555/a", title="Soil Ecology"), id="short titles"
        ),
        pytest.param(
            entry("pmid: 1"), entry("10.5555/a", paper_kind=PaperKind.CORRECTION), id="a notice under its title"
        ),
    ],
)
def test_in_doubt_two_papers_stay_two(store: Engine, first: ListedPaper, second: ListedPaper) -> None:
    store_batch(store, first)
    store_batch(store, second)
    with read_session(store) as session:
        assert (standing_rows(session), links(session)) == ([1, 2], [])


def test_a_third_paper_of_a_title_is_a_paper_of_its_own(store: Engine) -> None:
    store_batch(store, entry("2607.00001"), entry("2607.00002"))
    store_batch(store, entry("https://openreview.net/forum?id=zzqn5G9fjn", source="openreview"))
    with read_session(store) as session:
        assert standing_rows(session) == [1, 2, 3]


def test_a_preprint_without_authors_in_its_feed_is_linked_with_its_article(store: Engine) -> None:
    store_batch(store, entry("2607.00001", source="arxiv"))
    store_batch(store, entry("10.5555/a", source="journal", authors=()))
    with read_session(store) as session:
        assert links(session) == [(1, 2, "published", "title")]


def test_an_entry_that_contradicts_the_row_of_its_identifier_is_a_row_of_its_own(store: Engine) -> None:
    store_batch(store, entry("pmid: 1", "10.5555/a"))
    store_batch(store, entry("pmid: 2", "10.5555/a", title="A letter to it"))
    with read_session(store) as session:
        assert standing_rows(session) == [1, 2]
        owners = session.exec(select(PaperIdentifier.value, PaperIdentifier.paper_id)).all()
        assert set(owners) == {("1", 1), ("10.5555/a", 1), ("2", 2)}


def test_versions_of_a_preprint_are_one_row(store: Engine) -> None:
    store_batch(store, entry("10.26434/chemrxiv.15001234/v1"), entry("10.26434/chemrxiv.15001234/v2", title="Revised"))
    with read_session(store) as session:
        assert len(rows(session)) == 1


def test_ids_of_aggregators_join_nothing(store: Engine) -> None:
    same = Identifier("s2", "CorpusId:7")
    store_batch(store, entry(identifiers=(same, identifier("2607.00001"))))
    store_batch(store, entry(identifiers=(same, identifier("2607.00002")), title="Something else"))
    with read_session(store) as session:
        assert standing_rows(session) == [1, 2]


def test_the_row_that_stands_takes_over_a_sounder_text_and_what_it_lacks(store: Engine) -> None:
    store_batch(store, entry("https://openreview.net/forum?id=zzqn5G9fjn", source="openreview", abstract=""))
    store_batch(store, entry(source="huggingface", arxiv_id="2607.00001", upvotes=7, code_url="https://example.org/c"))
    with write_session(store) as session:
        first, _ = rows(session)
        assert (first.abstract, first.upvotes, first.code_url) == (
            "We looked at it closely.",
            7,
            "https://example.org/c",
        )
        assert [(number, paper.id) for number, paper in trending_papers_after(session, 0)] == [(2, 1)]
        (link,) = active_links(session)
        unlink_papers(session, int(link.id or 0), NOW)
    with read_session(store) as session:
        first, second = rows(session)
        assert (first.abstract, first.upvotes, first.code_url, second.upvotes) == ("", None, None, 7)


def test_counts_that_change_later_are_those_of_the_row_that_stands(store: Engine) -> None:
    store_batch(store, entry("https://openreview.net/forum?id=zzqn5G9fjn", source="openreview"))
    for upvotes in (7, 9):
        store_batch(store, entry(source="huggingface", arxiv_id="2607.00001", upvotes=upvotes))
    with read_session(store) as session:
        assert [row.upvotes for row in rows(session)] == [9, 9]


def test_linking_and_unlinking_leaves_all_rows_as_they_were(store: Engine) -> None:
    store_batch(store, entry("10.5555/a"), entry("10.5555/b", title="B"), entry("pmid: 3", title="C"))
    with read_session(store) as session:
        before = all_rows(session)
    with write_session(store) as session:
        link_papers(session, 2, 3, LinkRelation.SAME, NOW)
    with write_session(store) as session:
        link = link_papers(session, 3, 1, LinkRelation.SAME, NOW)
        assert [row.merged_into for row in rows(session)] == [None, 1, 1]  # never a chain
        number = int(link.id or 0)
    with write_session(store) as session:
        unlink_papers(session, number, NOW)
        assert [row.merged_into for row in rows(session)] == [None, None, 2]
        unlink_papers(session, 1, NOW)
    with read_session(store) as session:
        assert all_rows(session) == before
        assert active_links(session) == []


def test_what_was_undone_is_not_linked_again(store: Engine) -> None:
    store_batch(store, entry("10.5555/a", title="A"), entry("pmid: 2", title="B"))
    both = entry("pmid: 2", "10.5555/a", title="B")
    store_batch(store, both)
    with write_session(store) as session:
        unlink_papers(session, 1, NOW)
    store_batch(store, both)
    with read_session(store) as session:
        assert standing_rows(session) == [1, 2]


def test_undoing_a_title_undoes_the_later_links_by_it_and_makes_the_papers_new(store: Engine) -> None:
    store_batch(store, entry("https://openreview.net/forum?id=zzqn5G9fjn", source="openreview"))
    store_batch(store, entry("2607.00001", source="arxiv"))
    store_batch(store, entry(source="blog", source_id="17"))
    with write_session(store) as session:
        assert standing_rows(session) == [1]
        last = max(int(listing.id or 0) for listing in session.exec(select(Listing)))
        assert [link.id for link in unlink_papers(session, 1, NOW)] == [1, 2]
    with read_session(store) as session:
        assert standing_rows(session) == [1, 2, 3]
        assert {row.id for row in papers_listed_after(session, last)} == {2, 3}
        assert len(session.exec(select(Listing)).all()) == 3
        by_id = {listing.id for listing in session.exec(select(Listing))}
        assert {row.first_listing_id for row in rows(session)} <= by_id
    store_batch(store, entry("10.5555/c", source="journal", title="Something that came afterwards"))
    with read_session(store) as session:
        assert max(row.first_listing_id for row in rows(session)) == rows(session)[3].first_listing_id


def test_ambiguous_pairs_are_listed_until_they_are_decided(store: Engine) -> None:
    store_batch(store, entry("10.5555/a"), entry("10.5555/b"), entry("2607.00001", title="Another thing altogether"))
    with write_session(store) as session:
        (pair,) = ambiguous_pairs(session)
        assert (pair.one.id, pair.other.id) == (1, 2)
        link_papers(session, 1, 2, LinkRelation.SAME, NOW)
        assert ambiguous_pairs(session) == []
        with pytest.raises(UsageError, match="1 and 2 are one paper already"):
            link_papers(session, 1, 2, LinkRelation.SAME, NOW)
        with pytest.raises(UsageError, match="there is no paper 9"):
            link_papers(session, 1, 9, LinkRelation.SAME, NOW)
        with pytest.raises(UsageError, match="there is no link 9"):
            unlink_papers(session, 9, NOW)


def test_notices_and_what_they_retract_are_not_for_digests(store: Engine) -> None:
    retracts = StatedLink(LinkRelation.RETRACTS, identifier("10.5555/a"))
    report = store_batch(
        store,
        entry("10.5555/b", title=f"Retraction notice to: {TITLE}", links=(retracts,)),
        entry("10.5555/c", title="Editorial Board"),
        entry("10.5555/d", title="Editorial: what is new in this journal"),
        entry("10.5555/e", title="WITHDRAWN: A study of what is not so"),
        entry("10.5555/f", title="Correction of motion in images of the heart", authors=("Ada Byron",)),
    )
    assert report.matter_count == 1
    store_batch(store, entry("10.5555/a"))
    with read_session(store) as session:
        kinds = [row.kind for row in rows(session)]
        assert kinds == ["retraction", "editorial", "retraction", "paper", "paper"]
        assert links(session) == [(1, 5, "retracts", "source")]
        assert [row.id for row in papers_listed_after(session, 0)] == [2, 4]  # an editorial for those who ask for it


def test_a_batch_is_resolved_with_the_same_number_of_statements_however_long(store: Engine) -> None:
    def entries(first: int, count: int) -> list[ListedPaper]:
        return [entry(f"2607.{number:05}", title=f"{TITLE} {number}") for number in range(first, first + count)]

    def count_statements(batch: list[ListedPaper]) -> int:
        statements: list[str] = []

        def record(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement.partition(" ")[0])

        event.listen(store, "before_cursor_execute", record)
        store_batch(store, *batch)
        event.remove(store, "before_cursor_execute", record)
        return statements.count("SELECT")

    few, many = entries(1, 10), entries(1001, 500)
    assert count_statements(few) == count_statements(many)
    assert count_statements(few) == count_statements(many)
