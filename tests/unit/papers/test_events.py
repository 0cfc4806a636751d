"""What happens to a paper after it was listed: one row an event, undone with its link."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import Paper, PaperEvent
from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.papers import link_papers, load_statements, papers_listed_after, store_listings, unlink_papers
from digest.sources import ListedPaper

NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PREPRINT, ARTICLE, NOTICE = (Identifier("doi", f"10.{name}") for name in ("1101/123456", "5555/article", "5555/notice"))


def list_paper(store: Engine, *identifiers: Identifier, at: datetime = NOW, **more: Any) -> None:
    listing: dict[str, Any] = {
        "source": "biorxiv",
        "kind": "new",
        "list_day": at.date(),
        "rank": 1,
        "title": "A protein that folds by itself in the cell of a mouse",
        "abstract": "It folds.",
        "authors": ("Ada Byron",),
        "identifiers": identifiers,
        "url": "https://example.org",
    }
    with write_session(store) as session:
        store_listings(session, [ListedPaper(**(listing | more))], at)


def events(store: Engine) -> list[tuple[int, str, str]]:
    with read_session(store) as session:
        found = session.exec(select(PaperEvent).order_by(col(PaperEvent.id)))
        return [(event.paper_id, event.kind, event.reference) for event in found]


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        pytest.param({}, {"version": 2, "abstract": "It unfolds."}, [("revised", "v2")], id="a changed abstract"),
        pytest.param({}, {"version": 2, "abstract": "IT  FOLDS"}, [], id="another spelling"),
        pytest.param({}, {"abstract": "It unfolds."}, [], id="no new version"),
        pytest.param({}, {"version": 2, "title": "WITHDRAWN: A protein"}, [("withdrawn", "")], id="withdrawn by title"),
        pytest.param({}, {"abstract": "This manuscript has been withdrawn by us."}, [("withdrawn", "")], id="by text"),
        pytest.param({}, {"paper_kind": "retraction"}, [("retracted", "")], id="retracted, as its source says"),
        pytest.param({}, {"code_url": "https://example.org/code"}, [("code", "")], id="code"),
        pytest.param({}, {"project_url": "https://example.org/it"}, [("project", "")], id="a project page"),
        pytest.param({"upvotes": 7}, {"upvotes": 70}, [("popular", "")], id="taken off"),
        pytest.param({"upvotes": 7}, {"upvotes": 69}, [], id="not yet taken off"),
        pytest.param({"upvotes": 1}, {"upvotes": 49}, [], id="few upvotes"),
    ],
)
def test_what_changes_is_an_event_and_stored_once(
    sqlite_store: Engine, first: dict[str, Any], then: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    list_paper(sqlite_store, PREPRINT, **first)
    for days in (2, 3):
        list_paper(sqlite_store, PREPRINT, at=NOW + days * DAY, **({"kind": "replace"} | first | then))
    assert events(sqlite_store) == [(1, *event) for event in expected]


def test_a_withdrawn_paper_is_no_longer_for_digests_and_keeps_its_row(sqlite_store: Engine) -> None:
    list_paper(sqlite_store, PREPRINT)
    list_paper(sqlite_store, PREPRINT, kind="replace", version=2, title="WITHDRAWN: A protein that folds by itself")
    list_paper(sqlite_store, PREPRINT, kind="replace", version=1)  # read later, as a missed day is
    with read_session(sqlite_store) as session:
        assert papers_listed_after(session, 0) == []
        assert session.get_one(Paper, 1).title == "WITHDRAWN: A protein that folds by itself"


def test_a_publication_is_named_until_it_is_here_and_stored_once(store: Engine) -> None:
    stated = StatedLink(LinkRelation.PUBLISHED, ARTICLE, venue="Cell", stated_on=date(2026, 7, 20))
    list_paper(store, PREPRINT, links=(stated,))
    with read_session(store) as session:
        (line,) = load_statements(session, session.get_one(Paper, 1))
        expected = ("published", "doi:10.5555/article", "Cell", date(2026, 7, 20), None)
        assert (line.kind, line.reference, line.venue, line.day, line.other_id) == expected
    list_paper(store, ARTICLE, title="Folding in mice", source="pubmed")
    list_paper(store, ARTICLE, title="Folding in mice", links=(StatedLink(LinkRelation.PUBLISHED, PREPRINT, True),))
    assert events(store) == [(1, "published", "doi:10.5555/article")]
    with read_session(store) as session:
        (line,), (other,) = (load_statements(session, session.get_one(Paper, number)) for number in (1, 2))
        assert (line.other_id, line.title, line.venue) == (2, "Folding in mice", "Cell")
        assert (other.kind, other.other_id) == ("preprint", 1)


def test_a_notice_is_an_event_of_its_paper_and_goes_with_its_link(store: Engine) -> None:
    about = tuple(StatedLink(relation, ARTICLE) for relation in (LinkRelation.RETRACTS, LinkRelation.CONCERNS))
    list_paper(store, NOTICE, title="Retraction notice to: Folding in mice", links=about)
    assert events(store) == [], "its paper is not here"
    list_paper(store, ARTICLE, title="Folding in mice")
    assert events(store) == [(2, "retracted", ""), (2, "concern", "doi:10.5555/notice")]
    with write_session(store) as session:
        assert papers_listed_after(session, 0) == []
        assert [line.kind for line in load_statements(session, session.get_one(Paper, 1))] == ["retracts", "concerns"]
        unlink_papers(session, 1, NOW)
        assert [paper.id for paper in papers_listed_after(session, 0)] == [2]
    assert events(store) == [(2, "concern", "doi:10.5555/notice")]


def test_a_retraction_counts_under_each_name_of_a_paper(store: Engine) -> None:
    list_paper(store, Identifier("pmid", "7"), title="Something quite different")
    list_paper(store, ARTICLE, title="Folding in mice")
    list_paper(store, NOTICE, title="Retraction: Folding", links=(StatedLink(LinkRelation.RETRACTS, ARTICLE),))
    with write_session(store) as session:
        assert [paper.id for paper in papers_listed_after(session, 0)] == [1]
        link_papers(session, 1, 2, LinkRelation.SAME, NOW)
        assert session.get_one(Paper, 2).merged_into == 1
        assert papers_listed_after(session, 0) == []
