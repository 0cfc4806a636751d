"""Terms of stored papers are counted once a week; the page of a paper has the papers that share its words."""

import asyncio
from datetime import timedelta

from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import Paper, PaperEvent, TermCount, TermFit
from digest.jobs import Scheduler
from digest.papers import count_terms, find_related_papers, is_count_due, load_term_space, update_index
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import FixedClock, make_context
from tests.support.factories import NOW, paper
from tests.support.spoiled_rows import spoil

WEEK = timedelta(days=7)
TIDES = [(f"Tidal bores of river {n}", f"A tidal bore runs up shallow river beds. Case {n}.") for n in range(8)]
LOOMS = [(f"Hand looms of town {n}", f"Woven patterns of a hand loom with thread {n}.") for n in range(8)]


def store_texts(store: Engine, texts: list[tuple[str, str]]) -> None:
    with write_session(store) as session:
        session.add_all(paper(title=title, abstract=abstract) for title, abstract in texts)
        session.flush()
        update_index(session, 1000)


def count(store: Engine) -> tuple[int, set[str]]:
    with read_session(store) as session:
        fits = session.exec(select(TermFit)).all()
        return len(fits), set(session.exec(select(TermCount.term)))


def is_due(store: Engine, later: timedelta = timedelta()) -> bool:
    with read_session(store) as session:
        return is_count_due(session, NOW + later)


def test_terms_are_counted_weekly_and_when_a_store_has_grown(store: Engine) -> None:
    store_texts(store, TIDES[:6])
    assert not is_due(store), "too few to tell anything"
    store_texts(store, TIDES[6:] + LOOMS)
    spoil(store, "UPDATE paper SET abstract = 'not counted', kind = 'retraction' WHERE id = 1")
    assert is_due(store)
    assert count_terms(store, NOW, should_stop=lambda: True) is None
    assert count(store) == (0, set())
    assert count_terms(store, NOW) == len(count(store)[1])
    assert {"tidal bore", "loom", "hand loom"} <= count(store)[1]
    assert (is_due(store), is_due(store, WEEK)) == (False, True)
    with read_session(store) as session:
        space = load_term_space(session)
        assert space
        assert load_term_space(session) is space
        assert session.exec(select(TermFit.paper_count)).one() == 15
    store_texts(store, [(f"Kilns of village {number}", "How kilns burn clay.") for number in range(16)])
    assert is_due(store)
    count_terms(store, NOW)
    assert count(store)[0] == 1
    assert "kiln" in count(store)[1]
    with read_session(store) as session:
        assert load_term_space(session) is not space


def test_related_papers_share_words_and_none_is_hidden_or_itself(store: Engine) -> None:
    store_texts(store, TIDES + LOOMS)
    with read_session(store) as session:
        first = session.exec(select(Paper).order_by(col(Paper.id))).first()
        assert first
        assert find_related_papers(session, first) == [], "nothing is counted yet"
    count_terms(store, NOW)
    with write_session(store) as session:
        rows = session.exec(select(Paper).order_by(col(Paper.id))).all()
        rows[1].merged_into, rows[2].kind = rows[0].id, "retraction"
        session.add(PaperEvent(paper_id=rows[3].id or 0, kind="retracted", noted_at=NOW))
        session.flush()
        related = find_related_papers(session, rows[0], limit=10)
        assert [found.paper.title for found in related] == [f"Tidal bores of river {n}" for n in (7, 6, 5, 4)]
        assert "Tidal bores" in related[0].words
        assert all(word.casefold() in f"{found.paper.title} {found.paper.abstract}".casefold()
                   for found in related for word in found.words)  # fmt: skip
        odd = paper(title="Of the", abstract="")
        session.add(odd)
        assert find_related_papers(session, odd) == []


def test_the_page_of_a_paper_names_related_ones_with_their_words(sqlite_store: Engine) -> None:
    store_texts(sqlite_store, [*TIDES, *LOOMS, ("<b>Tidal</b> bores & rivers", "A tidal bore.")])
    ctx = make_context(sqlite_store, base_url="http://digest.test")
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))
    assert "Related papers" not in browser.get("/papers/1").text
    scheduler = Scheduler(ctx, FixedClock())
    asyncio.run(scheduler.learn())
    page = browser.get("/papers/1")
    assert "<b>Tidal</b>" not in page.text
    text = " ".join(ParsedPage(page.text).text.split())
    assert "Related papers" in text
    assert "Both mention Tidal bores, river" in text or "Both mention river, Tidal bores" in text
    assert "Hand looms" not in text
    assert "Related papers" not in browser.get("/papers/17").text or "Hand looms" not in browser.get("/papers/17").text
