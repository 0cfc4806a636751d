"""Quick actions of an e-mail: what they change, what they leave alone, and how they are undone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryState, Keyword, Paper, SubscriberStatus
from digest.errors import SubscriberError, TokenError
from digest.matching import Matcher, PaperDocument, parse
from digest.subscribers import (
    REASON_DECLINED,
    REASON_REMOVED,
    REASON_UNCONFIRMED,
    Preferences,
    author_exclusion,
    get_mute_author_state,
    get_mute_state,
    get_pause_state,
    get_profile,
    get_resubscribe_profile,
    get_unsubscribe_state,
    get_weekly_state,
    mute_author,
    mute_keyword,
    parse_keywords_or_raise,
    resubscribe,
    set_weekly,
    start_pause,
    subscribe,
    undo_pause,
    undo_weekly,
    unmute_author,
    unmute_keyword,
    unsubscribe,
    update_preferences,
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
    remove_subscriber,
    set_status,
    sign_token,
    store_papers,
)

NOW = datetime(2026, 7, 29, 20, tzinfo=UTC)  # a Wednesday; in Tokyo it is Thursday
DAY = timedelta(days=1)
MUTE, MUTE_AUTHOR = TokenPurpose.MUTE, TokenPurpose.MUTE_AUTHOR
WEEKLY, PAUSE = TokenPurpose.WEEKLY, TokenPurpose.PAUSE


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> StoreView:
    return StoreView(store)


def keyword_id(ctx: AppContext, keyword: str) -> int:
    with read_session(ctx.engine) as session:
        found = session.exec(select(Keyword.id).where(Keyword.canonical == parse(keyword).canonical)).one()
    return int(found or 0)


def keywords(ctx: AppContext) -> tuple[str, ...]:
    """Return those keywords of Ada's that are not muted."""
    profile = get_profile(ctx, TokenPurpose.PREFERENCES, sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW), NOW)
    return tuple(keyword for keyword in profile.keywords if keyword not in profile.muted)


def store_paper_by(ctx: AppContext, *names: str) -> int:
    (number,) = store_papers(ctx, NOW, "A robot")
    with write_session(ctx.engine) as session:
        session.get_one(Paper, number).authors = list(names)
    return number


# --- mute a keyword


def test_a_keyword_is_muted_and_unmuted_at_its_position(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", "Graphs & trees", "protein", now=NOW)
    key, number = sign_token(ctx, ADA, MUTE, NOW), keyword_id(ctx, "Graphs & trees")
    state = get_mute_state(ctx, key, number, NOW)
    assert (state.keyword and state.keyword.text, state.is_only) == ("Graphs & trees", False)
    done = mute_keyword(ctx, key, number, NOW)
    assert keywords(ctx) == ("robot", "protein")
    assert mute_keyword(ctx, key, number, NOW).keyword is None
    for _ in range(2):
        assert unmute_keyword(ctx, key, done.undo, NOW + DAY).keyword == state.keyword
        assert keywords(ctx) == ("robot", "Graphs & trees", "protein")


def test_a_muted_keyword_that_was_removed_since_is_inserted_where_it_was(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", "Graphs & trees", "protein", now=NOW)
    key = sign_token(ctx, ADA, MUTE, NOW)
    undo = mute_keyword(ctx, key, keyword_id(ctx, "Graphs & trees"), NOW).undo
    remaining = parse_keywords_or_raise(["robot", "protein"])
    preferences = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW)
    update_preferences(ctx, preferences, Preferences(), remaining, None, NOW)
    unmute_keyword(ctx, key, undo, NOW)
    assert keywords(ctx) == ("robot", "Graphs & trees", "protein")


def test_the_last_keyword_that_brings_papers_cannot_be_muted(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", "-survey", "protein", now=NOW)
    key = sign_token(ctx, ADA, MUTE, NOW)
    assert not mute_keyword(ctx, key, keyword_id(ctx, "robot"), NOW).is_only
    last = keyword_id(ctx, "protein")
    assert get_mute_state(ctx, key, last, NOW).is_only
    assert mute_keyword(ctx, key, last, NOW).is_only
    assert keywords(ctx) == ("-survey", "protein")
    assert mute_keyword(ctx, key, keyword_id(ctx, "-survey"), NOW).keyword is not None
    assert keywords(ctx) == ("protein",)


def test_two_clicks_that_mute_the_last_two_keywords_at_once_leave_one(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", "protein", now=NOW)
    barrier, key = Barrier(2), sign_token(ctx, ADA, MUTE, NOW)

    def press(number: int) -> bool:
        barrier.wait()
        return mute_keyword(ctx, key, number, NOW).is_only

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, [keyword_id(ctx, "robot"), keyword_id(ctx, "protein")])) == [False, True]
    assert len(keywords(ctx)) == 1


def test_a_keyword_of_another_subscriber_cannot_be_muted(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", "graph", now=NOW)
    add_active_subscriber(ctx, BOB, "protein", "speech", now=NOW)
    assert mute_keyword(ctx, sign_token(ctx, ADA, MUTE, NOW), keyword_id(ctx, "protein"), NOW).keyword is None
    assert get_profile(
        ctx, TokenPurpose.PREFERENCES, sign_token(ctx, BOB, TokenPurpose.PREFERENCES, NOW), NOW
    ).keywords == (
        "protein",
        "speech",
    )


def test_the_papers_that_a_keyword_brought_are_counted_in_the_last_digests(ctx: AppContext, record: StoreView) -> None:
    store_papers(ctx, NOW, "A robot", "Robots and proteins", "A protein", "A tree")
    add_active_subscriber(ctx, ADA, "robot", "protein", "speech", now=NOW)
    key = sign_token(ctx, ADA, MUTE, NOW)
    assert get_mute_state(ctx, key, keyword_id(ctx, "robot"), NOW).mailed_count == 0
    plan_digests(ctx, NOW)
    record.set_state(DeliveryState.SENT)
    for keyword, matched_count in (("robot", 2), ("protein", 2), ("speech", 0)):
        state = get_mute_state(ctx, key, keyword_id(ctx, keyword), NOW)
        assert (state.matched_count, state.mailed_count) == (matched_count, 3)


# --- mute an author


def test_an_author_is_muted_by_a_keyword_and_unmuted(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    paper, key = store_paper_by(ctx, "Yejin Choi", "李 明", "Yejin Choi"), sign_token(ctx, ADA, MUTE_AUTHOR, NOW)
    state = get_mute_author_state(ctx, key, paper, NOW)
    assert ([author.name for author in state.authors], state.title) == (["Yejin Choi", "李 明"], "A robot")
    done = mute_author(ctx, key, paper, "李 明", NOW)
    assert (keywords(ctx), done.changed) == (("robot", '-author:"李 明"'), True)
    assert get_mute_author_state(ctx, key, paper, NOW).authors[1].is_muted
    again = mute_author(ctx, key, paper, "李 明", NOW)
    assert (keywords(ctx), again.changed) == (("robot", '-author:"李 明"'), False)
    for _ in range(2):
        unmute_author(ctx, key, again.undo, NOW)
        assert keywords(ctx) == ("robot",)


def test_papers_of_a_muted_author_do_not_come(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    paper = store_paper_by(ctx, "Yejin Choi")
    mute_author(ctx, sign_token(ctx, ADA, MUTE_AUTHOR, NOW), paper, "Yejin Choi", NOW)
    plan_digests(ctx, NOW)
    assert record.deliveries(ADA) == []


def test_only_authors_of_that_paper_can_be_muted(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    paper, key = store_paper_by(ctx, "Yejin Choi", "…"), sign_token(ctx, ADA, MUTE_AUTHOR, NOW)
    for name in ("Somebody Else", "…", "", "yejin choi"):
        with pytest.raises(SubscriberError, match="Choose one of the authors"):
            mute_author(ctx, key, paper, name, NOW)
    with pytest.raises(TokenError, match="no longer stored"):
        get_mute_author_state(ctx, key, paper + 1, NOW)
    assert keywords(ctx) == ("robot",)


def test_an_author_beyond_the_limit_of_keywords_is_refused_with_a_reason(store: Engine) -> None:
    ctx = make_context(store, most_keywords=2)
    add_active_subscriber(ctx, ADA, "robot", "protein", now=NOW)
    paper, key = store_paper_by(ctx, "Yejin Choi"), sign_token(ctx, ADA, MUTE_AUTHOR, NOW)
    with pytest.raises(SubscriberError, match="You have 2 keywords and exclusions, and the limit is 2"):
        mute_author(ctx, key, paper, "Yejin Choi", NOW)
    assert keywords(ctx) == ("robot", "protein")
    update_preferences(
        ctx,
        sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW),
        Preferences(),
        parse_keywords_or_raise(['-author:"Yejin Choi"', "x"]),
        None,
        NOW,
    )
    assert not mute_author(ctx, key, paper, "Yejin Choi", NOW).changed


NAMES = [
    *("Yejin Choi", "Choi, Yejin", 'Ann "Andy" O\'Neil', "J. Smith", "李 明", "Müller-Lüdenscheidt, Hans*", "AND OR"),
    *("Team: Gemini", "et al.", "-dash", "(anonymous)", "عمر الخيام", "Smith, J., Jr.", "au:x", "“Quoted” Name", "a"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_exclusion_of_a_name_matches_its_papers_and_is_canonical(name: str) -> None:
    exclusion = author_exclusion(name)
    assert exclusion is not None
    query = parse(exclusion.text)
    assert (query.exclude, query.canonical) == (True, exclusion.canonical)
    papers = [
        PaperDocument(id=1, title="x", authors=("Somebody Else", name)),
        PaperDocument(id=2, title="x", authors=("Other",)),
    ]
    assert [hit.document for hit in Matcher([query]).match(papers)[0]] == [0]


@pytest.mark.parametrize("name", ["", "…", "*", '"', "x" * 3000])
def test_a_name_that_no_keyword_can_express_has_no_exclusion(name: str) -> None:
    assert author_exclusion(name) is None


def test_of_a_paper_with_thousands_of_authors_fifty_can_be_chosen(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    store_papers(ctx, NOW, "A robot walks")
    names = [f"Author Number{n}" for n in range(3000)]
    with write_session(ctx.engine) as session:
        session.exec(select(Paper)).one().authors = names
    state = get_mute_author_state(ctx, sign_token(ctx, ADA, TokenPurpose.MUTE_AUTHOR, NOW), 1, NOW)
    assert [author.name for author in state.authors] == [*names[:49], names[-1]]
    assert state.unlisted_count == 2950


# --- once a week, and pause


@pytest.mark.parametrize("before", ["daily", "weekdays"])
def test_weekly_digests_are_set_and_undone(ctx: AppContext, record: StoreView, before: str) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW, frequency=before, timezone="Asia/Tokyo")
    key = sign_token(ctx, ADA, WEEKLY, NOW)
    state = get_weekly_state(ctx, key, NOW)
    assert (state.is_set, state.first_day, state.profile.preferences.frequency) == (False, date(2026, 8, 3), before)
    done = set_weekly(ctx, key, NOW)
    assert record.subscriber(ADA).frequency == "weekly"
    assert not set_weekly(ctx, key, NOW).changed
    for _ in range(2):
        assert undo_weekly(ctx, key, done.undo, NOW).profile.preferences.frequency == before
    # A paused subscriber is told the first Monday after the pause.
    set_status(ctx.engine, ADA, SubscriberStatus.PAUSED, paused_until=date(2026, 8, 11))
    assert get_weekly_state(ctx, key, NOW).first_day == date(2026, 8, 17)


def test_undoing_weekly_leaves_a_later_choice_alone(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    undo = set_weekly(ctx, sign_token(ctx, ADA, WEEKLY, NOW), NOW).undo
    update_preferences(
        ctx, sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW), Preferences(frequency="weekdays"), [], None, NOW
    )
    undo_weekly(ctx, sign_token(ctx, ADA, WEEKLY, NOW), undo, NOW)
    assert record.subscriber(ADA).frequency == "weekdays"


def test_a_pause_is_two_weeks_by_the_subscribers_calendar(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW, timezone="Asia/Tokyo")
    key = sign_token(ctx, ADA, PAUSE, NOW)
    assert get_pause_state(ctx, key, NOW).until == date(2026, 8, 13)
    done = start_pause(ctx, key, NOW)
    assert (record.subscriber(ADA).status, record.subscriber(ADA).paused_until) == (
        SubscriberStatus.PAUSED,
        date(2026, 8, 13),
    )
    again = start_pause(ctx, key, NOW)
    assert (again.changed, again.until) == (False, date(2026, 8, 13))
    for _ in range(2):
        undo_pause(ctx, key, done.undo, NOW)
        assert (record.subscriber(ADA).status, record.subscriber(ADA).paused_until) == (SubscriberStatus.ACTIVE, None)


@pytest.mark.parametrize(
    ("until", "after", "back"),
    [
        (date(2026, 8, 5), date(2026, 8, 12), date(2026, 8, 5)),  # a shorter pause grows, and is as it was
        (date(2026, 9, 1), date(2026, 9, 1), date(2026, 9, 1)),  # a longer one stays
        (date(2026, 7, 30), date(2026, 8, 12), None),  # over by the time it would be put back
    ],
)
def test_a_pause_during_another_pause(
    ctx: AppContext, record: StoreView, until: date, after: date, back: date | None
) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    set_status(ctx.engine, ADA, SubscriberStatus.PAUSED, paused_until=until)
    key = sign_token(ctx, ADA, PAUSE, NOW)
    undo = start_pause(ctx, key, NOW).undo
    assert record.subscriber(ADA).paused_until == after
    if undo:
        undo_pause(ctx, key, undo, NOW + DAY)
    assert record.subscriber(ADA).paused_until == back


def test_papers_of_a_pause_are_in_the_first_digest_after_it(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW, cap=1)
    plan_digests(ctx, NOW)
    start_pause(ctx, sign_token(ctx, ADA, PAUSE, NOW), NOW)
    found = store_papers(ctx, NOW + DAY, "A robot", "Robots", source="huggingface", upvotes=9)
    plan_digests(ctx, NOW + 13 * DAY)
    assert record.deliveries(ADA) == []
    plan_digests(ctx, NOW + 14 * DAY)
    (digest,) = record.deliveries(ADA)
    assert sorted(digest.papers + digest.omitted_papers) == sorted(found)
    assert len(digest.papers) == 1


# --- all quick actions


def press(ctx: AppContext, purpose: TokenPurpose, key: str, paper: int) -> None:
    number = keyword_id(ctx, "robot")
    match purpose:
        case TokenPurpose.MUTE:
            get_mute_state(ctx, key, number, NOW)
            mute_keyword(ctx, key, number, NOW)
        case TokenPurpose.MUTE_AUTHOR:
            get_mute_author_state(ctx, key, paper, NOW)
            mute_author(ctx, key, paper, "Ada Example", NOW)
        case TokenPurpose.WEEKLY:
            get_weekly_state(ctx, key, NOW)
            set_weekly(ctx, key, NOW)
        case TokenPurpose.PAUSE:
            get_pause_state(ctx, key, NOW)
            start_pause(ctx, key, NOW)


@pytest.mark.parametrize("status", SubscriberStatus)
def test_quick_actions_need_a_running_subscription(
    ctx: AppContext, record: StoreView, status: SubscriberStatus
) -> None:
    paper = store_paper_by(ctx, "Ada Example")
    add_active_subscriber(ctx, ADA, "robot", "protein", now=NOW)
    set_status(ctx.engine, ADA, status, paused_until=date(2026, 8, 1) if status == SubscriberStatus.PAUSED else None)
    before = (record.subscriber(ADA), keywords(ctx))
    for purpose in (WEEKLY, PAUSE, MUTE_AUTHOR, MUTE):
        if status in {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}:
            press(ctx, purpose, sign_token(ctx, ADA, purpose, NOW), paper)
            assert (record.subscriber(ADA), keywords(ctx)) != before
        else:
            with pytest.raises(TokenError, match="not running"):
                press(ctx, purpose, sign_token(ctx, ADA, purpose, NOW), paper)
            assert (record.subscriber(ADA), keywords(ctx)) == before


def test_an_undo_token_is_valid_for_one_subscriber_one_change_and_one_day(ctx: AppContext) -> None:
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "robot", "protein", now=NOW)
    mine, theirs = (sign_token(ctx, email, MUTE, NOW) for email in (ADA, BOB))
    undo = mute_keyword(ctx, mine, keyword_id(ctx, "robot"), NOW).undo
    other = set_weekly(ctx, sign_token(ctx, ADA, WEEKLY, NOW), NOW).undo
    mute_keyword(ctx, theirs, keyword_id(ctx, "robot"), NOW)
    for key, note in ((theirs, undo), (mine, other), (mine, "x"), (mine, mine), (mine, undo[:-3])):
        with pytest.raises(TokenError):
            unmute_keyword(ctx, key, note, NOW)
    with pytest.raises(TokenError, match="a day and has expired"):
        unmute_keyword(ctx, mine, undo, NOW + DAY + timedelta(seconds=1))
    forged = ctx.token_signer.sign(TokenPurpose.UNDO, "no-note-at-all", NOW)
    with pytest.raises(TokenError, match="damaged"):
        unmute_keyword(ctx, mine, forged, NOW)
    assert keywords(ctx) == ("protein",)


# --- resubscribe


def undo_token(ctx: AppContext, now: datetime) -> str:
    """The token on the page behind the link to unsubscribe."""
    return get_unsubscribe_state(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), now).undo


def end(ctx: AppContext, now: datetime = NOW, *, send_goodbye: bool = True) -> None:
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, now), now, send_goodbye=send_goodbye)


def test_resubscribing_restores_everything(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "-survey", now=NOW, frequency="daily", cap=7)
    plan_digests(ctx, NOW)
    before = record.subscriber(ADA)
    end(ctx)
    found = store_papers(ctx, NOW + DAY, "A robot")
    key, late = sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW + 30 * DAY
    assert get_resubscribe_profile(ctx, key, late).keywords == ("robot", "-survey")
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED
    for _ in range(2):
        assert resubscribe(ctx, key, late).profile.status == SubscriberStatus.ACTIVE
    assert record.subscriber(ADA) == before
    plan_digests(ctx, late)
    assert record.deliveries(ADA)[-1].papers == found


def test_after_thirty_days_even_a_new_token_does_not_resubscribe(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    end(ctx)
    late = NOW + 30 * DAY + timedelta(seconds=1)
    with pytest.raises(TokenError, match="30 days and has expired"):
        resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), late)
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, late), late)
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED


INVOLUNTARY_ENDS = [
    (SubscriberStatus.SUPPRESSED, "refused: 550 5.1.1"),
    (SubscriberStatus.SUPPRESSED, "complaint: abuse"),
    (SubscriberStatus.SUPPRESSED, ""),
    (SubscriberStatus.UNSUBSCRIBED, REASON_DECLINED),
    (SubscriberStatus.UNSUBSCRIBED, REASON_UNCONFIRMED),
    (SubscriberStatus.UNSUBSCRIBED, REASON_REMOVED),
    (SubscriberStatus.PENDING, ""),
]


def test_only_a_voluntary_end_can_be_undone(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    end(ctx)
    key = sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW)
    for status, reason in INVOLUNTARY_ENDS:
        set_status(ctx.engine, ADA, status, reason=reason)
        for function in (get_resubscribe_profile, resubscribe):
            with pytest.raises(TokenError):
                function(ctx, key, NOW)
        assert (record.subscriber(ADA).status, record.subscriber(ADA).reason) == (status, reason)
        assert undo_token(ctx, NOW) == ""
    set_status(ctx.engine, ADA, SubscriberStatus.UNSUBSCRIBED, reason="")
    assert get_resubscribe_profile(ctx, key, NOW).status == SubscriberStatus.UNSUBSCRIBED


def test_an_erased_subscriber_cannot_resubscribe(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    end(ctx)
    key = sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW)
    erase_by_email(ctx, ADA)
    with pytest.raises(TokenError, match="no longer exists"):
        resubscribe(ctx, key, NOW)


def test_resubscribing_does_not_confirm_the_request_of_a_stranger(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    end(ctx)
    subscribe(ctx, ADA, Preferences(), parse_keywords_or_raise(["casino"]), NOW)
    with pytest.raises(TokenError, match="confirmation e-mail"):
        resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    # Nor after an old link has ended the request: the keywords are the stranger's now.
    end(ctx)
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_removal_by_the_operator_is_not_undone_by_a_token(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    remove_subscriber(ctx, ADA, NOW)
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_the_undo_token_is_offered_for_an_hour_or_after_one_click_unsubscription(ctx: AppContext) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    assert undo_token(ctx, NOW) == ""
    undo = unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW).undo
    assert ctx.token_signer.unsign(TokenPurpose.RESUBSCRIBE, undo, NOW)
    assert ctx.token_signer.unsign(TokenPurpose.RESUBSCRIBE, undo_token(ctx, NOW + timedelta(hours=1)), NOW)
    assert undo_token(ctx, NOW + timedelta(hours=1, seconds=1)) == ""
    resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    end(ctx, send_goodbye=False)
    assert undo_token(ctx, NOW + 30 * DAY)
    assert undo_token(ctx, NOW + 31 * DAY) == ""


def test_unsubscribing_and_undoing_it_repeatedly_mails_one_goodbye_a_day(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=NOW - 9 * DAY)
    for minute in range(3):
        end(ctx, NOW + timedelta(minutes=minute))
        resubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    assert record.delivery_kinds(ADA) == ["goodbye"]
    end(ctx, NOW + DAY)
    assert record.delivery_kinds(ADA) == ["goodbye", "goodbye"]
