"""The small links of a letter at the front desk: what each changes, what it leaves alone, and the way back."""

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
from digest.planning import plan
from digest.subscribers import (
    REASON_DECLINED,
    REASON_REMOVED,
    REASON_UNCONFIRMED,
    Preferences,
    author_exclusion,
    erase_by_email,
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
    remove_subscriber,
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
from tests.support.contexts import ADA, BOB, Record, arrive, make_context, put, reader, token

NOW = datetime(2026, 7, 29, 20, tzinfo=UTC)  # a Wednesday; in Tokyo it is Thursday
DAY = timedelta(days=1)
MUTE, NEVER, FEWER, PAUSE = TokenPurpose.MUTE, TokenPurpose.MUTE_AUTHOR, TokenPurpose.WEEKLY, TokenPurpose.PAUSE


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


def number_of(at: AppContext, keyword: str) -> int:
    with read_session(at.engine) as session:
        found = session.exec(select(Keyword.id).where(Keyword.canonical == parse(keyword).canonical)).one()
    return int(found or 0)


def words(at: AppContext) -> tuple[str, ...]:
    return get_profile(at, TokenPurpose.PREFERENCES, token(at, ADA, TokenPurpose.PREFERENCES, NOW), NOW).keywords


def authored(at: AppContext, *names: str) -> int:
    (number,) = arrive(at, NOW, "A robot")
    with write_session(at.engine) as session:
        session.get_one(Paper, number).authors = list(names)
    return number


# --- mute


def test_a_keyword_is_taken_out_and_put_back_where_it_was(at: AppContext) -> None:
    reader(at, ADA, "robot", "Graphs & trees", "protein", now=NOW)
    key, number = token(at, ADA, MUTE, NOW), number_of(at, "Graphs & trees")
    seen = get_mute_state(at, key, number, NOW)
    assert (seen.keyword and seen.keyword.text, seen.is_only) == ("Graphs & trees", False)
    done = mute_keyword(at, key, number, NOW)
    assert words(at) == ("robot", "protein")
    assert mute_keyword(at, key, number, NOW).keyword is None
    for _ in range(2):
        assert unmute_keyword(at, key, done.undo, NOW + DAY).keyword == seen.keyword
        assert words(at) == ("robot", "Graphs & trees", "protein")


def test_the_last_keyword_that_brings_papers_is_never_taken_out(at: AppContext) -> None:
    reader(at, ADA, "robot", "-survey", "protein", now=NOW)
    key = token(at, ADA, MUTE, NOW)
    assert not mute_keyword(at, key, number_of(at, "robot"), NOW).is_only
    last = number_of(at, "protein")
    assert get_mute_state(at, key, last, NOW).is_only
    assert mute_keyword(at, key, last, NOW).is_only
    assert words(at) == ("-survey", "protein")
    assert mute_keyword(at, key, number_of(at, "-survey"), NOW).keyword is not None
    assert words(at) == ("protein",)


def test_two_who_mute_the_last_two_keywords_at_once_leave_one(at: AppContext) -> None:
    reader(at, ADA, "robot", "protein", now=NOW)
    barrier, key = Barrier(2), token(at, ADA, MUTE, NOW)

    def press(number: int) -> bool:
        barrier.wait()
        return mute_keyword(at, key, number, NOW).is_only

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, [number_of(at, "robot"), number_of(at, "protein")])) == [False, True]
    assert len(words(at)) == 1


def test_a_keyword_of_somebody_else_is_not_ones_own(at: AppContext) -> None:
    reader(at, ADA, "robot", "graph", now=NOW)
    reader(at, BOB, "protein", "speech", now=NOW)
    assert mute_keyword(at, token(at, ADA, MUTE, NOW), number_of(at, "protein"), NOW).keyword is None
    assert get_profile(at, TokenPurpose.PREFERENCES, token(at, BOB, TokenPurpose.PREFERENCES, NOW), NOW).keywords == (
        "protein",
        "speech",
    )


def test_it_is_told_how_many_papers_of_the_last_letters_a_keyword_brought(at: AppContext, record: Record) -> None:
    arrive(at, NOW, "A robot", "Robots and proteins", "A protein", "A tree")
    reader(at, ADA, "robot", "protein", "speech", now=NOW)
    key = token(at, ADA, MUTE, NOW)
    assert get_mute_state(at, key, number_of(at, "robot"), NOW).mailed_count == 0
    plan(at.engine, at.sender_domain, NOW)
    record.settle(DeliveryState.SENT)
    for keyword, brought in (("robot", 2), ("protein", 2), ("speech", 0)):
        seen = get_mute_state(at, key, number_of(at, keyword), NOW)
        assert (seen.matched_count, seen.mailed_count) == (brought, 3)


# --- never


def test_an_author_is_kept_away_by_a_line_that_can_be_seen_and_taken_out(at: AppContext) -> None:
    reader(at, ADA, "robot", now=NOW)
    paper, key = authored(at, "Yejin Choi", "李 明", "Yejin Choi"), token(at, ADA, NEVER, NOW)
    seen = get_mute_author_state(at, key, paper, NOW)
    assert ([each.name for each in seen.authors], seen.title) == (["Yejin Choi", "李 明"], "A robot")
    done = mute_author(at, key, paper, "李 明", NOW)
    assert (words(at), done.changed) == (("robot", '-author:"李 明"'), True)
    assert get_mute_author_state(at, key, paper, NOW).authors[1].is_muted
    again = mute_author(at, key, paper, "李 明", NOW)
    assert (words(at), again.changed) == (("robot", '-author:"李 明"'), False)
    for _ in range(2):
        unmute_author(at, key, again.undo, NOW)
        assert words(at) == ("robot",)


def test_papers_of_a_kept_away_author_do_not_come(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    paper = authored(at, "Yejin Choi")
    mute_author(at, token(at, ADA, NEVER, NOW), paper, "Yejin Choi", NOW)
    plan(at.engine, at.sender_domain, NOW)
    assert record.letters(ADA) == []


def test_only_authors_of_that_paper_can_be_kept_away(at: AppContext) -> None:
    reader(at, ADA, "robot", now=NOW)
    paper, key = authored(at, "Yejin Choi", "…"), token(at, ADA, NEVER, NOW)
    for name in ("Somebody Else", "…", "", "yejin choi"):
        with pytest.raises(SubscriberError, match="Choose one of the authors"):
            mute_author(at, key, paper, name, NOW)
    with pytest.raises(TokenError, match="not kept any more"):
        get_mute_author_state(at, key, paper + 1, NOW)
    assert words(at) == ("robot",)


def test_an_author_more_than_there_may_be_keywords_is_refused_and_said(store: Engine) -> None:
    at = make_context(store, most_keywords=2)
    reader(at, ADA, "robot", "protein", now=NOW)
    paper, key = authored(at, "Yejin Choi"), token(at, ADA, NEVER, NOW)
    with pytest.raises(SubscriberError, match="You have 2 keywords and exclusions, and 2 are the most"):
        mute_author(at, key, paper, "Yejin Choi", NOW)
    assert words(at) == ("robot", "protein")
    update_preferences(
        at,
        token(at, ADA, TokenPurpose.PREFERENCES, NOW),
        Preferences(),
        parse_keywords_or_raise(['-author:"Yejin Choi"', "x"]),
        None,
        NOW,
    )
    assert not mute_author(at, key, paper, "Yejin Choi", NOW).changed


NAMES = [
    *("Yejin Choi", "Choi, Yejin", 'Ann "Andy" O\'Neil', "J. Smith", "李 明", "Müller-Lüdenscheidt, Hans*", "AND OR"),
    *("Team: Gemini", "et al.", "-dash", "(anonymous)", "عمر الخيام", "Smith, J., Jr.", "au:x", "“Quoted” Name", "a"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_line_for_a_name_finds_its_papers_and_is_read_back_as_itself(name: str) -> None:
    line = author_exclusion(name)
    assert line is not None
    query = parse(line.text)
    assert (query.exclude, query.canonical) == (True, line.canonical)
    papers = [
        PaperDocument(id=1, title="x", authors=("Somebody Else", name)),
        PaperDocument(id=2, title="x", authors=("Other",)),
    ]
    assert [hit.document for hit in Matcher([query]).match(papers)[0]] == [0]


@pytest.mark.parametrize("name", ["", "…", "*", '"', "x" * 3000])
def test_a_name_that_no_keyword_can_say_has_no_line(name: str) -> None:
    assert author_exclusion(name) is None


# --- fewer and pause


@pytest.mark.parametrize("before", ["daily", "weekdays"])
def test_letters_come_once_a_week_and_as_often_as_before(at: AppContext, record: Record, before: str) -> None:
    reader(at, ADA, "robot", now=NOW, frequency=before, timezone="Asia/Tokyo")
    key = token(at, ADA, FEWER, NOW)
    seen = get_weekly_state(at, key, NOW)
    assert (seen.is_set, seen.first_day, seen.profile.preferences.frequency) == (False, date(2026, 8, 3), before)
    done = set_weekly(at, key, NOW)
    assert record.of(ADA).frequency == "weekly"
    assert not set_weekly(at, key, NOW).changed
    for _ in range(2):
        assert undo_weekly(at, key, done.undo, NOW).profile.preferences.frequency == before
    # A paused reader hears of the first Monday after the pause.
    put(at.engine, ADA, SubscriberStatus.PAUSED, paused_until=date(2026, 8, 11))
    assert get_weekly_state(at, key, NOW).first_day == date(2026, 8, 17)


def test_going_back_to_often_leaves_a_later_choice_alone(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    undo = set_weekly(at, token(at, ADA, FEWER, NOW), NOW).undo
    update_preferences(
        at, token(at, ADA, TokenPurpose.PREFERENCES, NOW), Preferences(frequency="weekdays"), [], None, NOW
    )
    undo_weekly(at, token(at, ADA, FEWER, NOW), undo, NOW)
    assert record.of(ADA).frequency == "weekdays"


def test_a_pause_is_two_weeks_by_the_readers_calendar(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW, timezone="Asia/Tokyo")
    key = token(at, ADA, PAUSE, NOW)
    assert get_pause_state(at, key, NOW).until == date(2026, 8, 13)
    done = start_pause(at, key, NOW)
    assert (record.of(ADA).status, record.of(ADA).paused_until) == (SubscriberStatus.PAUSED, date(2026, 8, 13))
    again = start_pause(at, key, NOW)
    assert (again.changed, again.until) == (False, date(2026, 8, 13))
    for _ in range(2):
        undo_pause(at, key, done.undo, NOW)
        assert (record.of(ADA).status, record.of(ADA).paused_until) == (SubscriberStatus.ACTIVE, None)


@pytest.mark.parametrize(
    ("until", "after", "back"),
    [
        (date(2026, 8, 5), date(2026, 8, 12), date(2026, 8, 5)),  # a shorter pause grows, and is as it was
        (date(2026, 9, 1), date(2026, 9, 1), date(2026, 9, 1)),  # a longer one stays
        (date(2026, 7, 30), date(2026, 8, 12), None),  # over by the time it would be put back
    ],
)
def test_a_pause_that_there_is_already(
    at: AppContext, record: Record, until: date, after: date, back: date | None
) -> None:
    reader(at, ADA, "robot", now=NOW)
    put(at.engine, ADA, SubscriberStatus.PAUSED, paused_until=until)
    key = token(at, ADA, PAUSE, NOW)
    undo = start_pause(at, key, NOW).undo
    assert record.of(ADA).paused_until == after
    if undo:
        undo_pause(at, key, undo, NOW + DAY)
    assert record.of(ADA).paused_until == back


def test_papers_of_a_pause_are_in_the_first_letter_after_it(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW, cap=1)
    plan(at.engine, at.sender_domain, NOW)
    start_pause(at, token(at, ADA, PAUSE, NOW), NOW)
    found = arrive(at, NOW + DAY, "A robot", "Robots", source="huggingface", upvotes=9)
    plan(at.engine, at.sender_domain, NOW + 13 * DAY)
    assert record.letters(ADA) == []
    plan(at.engine, at.sender_domain, NOW + 14 * DAY)
    (letter,) = record.letters(ADA)
    assert sorted(letter.papers + letter.omitted_papers) == sorted(found)
    assert len(letter.papers) == 1


# --- all of them


def press(at: AppContext, purpose: TokenPurpose, key: str, paper: int) -> None:
    number = number_of(at, "robot")
    match purpose:
        case TokenPurpose.MUTE:
            get_mute_state(at, key, number, NOW)
            mute_keyword(at, key, number, NOW)
        case TokenPurpose.MUTE_AUTHOR:
            get_mute_author_state(at, key, paper, NOW)
            mute_author(at, key, paper, "Ada Example", NOW)
        case TokenPurpose.WEEKLY:
            get_weekly_state(at, key, NOW)
            set_weekly(at, key, NOW)
        case TokenPurpose.PAUSE:
            get_pause_state(at, key, NOW)
            start_pause(at, key, NOW)


@pytest.mark.parametrize("status", SubscriberStatus)
def test_the_small_links_serve_running_subscriptions_only(
    at: AppContext, record: Record, status: SubscriberStatus
) -> None:
    paper = authored(at, "Ada Example")
    reader(at, ADA, "robot", "protein", now=NOW)
    put(at.engine, ADA, status, paused_until=date(2026, 8, 1) if status == SubscriberStatus.PAUSED else None)
    before = (record.of(ADA), words(at))
    for purpose in (FEWER, PAUSE, NEVER, MUTE):
        if status in {SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED}:
            press(at, purpose, token(at, ADA, purpose, NOW), paper)
            assert (record.of(ADA), words(at)) != before
        else:
            with pytest.raises(TokenError, match="not running"):
                press(at, purpose, token(at, ADA, purpose, NOW), paper)
            assert (record.of(ADA), words(at)) == before


def test_a_note_for_going_back_is_good_for_one_reader_one_change_and_one_day(at: AppContext) -> None:
    for email in (ADA, BOB):
        reader(at, email, "robot", "protein", now=NOW)
    mine, theirs = (token(at, email, MUTE, NOW) for email in (ADA, BOB))
    undo = mute_keyword(at, mine, number_of(at, "robot"), NOW).undo
    other = set_weekly(at, token(at, ADA, FEWER, NOW), NOW).undo
    mute_keyword(at, theirs, number_of(at, "robot"), NOW)
    for key, note in ((theirs, undo), (mine, other), (mine, "x"), (mine, mine), (mine, undo[:-3])):
        with pytest.raises(TokenError):
            unmute_keyword(at, key, note, NOW)
    with pytest.raises(TokenError, match="a day and has expired"):
        unmute_keyword(at, mine, undo, NOW + DAY + timedelta(seconds=1))
    forged = at.token_signer.sign(TokenPurpose.UNDO, "no-note-at-all", NOW)
    with pytest.raises(TokenError, match="damaged"):
        unmute_keyword(at, mine, forged, NOW)
    assert words(at) == ("protein",)


# --- the way back after leaving


def undo_token(at: AppContext, now: datetime) -> str:
    """The token on the page behind the link to unsubscribe."""
    return get_unsubscribe_state(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, NOW), now).undo


def leave(at: AppContext, now: datetime = NOW, *, farewell: bool = True) -> None:
    unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, now), now, send_goodbye=farewell)


def test_who_left_comes_back_as_if_nothing_had_been(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", "-survey", now=NOW, frequency="daily", cap=7)
    plan(at.engine, at.sender_domain, NOW)
    before = record.of(ADA)
    leave(at)
    found = arrive(at, NOW + DAY, "A robot")
    key, late = token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW + 30 * DAY
    assert get_resubscribe_profile(at, key, late).keywords == ("robot", "-survey")
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED
    for _ in range(2):
        assert resubscribe(at, key, late).profile.status == SubscriberStatus.ACTIVE
    assert record.of(ADA) == before
    plan(at.engine, at.sender_domain, late)
    assert record.letters(ADA)[-1].papers == found


def test_after_thirty_days_there_is_no_way_back_however_new_the_link(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    late = NOW + 30 * DAY + timedelta(seconds=1)
    with pytest.raises(TokenError, match="30 days and has expired"):
        resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), late)
    with pytest.raises(TokenError, match="cannot be undone any more"):
        resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, late), late)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED


NOT_BY_OWN_WILL = [
    (SubscriberStatus.SUPPRESSED, "refused: 550 5.1.1"),
    (SubscriberStatus.SUPPRESSED, "complaint: abuse"),
    (SubscriberStatus.SUPPRESSED, ""),
    (SubscriberStatus.UNSUBSCRIBED, REASON_DECLINED),
    (SubscriberStatus.UNSUBSCRIBED, REASON_UNCONFIRMED),
    (SubscriberStatus.UNSUBSCRIBED, REASON_REMOVED),
    (SubscriberStatus.PENDING, ""),
]


def test_only_ones_own_leaving_can_be_undone(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    key = token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW)
    for status, reason in NOT_BY_OWN_WILL:
        put(at.engine, ADA, status, reason=reason)
        for ask in (get_resubscribe_profile, resubscribe):
            with pytest.raises(TokenError):
                ask(at, key, NOW)
        assert (record.of(ADA).status, record.of(ADA).reason) == (status, reason)
        assert undo_token(at, NOW) == ""
    put(at.engine, ADA, SubscriberStatus.UNSUBSCRIBED, reason="")
    assert get_resubscribe_profile(at, key, NOW).status == SubscriberStatus.UNSUBSCRIBED


def test_who_was_erased_cannot_come_back(at: AppContext) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    key = token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW)
    erase_by_email(at.engine, ADA)
    with pytest.raises(TokenError, match="no longer exists"):
        resubscribe(at, key, NOW)


def test_a_stranger_who_asks_meanwhile_is_not_confirmed_by_coming_back(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    subscribe(at, ADA, Preferences(), parse_keywords_or_raise(["casino"]), NOW)
    with pytest.raises(TokenError, match="confirmation mail"):
        resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    # Nor by leaving with an old letter's link, which ends the request, and coming back to the stranger's words.
    leave(at)
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_the_operators_end_is_not_undone_by_a_link(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    remove_subscriber(at, ADA, NOW)
    with pytest.raises(TokenError, match="cannot be undone"):
        resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_the_way_back_is_on_the_page_for_an_hour_or_after_one_click(at: AppContext) -> None:
    reader(at, ADA, "robot", now=NOW)
    assert undo_token(at, NOW) == ""
    undo = unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW).undo
    assert at.token_signer.unsign(TokenPurpose.RESUBSCRIBE, undo, NOW)
    assert at.token_signer.unsign(TokenPurpose.RESUBSCRIBE, undo_token(at, NOW + timedelta(hours=1)), NOW)
    assert undo_token(at, NOW + timedelta(hours=1, seconds=1)) == ""
    resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    leave(at, farewell=False)
    assert undo_token(at, NOW + 30 * DAY)
    assert undo_token(at, NOW + 31 * DAY) == ""


def test_leaving_and_undoing_it_again_and_again_mails_one_goodbye_a_day(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW - 9 * DAY)
    for minute in range(3):
        leave(at, NOW + timedelta(minutes=minute))
        resubscribe(at, token(at, ADA, TokenPurpose.RESUBSCRIBE, NOW), NOW)
    assert record.kinds(ADA) == ["goodbye"]
    leave(at, NOW + DAY)
    assert record.kinds(ADA) == ["goodbye", "goodbye"]
