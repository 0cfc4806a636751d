"""Marks of subscribers on papers: what excludes what, that each change is idempotent, and how it is undone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryState, MarkKind, Paper, PaperMark, SubscriberStatus
from digest.errors import SubscriberError, TokenError
from digest.subscribers import (
    MARKS_LIMIT,
    MarkResult,
    change_digest_mark,
    change_mark,
    find_busiest_keyword,
    find_keywords_of,
    get_digest_marks,
    get_mark,
    list_marked,
    mark_paper,
    undo_mark,
    undo_mark_change,
)
from digest.tokens import TokenPurpose
from tests.support.contexts import (
    ADA,
    BOB,
    StoreView,
    add_active_subscriber,
    erase_by_email,
    make_context,
    plan_digests,
    set_status,
    sign_digest_token,
    sign_mark,
    sign_token,
    store_papers,
)

NOW = datetime(2026, 7, 29, 20, tzinfo=UTC)
DAY = timedelta(days=1)
MORE, LESS, SAVED, SEED = MarkKind.MORE, MarkKind.LESS, MarkKind.SAVED, MarkKind.SEED


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    made = make_context(store)
    for email in (ADA, BOB):
        add_active_subscriber(made, email, "robot", "graph", now=NOW - DAY)
    return made


@pytest.fixture
def papers(ctx: AppContext) -> list[int]:
    return store_papers(ctx, NOW, "A robot", "A graph", "A robot that draws a graph", "A protein")


def marks_of(ctx: AppContext, email: str = ADA) -> set[tuple[int, str]]:
    """Return the marks that are stored of a subscriber."""
    number = StoreView(ctx.engine).subscriber(email).id
    with read_session(ctx.engine) as session:
        rows = session.exec(select(PaperMark).where(PaperMark.subscriber_id == number)).all()
        return {(row.paper_id, row.kind) for row in rows}


def press(ctx: AppContext, paper_id: int, kind: MarkKind, now: datetime = NOW) -> MarkResult:
    return mark_paper(ctx, sign_mark(ctx, ADA, paper_id, kind, NOW), now)


def saved_token(ctx: AppContext, email: str = ADA) -> str:
    return sign_token(ctx, email, TokenPurpose.SAVED, NOW)


def test_a_link_sets_its_mark_once_and_to_look_changes_nothing(ctx: AppContext, papers: list[int]) -> None:
    token = sign_mark(ctx, ADA, papers[0], SAVED, NOW)
    assert not get_mark(ctx, token, NOW).is_set
    assert marks_of(ctx) == set()
    assert [mark_paper(ctx, token, NOW + n * DAY).changed for n in range(3)] == [True, False, False]
    assert marks_of(ctx) == {(papers[0], SAVED)}
    assert marks_of(ctx, BOB) == set()
    (saved,) = list_marked(ctx, saved_token(ctx), SAVED, NOW).marked
    assert saved.marks == {SAVED: NOW}  # the second press does not make it younger


def test_more_and_less_exclude_each_other_and_saved_stays(ctx: AppContext, papers: list[int]) -> None:
    press(ctx, papers[0], SAVED)
    press(ctx, papers[0], MORE)
    press(ctx, papers[1], LESS)
    assert marks_of(ctx) == {(papers[0], SAVED), (papers[0], MORE), (papers[1], LESS)}
    press(ctx, papers[0], LESS)
    press(ctx, papers[1], MORE)
    assert marks_of(ctx) == {(papers[0], SAVED), (papers[0], LESS), (papers[1], MORE)}


@pytest.mark.parametrize("kind", [MORE, LESS, SAVED])
@pytest.mark.parametrize("before", [None, MORE, LESS, SAVED])
def test_undo_restores_what_was_there_and_since_when(
    ctx: AppContext, papers: list[int], kind: MarkKind, before: MarkKind | None
) -> None:
    if before:
        press(ctx, papers[0], before, NOW - DAY)
    token = sign_mark(ctx, ADA, papers[0], kind, NOW)
    shown, stored = get_mark(ctx, token, NOW), marks_of(ctx)
    result = mark_paper(ctx, token, NOW)
    assert result.changed == (kind != before)
    # The note of the page with the button is as good as that of the answer: a second press has only the former.
    for undo in filter(None, (result.undo, shown.undo)):
        undo_mark(ctx, token, undo, NOW + timedelta(hours=23))
        assert marks_of(ctx) == stored
        if before:
            since = list_marked(ctx, saved_token(ctx), before, NOW).marked[0].marks[before]
            assert since == NOW - DAY
        mark_paper(ctx, token, NOW)
    assert kind == before or result.undo


def test_an_undo_is_for_one_subscriber_one_paper_one_kind_and_one_day(ctx: AppContext, papers: list[int]) -> None:
    undo = press(ctx, papers[0], MORE).undo
    for email, paper_id, kind, now in (
        (BOB, papers[0], MORE, NOW),
        (ADA, papers[1], MORE, NOW),
        (ADA, papers[0], SAVED, NOW),
        (ADA, papers[0], LESS, NOW),
        (ADA, papers[0], MORE, NOW + 2 * DAY),
    ):
        with pytest.raises(TokenError):
            undo_mark(ctx, sign_mark(ctx, email, paper_id, kind, NOW), undo, now)
    with pytest.raises(TokenError):
        undo_mark_change(ctx, saved_token(ctx, BOB), undo, NOW)
    assert marks_of(ctx) == {(papers[0], MORE)}
    assert undo_mark_change(ctx, saved_token(ctx), undo, NOW).changed
    assert not undo_mark_change(ctx, saved_token(ctx), undo, NOW).changed
    assert marks_of(ctx) == set()


def test_the_last_of_two_presses_at_the_same_moment_counts(ctx: AppContext, papers: list[int]) -> None:
    barrier = Barrier(2)

    def click(kind: MarkKind) -> None:
        barrier.wait()
        press(ctx, papers[0], kind)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(click, [MORE, LESS]))
    assert len(marks_of(ctx)) == 1


def test_papers_that_are_one_have_their_marks_in_common(ctx: AppContext, papers: list[int]) -> None:
    first, second = papers[:2]
    press(ctx, first, SAVED, NOW - DAY)
    press(ctx, first, MORE)
    press(ctx, second, LESS, NOW - DAY)
    with write_session(ctx.engine) as session:
        session.get_one(Paper, first).merged_into = second
    shown = list_marked(ctx, saved_token(ctx), SAVED, NOW)
    assert [(item.paper.id, item.marks[SAVED]) for item in shown.marked] == [(second, NOW - DAY)]
    # Of two that exclude each other the later one counts.
    assert list_marked(ctx, saved_token(ctx), MORE, NOW).counts == {MORE: 1, LESS: 0, SAVED: 1, SEED: 0}
    assert (press(ctx, first, MORE).paper.id, press(ctx, first, MORE).changed) == (second, False)
    result = press(ctx, first, LESS)
    assert {*result.marks} == {SAVED, LESS}
    change_mark(ctx, saved_token(ctx), second, SAVED, NOW, is_set=False)
    assert marks_of(ctx) == {(second, LESS)}


def test_a_digest_is_marked_by_its_own_papers_only(ctx: AppContext, papers: list[int]) -> None:
    plan_digests(ctx, NOW + DAY)
    (delivery,) = StoreView(ctx.engine).deliveries(ADA)
    token = sign_digest_token(ctx, delivery, TokenPurpose.MARKS)
    assert [item.paper.id for item in get_digest_marks(ctx, token, NOW).marked] == delivery.papers
    change_digest_mark(ctx, token, delivery.papers[0], SAVED, NOW, is_set=True)
    assert marks_of(ctx) == {(delivery.papers[0], SAVED)}
    assert papers[3] not in delivery.papers
    with pytest.raises(TokenError, match="not in the digest"):
        change_digest_mark(ctx, token, papers[3], SAVED, NOW, is_set=True)
    result = change_digest_mark(ctx, token, delivery.papers[0], SAVED, NOW, is_set=False)
    undo_mark_change(ctx, token, result.undo, NOW, purpose=TokenPurpose.MARKS)
    assert marks_of(ctx) == {(delivery.papers[0], SAVED)}
    view = sign_digest_token(ctx, delivery, TokenPurpose.VIEW)
    with pytest.raises(TokenError, match="damaged"):
        get_digest_marks(ctx, view, NOW)


def test_lists_have_the_latest_first_and_count_all_kinds(ctx: AppContext, papers: list[int]) -> None:
    for place, paper_id in enumerate(papers[:3]):
        press(ctx, paper_id, SAVED, NOW + place * DAY)
    press(ctx, papers[3], LESS)
    shown = list_marked(ctx, saved_token(ctx), SAVED, NOW, offset=1, limit=1)
    assert [item.paper.id for item in shown.marked] == [papers[1]]
    assert (shown.total, shown.counts) == (3, {MORE: 0, LESS: 1, SAVED: 3, SEED: 0})


def test_marks_have_a_limit_that_undo_keeps(ctx: AppContext, papers: list[int]) -> None:
    press(ctx, papers[1], SAVED)
    undo = change_mark(ctx, saved_token(ctx), papers[1], SAVED, NOW, is_set=False).undo
    number = int(StoreView(ctx.engine).subscriber(ADA).id or 0)
    with write_session(ctx.engine) as session:
        session.add_all(
            Paper(key=f"k{n}", title="", abstract="", url="", text_source="arxiv", first_seen_at=NOW, changed_at=NOW)
            for n in range(MARKS_LIMIT)
        )
        session.flush()
        stored = session.exec(select(Paper.id).where(col(Paper.key).startswith("k"))).all()
        session.add_all(
            PaperMark(subscriber_id=number, paper_id=int(paper_id or 0), kind=SAVED, created_at=NOW)
            for paper_id in stored[:MARKS_LIMIT]
        )
    with pytest.raises(SubscriberError, match="5,000 papers"):
        press(ctx, papers[0], SAVED)
    with pytest.raises(SubscriberError, match="5,000 papers"):
        undo_mark_change(ctx, saved_token(ctx), undo, NOW)
    assert press(ctx, papers[0], MORE).changed


def test_when_a_subscription_has_ended_marks_can_be_read_and_not_changed(ctx: AppContext, papers: list[int]) -> None:
    press(ctx, papers[0], SAVED)
    set_status(ctx.engine, ADA, SubscriberStatus.UNSUBSCRIBED)
    assert list_marked(ctx, saved_token(ctx), SAVED, NOW).total == 1
    with pytest.raises(TokenError, match="not running"):
        press(ctx, papers[1], SAVED)
    with pytest.raises(TokenError, match="not running"):
        change_mark(ctx, saved_token(ctx), papers[0], SAVED, NOW, is_set=False)
    token = saved_token(ctx)
    erase_by_email(ctx, ADA)
    with pytest.raises(TokenError, match="no longer exists"):
        list_marked(ctx, token, SAVED, NOW)


def test_a_paper_that_is_not_stored_cannot_be_marked(ctx: AppContext, papers: list[int]) -> None:
    with pytest.raises(TokenError, match="no longer stored"):
        press(ctx, max(papers) + 1, SAVED)


def test_keywords_that_brought_a_paper_are_named_unless_one_is_the_only(ctx: AppContext, papers: list[int]) -> None:
    ada = int(StoreView(ctx.engine).subscriber(ADA).id or 0)
    with read_session(ctx.engine) as session:
        robot, _, both, protein = (session.get_one(Paper, number) for number in papers)
    assert [found.text for found in find_keywords_of(ctx, ada, robot)] == ["robot"]
    assert [found.text for found in find_keywords_of(ctx, ada, both)] == ["robot", "graph"]
    assert find_keywords_of(ctx, ada, protein) == []
    add_active_subscriber(ctx, "eve@example.org", "robot", "-survey", now=NOW)
    assert find_keywords_of(ctx, int(StoreView(ctx.engine).subscriber("eve@example.org").id or 0), robot) == []


def test_the_keyword_that_brought_most_papers_is_known_once_there_are_some(ctx: AppContext) -> None:
    ada = int(StoreView(ctx.engine).subscriber(ADA).id or 0)
    assert find_busiest_keyword(ctx, ada) is None
    store_papers(ctx, NOW, *(f"Robot {n}" for n in range(4)), "A graph")
    plan_digests(ctx, NOW + DAY)
    assert find_busiest_keyword(ctx, ada) is None  # not sent yet
    StoreView(ctx.engine).set_state(DeliveryState.SENT)
    busiest = find_busiest_keyword(ctx, ada)
    assert busiest is not None
    assert (busiest.text, busiest.matched_count, busiest.mailed_count) == ("robot", 4, 5)
