"""Words learned from the papers of keywords, for who marked none: what they bring in a preview, and in a plan."""

from datetime import timedelta

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import TermCount, TermFit
from digest.matching import KeywordInput
from digest.papers import papers_on_day
from digest.planning import preview_close_papers
from digest.subscribers import learn_from_keywords, parse_keywords_or_raise
from digest.subscribers.marks.keyword_papers import load_keyword_papers
from tests.support.contexts import ADA, TUESDAY, StoreView, add_active_subscriber, plan_digests, store_papers
from tests.support.profiles import set_profile

TERMS = ("unlearning", "forget", "retain", "privacy", "protein")
ABOUT = ("Unlearning to forget and retain", "Unlearning for privacy", "Unlearning: retain, forget, privacy")
CLOSE = "Retain privacy and forget the rest"


def count_terms(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        session.add_all(TermCount(term=term, label=term, paper_count=10) for term in TERMS)
        session.add(TermFit(paper_count=1000, last_paper_id=0, fitted_at=TUESDAY))


def learn(ctx: AppContext, keywords: list[KeywordInput]) -> dict[str, float]:
    with read_session(ctx.engine) as session:
        return learn_from_keywords(session, keywords)


def test_a_preview_brings_what_a_plan_brings(ctx: AppContext, record: StoreView) -> None:
    keywords = parse_keywords_or_raise(["unlearning", "-protein"])
    store_papers(ctx, TUESDAY - timedelta(days=1), *ABOUT)
    assert learn(ctx, keywords) == {}, "terms were not counted yet"
    count_terms(ctx)
    words = learn(ctx, keywords)
    assert set(words) == {"unlearning", "forget", "retain", "privacy"}
    assert max(words.values()) == 1
    add_active_subscriber(ctx, ADA, "unlearning", "-protein", now=TUESDAY)
    set_profile(ctx, ADA, words)
    new = store_papers(ctx, TUESDAY, "More unlearning", CLOSE, f"{CLOSE} of the protein", "Proteins fold")
    plan_digests(ctx, TUESDAY)
    [digest] = record.deliveries(ADA)
    assert digest.close_papers == [new[1]]
    with read_session(ctx.engine) as session:
        papers = papers_on_day(session, TUESDAY.date())
        found = preview_close_papers(session, keywords, papers, words, TUESDAY.date(), digest.papers)
        nothing = preview_close_papers(session, keywords, papers, {}, TUESDAY.date())
    assert [(item.paper.id, set(item.words)) for item in found] == [(new[1], {"Retain", "privacy", "forget"})]
    assert nothing == []


def test_no_keyword_is_all_that_is_learned(ctx: AppContext) -> None:
    muted, *keywords = parse_keywords_or_raise(["robot", "protein", "graph", "-village"])
    titles = [f"Protein number {number}" for number in range(60)]
    store_papers(ctx, TUESDAY, "A graph", *titles, "A graph of a village", "A robot")
    with read_session(ctx.engine) as session:
        found = load_keyword_papers(session, [KeywordInput(muted.text, muted.canonical, is_muted=True), *keywords])
        assert load_keyword_papers(session, []) == []
    names = [paper.title for paper in found]
    assert len(names) == 50
    assert "A graph" in names
    assert not {"A graph of a village", "A robot"} & set(names)
    assert names.count("Protein number 59") == 1
