"""Papers close to a profile: a section of what no keyword found, with its reason, and never twice."""

from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    CLOSE_WORD_SEPARATOR,
    ClaimedDelivery,
    Delivery,
    DeliveryKind,
    DeliveryState,
    MarkKind,
    Paper,
    PaperEvent,
    PaperEventKind,
    PaperMark,
    Profile,
    SavedKeyword,
    Subscriber,
)
from digest.identifiers import Identifier
from digest.papers import delivered_paper_ids, store_listings
from digest.papers.prune import mailed_ids
from digest.planning.profile_matches import CLOSE_LIMIT
from digest.rendering import digest_context, load_batch, render_digest
from digest.sources import ListedPaper
from digest.tokens import TokenPurpose, delivery_subject
from digest.web.pages.archive import render_web_copy
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    plan_digests,
    store_papers,
)
from tests.support.profiles import CLOSE_TITLE, UNLEARNING, set_profile
from tests.support.spoiled_rows import spoil

ROBOT = "A robot walks"


@pytest.fixture
def ada(ctx: AppContext) -> AppContext:
    """A subscriber to robots with a profile about unlearning."""
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    set_profile(ctx, ADA)
    return ctx


def close_papers(record: StoreView, email: str = ADA) -> list[list[int]]:
    return [digest.close_papers for digest in record.deliveries(email) if digest.kind == DeliveryKind.DIGEST]


def test_a_paper_close_to_the_profile_goes_along_with_its_words(ada: AppContext, record: StoreView) -> None:
    robot, close, *_ = store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE, "Privacy matters", "Proteins fold")
    plan_digests(ada, TUESDAY)
    [digest] = record.deliveries(ADA)
    assert (digest.papers, digest.omitted_papers, digest.close_papers) == ([robot], [], [close])
    [words] = digest.close_words
    assert set(words.split(CLOSE_WORD_SEPARATOR)) == {"retain", "forget", "deletion", "privacy"}


def test_a_paper_that_was_marked_or_given_as_an_example_is_known(ada: AppContext, record: StoreView) -> None:
    [marked] = store_papers(ada, TUESDAY, CLOSE_TITLE)
    with write_session(ada.engine) as session:
        [ada_id] = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).all()
        session.add(PaperMark(subscriber_id=int(ada_id or 0), paper_id=marked, kind=MarkKind.SEED, created_at=TUESDAY))
    _, close = store_papers(ada, TUESDAY, ROBOT, "Retain and forget")
    plan_digests(ada, TUESDAY)
    assert close_papers(record) == [[close]]


def test_a_mark_on_a_row_that_was_merged_is_one_on_the_paper_that_stands(ada: AppContext, record: StoreView) -> None:
    former, standing, _, close = store_papers(ada, TUESDAY, "Forget it", CLOSE_TITLE, ROBOT, "Retain and forget")
    with write_session(ada.engine) as session:
        session.get_one(Paper, former).merged_into = standing
        [ada_id] = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).all()
        session.add(PaperMark(subscriber_id=int(ada_id or 0), paper_id=former, kind=MarkKind.SAVED, created_at=TUESDAY))
    plan_digests(ada, TUESDAY)
    assert close_papers(record) == [[close]]


def test_it_is_never_alone_and_waits_for_the_next_digest(ada: AppContext, record: StoreView) -> None:
    [close] = store_papers(ada, TUESDAY, CLOSE_TITLE)
    assert plan_digests(ada, TUESDAY).digests == 0
    store_papers(ada, TUESDAY + DAY, "Retain and forget")
    assert plan_digests(ada, TUESDAY + DAY).digests == 0
    store_papers(ada, TUESDAY + 2 * DAY, ROBOT, "Proteins fold")
    plan_digests(ada, TUESDAY + 2 * DAY)
    assert close_papers(record) == [[close, close + 1]], "what was close on quiet days, the closest first"
    with read_session(ada.engine) as session:
        assert session.exec(select(Profile.waiting_papers)).all() == [[]]
    record.set_state(DeliveryState.SENT)
    store_papers(ada, TUESDAY + 3 * DAY, f"{ROBOT} again")
    plan_digests(ada, TUESDAY + 3 * DAY)
    assert close_papers(record)[1] == []


def test_of_many_the_three_closest(ada: AppContext, record: StoreView) -> None:
    titles = [" and ".join(UNLEARNING[:count]) for count in (2, 5, 3, 6, 4)]
    _, *numbers = store_papers(ada, TUESDAY, ROBOT, *titles)
    plan_digests(ada, TUESDAY)
    assert close_papers(record) == [[numbers[3], numbers[1], numbers[4]]]


def test_who_has_no_profile_or_switched_it_off_gets_none_and_no_statement_more(
    ctx: AppContext, record: StoreView
) -> None:
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "robot", now=TUESDAY)
    statements: list[str] = []
    event.listen(ctx.engine, "before_cursor_execute", lambda *row: statements.append(row[2]))
    store_papers(ctx, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ctx, TUESDAY)
    # One question a plan, whoever is due.
    assert [s for s in statements if "profile" in s or "close_words" in s] == [
        s for s in statements if "FROM profile" in s
    ]
    assert sum("FROM profile" in s for s in statements) == 1
    set_profile(ctx, ADA, in_digest=False)
    set_profile(ctx, BOB, {}, in_digest=True)
    store_papers(ctx, TUESDAY + DAY, f"{ROBOT} again", f"{CLOSE_TITLE} again")
    plan_digests(ctx, TUESDAY + DAY)
    assert close_papers(record) == close_papers(record, BOB) == [[], []]


@pytest.mark.parametrize(
    ("keywords", "options"),
    [
        (["robot", "privacy"], {}),
        (["robot", "-deletion"], {}),
        (["robot", "forget"], {"cap": 1}),
        (["robot"], {"sources": ("pubmed",)}),
    ],
)
def test_what_a_keyword_finds_or_excludes_and_what_a_source_lists_that_was_not_chosen_stays_away(
    ctx: AppContext, record: StoreView, keywords: list[str], options: dict[str, object]
) -> None:
    add_active_subscriber(ctx, ADA, *keywords, now=TUESDAY, **options)
    set_profile(ctx, ADA)
    store_papers(ctx, TUESDAY, ROBOT, source="pubmed")
    store_papers(ctx, TUESDAY, CLOSE_TITLE)
    plan_digests(ctx, TUESDAY)
    assert close_papers(record) == [[]]


def test_what_a_muted_keyword_finds_stays_away(ada: AppContext, record: StoreView) -> None:
    add_active_subscriber(ada, BOB, "robot", "privacy", now=TUESDAY)
    set_profile(ada, BOB)
    with write_session(ada.engine) as session:
        for saved in session.exec(select(SavedKeyword).where(SavedKeyword.text == "privacy")):
            saved.is_muted = True
    _, close = store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ada, TUESDAY)
    assert (close_papers(record), close_papers(record, BOB)) == ([[close]], [[]])


def test_news_and_comments_are_no_papers(ada: AppContext, record: StoreView) -> None:
    store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    with write_session(ada.engine) as session:
        for paper in session.exec(select(Paper).where(Paper.title == CLOSE_TITLE)):
            paper.kind = "editorial"
    plan_digests(ada, TUESDAY)
    assert close_papers(record) == [[]]


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.QUEUED])
def test_it_comes_once_and_again_if_it_did_not_arrive(ada: AppContext, record: StoreView, state: DeliveryState) -> None:
    _, close = store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ada, TUESDAY)
    record.set_state(state)
    store_papers(ada, TUESDAY + DAY, f"{ROBOT} again")
    store_papers(ada, TUESDAY + DAY, CLOSE_TITLE, source="huggingface", upvotes=5)
    plan_digests(ada, TUESDAY + DAY)
    assert close_papers(record) == [[close], [] if state == DeliveryState.SENT else [close]]


def test_what_did_not_arrive_and_a_keyword_finds_by_now_is_not_close(ada: AppContext, record: StoreView) -> None:
    store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ada, TUESDAY)
    record.set_state(DeliveryState.FAILED)
    with write_session(ada.engine) as session:
        from digest.database.models import Keyword

        keyword = Keyword(canonical="privacy")
        session.add(keyword)
        session.flush()
        session.add(SavedKeyword(subscriber_id=1, position=1, keyword_id=int(keyword.id or 0), text="privacy"))
    store_papers(ada, TUESDAY + DAY, f"{ROBOT} again")
    plan_digests(ada, TUESDAY + DAY)
    assert close_papers(record)[1] == []


def test_trending_papers_are_not_close_too(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, trending=True)
    add_active_subscriber(ctx, BOB, now=TUESDAY)
    for email in (ADA, BOB):
        set_profile(ctx, email)
    [robot] = store_papers(ctx, TUESDAY, ROBOT)
    [trending] = store_papers(ctx, TUESDAY, CLOSE_TITLE, source="huggingface", upvotes=9)
    [close] = store_papers(ctx, TUESDAY, f"{CLOSE_TITLE} anew")
    plan_digests(ctx, TUESDAY)
    [ada], [bob] = record.deliveries(ADA), record.deliveries(BOB)
    assert (ada.papers, ada.close_papers) == ([robot, trending], [close])
    assert (bob.papers, bob.close_papers) == ([trending], [close]), "without keywords, too"


def test_an_unreadable_profile_goes_to_quarantine_and_the_digest_goes_out(ada: AppContext, record: StoreView) -> None:
    store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    spoil(ada.engine, "UPDATE profile SET words = '[1]'")
    assert plan_digests(ada, TUESDAY).unreadable == 1
    assert close_papers(record) == [[]]


def rendered(ctx: AppContext, *, is_sent: bool = False) -> list[tuple[str, str]]:
    """Return text and HTML of each digest."""
    with read_session(ctx.engine) as session:
        rows = session.exec(select(Delivery).where(Delivery.kind == DeliveryKind.DIGEST).order_by(col(Delivery.id)))
        claimed = [ClaimedDelivery.from_delivery(row) for row in rows]
        batch = load_batch(session, claimed, TUESDAY, is_sent=is_sent)
        contents = [render_digest(digest_context(ctx, batch, delivery)) for delivery in claimed]
    return [(" ".join(content.text.split()), content.html) for content in contents]


def test_the_section_stands_behind_the_papers_and_names_words_of_the_text(ada: AppContext, record: StoreView) -> None:
    _, close = store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ada, TUESDAY)
    [(text, html)] = before = rendered(ada)
    assert text.index("walks") < text.index("Close to your keywords") < text.index(CLOSE_TITLE)
    reason = "Has your words “deletion”, “privacy”, “Retain” and “forget”."
    assert sorted(reason.split("“"))
    assert set(text.split(CLOSE_TITLE)[1].partition(".")[0].split("“")[1:]) != set()
    for word in ("Retain", "forget", "deletion", "privacy"):
        assert f"“{word}”" in text
        assert f"“{word}”" in html
    assert "#profile" in html
    assert "#profile" in text
    set_profile(ada, ADA, {"protein": 1.0})
    assert rendered(ada) == before, "what was queued does not change with the profile"
    with write_session(ada.engine) as session:
        paper = session.get_one(Paper, close)
        paper.title, paper.abstract, paper.changed_at = "Another", "It says something else.", TUESDAY + DAY
    assert "Close to your keywords" not in rendered(ada)[0][0], "without a reason it is left out"


def test_a_profile_is_on_from_the_first_mark_on(ctx: AppContext, record: StoreView) -> None:
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "robot", now=TUESDAY)
        set_profile(ctx, email, in_digest=None)
    [marked] = store_papers(ctx, TUESDAY - DAY, "Deletion of marks")
    with write_session(ctx.engine) as session:
        session.add(PaperMark(subscriber_id=2, paper_id=marked, kind=MarkKind.MORE, created_at=TUESDAY))
    _, close = store_papers(ctx, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ctx, TUESDAY)
    assert close in close_papers(record, BOB)[0]
    assert close_papers(record) == [[]]


def test_a_word_without_weight_counts_for_nothing(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    set_profile(ctx, ADA, {"forget": 0.1, "retain": 0.1, "unlearning": 1.0, "membership": 1.0, "protein": -2.0})
    store_papers(ctx, TUESDAY, ROBOT, "Forget and retain")
    plan_digests(ctx, TUESDAY)
    assert close_papers(record) == [[]]


def test_what_waits_is_held_against_sources_and_belongs_to_one_subscriber(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    set_profile(ctx, ADA)
    [close] = store_papers(ctx, TUESDAY, CLOSE_TITLE)
    plan_digests(ctx, TUESDAY)
    [other] = store_papers(ctx, TUESDAY + DAY, "Membership and deletion")
    set_profile(ctx, BOB)
    plan_digests(ctx, TUESDAY + DAY)
    with write_session(ctx.engine) as session:
        session.get_one(Subscriber, 1).sources = ["pubmed"]
    store_papers(ctx, TUESDAY + 2 * DAY, ROBOT, source="pubmed")
    plan_digests(ctx, TUESDAY + 2 * DAY)
    assert (close_papers(record), close_papers(record, BOB)) == ([[]], [[other]])
    assert close not in close_papers(record, BOB)[0]


def test_what_a_digest_had_as_close_counts_as_had(ada: AppContext, record: StoreView) -> None:
    robot, close = store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ada, TUESDAY)
    record.set_state(DeliveryState.SENT)
    with read_session(ada.engine) as session:
        assert delivered_paper_ids(session, [1]) == {1: {robot, close}}
        assert mailed_ids(session) == {robot, close}
    # Even if it still waits, by a row of before.
    with write_session(ada.engine) as session:
        session.get_one(Profile, 1).waiting_papers = [close]
    store_papers(ada, TUESDAY + DAY, f"{ROBOT} again")
    plan_digests(ada, TUESDAY + DAY)
    assert close_papers(record) == [[close], []]


def test_news_follow_a_paper_that_was_close(ada: AppContext, record: StoreView) -> None:
    store_papers(ada, TUESDAY, ROBOT)
    paper = ListedPaper(
        source="arxiv", kind="new", list_day=TUESDAY.date(), rank=1, title=CLOSE_TITLE, abstract="It folds.",
        identifiers=(Identifier("arxiv", "2607.00001"),), url="https://example.org",
    )  # fmt: skip
    with write_session(ada.engine) as session:
        store_listings(session, [paper], TUESDAY)
    plan_digests(ada, TUESDAY)
    record.set_state(DeliveryState.SENT)
    store_papers(ada, TUESDAY + DAY, f"{ROBOT} again")
    changed = replace(paper, kind="replace", version=2, abstract="It unfolds.", list_day=(TUESDAY + DAY).date())
    with write_session(ada.engine) as session:
        store_listings(session, [changed], TUESDAY + DAY)
    plan_digests(ada, TUESDAY + DAY)
    assert [digest.news for digest in record.deliveries(ADA)] == [[], [1]]


def test_a_queued_digest_drops_what_was_retracted_and_what_became_one_with_another_paper(
    ada: AppContext, record: StoreView
) -> None:
    robot, retracted, merged, _ = store_papers(
        ada, TUESDAY, ROBOT, CLOSE_TITLE, "Retain and forget", "Forget and delete for privacy"
    )
    plan_digests(ada, TUESDAY)
    assert len(close_papers(record)[0]) == CLOSE_LIMIT
    with write_session(ada.engine) as session:
        session.add(PaperEvent(paper_id=retracted, kind=PaperEventKind.WITHDRAWN, noted_at=TUESDAY))
        session.get_one(Paper, merged).merged_into = robot
    [(text, _)] = rendered(ada)
    shown = text.partition("Close to your keywords")[2]
    assert "Forget and delete for privacy" in shown
    assert CLOSE_TITLE not in shown
    assert "Retain and forget" not in shown
    assert ROBOT not in shown


def test_the_web_copy_has_the_section_and_nothing_personal(ada: AppContext, record: StoreView) -> None:
    store_papers(ada, TUESDAY, ROBOT, CLOSE_TITLE)
    plan_digests(ada, TUESDAY)
    [(_, email)] = rendered(ada)
    [digest] = record.deliveries(ADA)
    subject = delivery_subject(int(digest.id or 0), digest.message_id)
    page = render_web_copy(ada, ada.token_signer.sign(TokenPurpose.VIEW, subject, TUESDAY), TUESDAY)
    for html in (email, page):
        assert ">Close to your keywords</h2>" in html
        assert "“forget”" in html
    assert email.count("/mark/") == 6, "three links for each of the two papers"
    assert "/mark" not in page
    assert "#profile" not in page
