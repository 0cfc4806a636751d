"""The small links of a letter at the front desk: what each changes, what it leaves alone, and the way back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest import db, desk, planning, roll, subscribers
from digest.desk import doors, returning
from digest.desk.never import allow, exclusion, look_never, never
from digest.errors import SubscriberError, TokenError
from digest.house import House
from digest.matching import Document, Matcher, parse
from digest.models import DeliveryState, Keyword, Paper, SubscriberStatus
from digest.subscribers import Purpose, Wish
from tests.house import ADA, BOB, Record, arrive, house, put, reader, token

NOW = datetime(2026, 7, 29, 20, tzinfo=UTC)  # a Wednesday; in Tokyo it is Thursday
DAY = timedelta(days=1)
MUTE, NEVER, FEWER, PAUSE = Purpose.MUTE, Purpose.NEVER, Purpose.FEWER, Purpose.PAUSE


@pytest.fixture
def at(store: Engine) -> House:
    return house(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


def number_of(at: House, keyword: str) -> int:
    with db.reading(at.engine) as session:
        found = session.exec(select(Keyword.id).where(Keyword.canonical == parse(keyword).canonical)).one()
    return int(found or 0)


def words(at: House) -> tuple[str, ...]:
    return desk.look(at, Purpose.PREFERENCES, token(at, ADA, Purpose.PREFERENCES, NOW), NOW).keywords


def authored(at: House, *names: str) -> int:
    (number,) = arrive(at, NOW, "A robot")
    with db.writing(at.engine) as session:
        session.get_one(Paper, number).authors = list(names)
    return number


# --- mute


def test_a_keyword_is_taken_out_and_put_back_where_it_was(at: House) -> None:
    reader(at, ADA, "robot", "Graphs & trees", "protein", now=NOW)
    key, number = token(at, ADA, MUTE, NOW), number_of(at, "Graphs & trees")
    seen = doors.look_mute(at, key, number, NOW)
    assert (seen.keyword and seen.keyword.written, seen.only) == ("Graphs & trees", False)
    done = doors.mute(at, key, number, NOW)
    assert words(at) == ("robot", "protein")
    assert doors.mute(at, key, number, NOW).keyword is None
    for _ in range(2):
        assert doors.unmute(at, key, done.undo, NOW + DAY).written == "Graphs & trees"
        assert words(at) == ("robot", "Graphs & trees", "protein")


def test_the_last_keyword_that_brings_papers_is_never_taken_out(at: House) -> None:
    reader(at, ADA, "robot", "-survey", "protein", now=NOW)
    key = token(at, ADA, MUTE, NOW)
    assert not doors.mute(at, key, number_of(at, "robot"), NOW).only
    last = number_of(at, "protein")
    assert doors.look_mute(at, key, last, NOW).only
    assert doors.mute(at, key, last, NOW).only
    assert words(at) == ("-survey", "protein")
    assert doors.mute(at, key, number_of(at, "-survey"), NOW).keyword is not None
    assert words(at) == ("protein",)


def test_two_who_mute_the_last_two_keywords_at_once_leave_one(at: House) -> None:
    reader(at, ADA, "robot", "protein", now=NOW)
    barrier, key = Barrier(2), token(at, ADA, MUTE, NOW)

    def press(number: int) -> bool:
        barrier.wait()
        return doors.mute(at, key, number, NOW).only

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(press, [number_of(at, "robot"), number_of(at, "protein")])) == [False, True]
    assert len(words(at)) == 1


def test_a_keyword_of_somebody_else_is_not_ones_own(at: House) -> None:
    reader(at, ADA, "robot", "graph", now=NOW)
    reader(at, BOB, "protein", "speech", now=NOW)
    assert doors.mute(at, token(at, ADA, MUTE, NOW), number_of(at, "protein"), NOW).keyword is None
    assert desk.look(at, Purpose.PREFERENCES, token(at, BOB, Purpose.PREFERENCES, NOW), NOW).keywords == (
        "protein",
        "speech",
    )


def test_it_is_told_how_many_papers_of_the_last_letters_a_keyword_brought(at: House, record: Record) -> None:
    arrive(at, NOW, "A robot", "Robots and proteins", "A protein", "A tree")
    reader(at, ADA, "robot", "protein", "speech", now=NOW)
    key = token(at, ADA, MUTE, NOW)
    assert doors.look_mute(at, key, number_of(at, "robot"), NOW).mailed == 0
    planning.plan(at, NOW)
    record.settle(DeliveryState.SENT)
    for keyword, brought in (("robot", 2), ("protein", 2), ("speech", 0)):
        seen = doors.look_mute(at, key, number_of(at, keyword), NOW)
        assert (seen.brought, seen.mailed) == (brought, 3)


# --- never


def test_an_author_is_kept_away_by_a_line_that_can_be_seen_and_taken_out(at: House) -> None:
    reader(at, ADA, "robot", now=NOW)
    paper, key = authored(at, "Yejin Choi", "李 明", "Yejin Choi"), token(at, ADA, NEVER, NOW)
    seen = look_never(at, key, paper, NOW)
    assert ([each.name for each in seen.authors], seen.title) == (["Yejin Choi", "李 明"], "A robot")
    done = never(at, key, paper, "李 明", NOW)
    assert (words(at), done.already) == (("robot", '-author:"李 明"'), False)
    assert look_never(at, key, paper, NOW).authors[1].kept_away
    again = never(at, key, paper, "李 明", NOW)
    assert (words(at), again.already) == (("robot", '-author:"李 明"'), True)
    for _ in range(2):
        allow(at, key, again.undo, NOW)
        assert words(at) == ("robot",)


def test_papers_of_a_kept_away_author_do_not_come(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    paper = authored(at, "Yejin Choi")
    never(at, token(at, ADA, NEVER, NOW), paper, "Yejin Choi", NOW)
    planning.plan(at, NOW)
    assert record.letters(ADA) == []


def test_only_authors_of_that_paper_can_be_kept_away(at: House) -> None:
    reader(at, ADA, "robot", now=NOW)
    paper, key = authored(at, "Yejin Choi", "…"), token(at, ADA, NEVER, NOW)
    for name in ("Somebody Else", "…", "", "yejin choi"):
        with pytest.raises(SubscriberError, match="Choose one of the authors"):
            never(at, key, paper, name, NOW)
    with pytest.raises(TokenError, match="not kept any more"):
        look_never(at, key, paper + 1, NOW)
    assert words(at) == ("robot",)


def test_an_author_more_than_there_may_be_keywords_is_refused_and_said(store: Engine) -> None:
    at = house(store, most_keywords=2)
    reader(at, ADA, "robot", "protein", now=NOW)
    paper, key = authored(at, "Yejin Choi"), token(at, ADA, NEVER, NOW)
    with pytest.raises(SubscriberError, match="You have 2 keywords and exclusions, and 2 are the most"):
        never(at, key, paper, "Yejin Choi", NOW)
    assert words(at) == ("robot", "protein")
    desk.change(
        at, token(at, ADA, Purpose.PREFERENCES, NOW), Wish(), desk.understood(['-author:"Yejin Choi"', "x"]), None, NOW
    )
    assert never(at, key, paper, "Yejin Choi", NOW).already


NAMES = [
    *("Yejin Choi", "Choi, Yejin", 'Ann "Andy" O\'Neil', "J. Smith", "李 明", "Müller-Lüdenscheidt, Hans*", "AND OR"),
    *("Team: Gemini", "et al.", "-dash", "(anonymous)", "عمر الخيام", "Smith, J., Jr.", "au:x", "“Quoted” Name", "a"),
]


@pytest.mark.parametrize("name", NAMES)
def test_the_line_for_a_name_finds_its_papers_and_is_read_back_as_itself(name: str) -> None:
    line = exclusion(name)
    assert line is not None
    query = parse(line.written)
    assert (query.exclude, query.canonical) == (True, line.canonical)
    papers = [Document(id=1, title="x", authors=("Somebody Else", name)), Document(id=2, title="x", authors=("Other",))]
    assert [hit.document for hit in Matcher([query]).match(papers)[0]] == [0]


@pytest.mark.parametrize("name", ["", "…", "*", '"', "x" * 3000])
def test_a_name_that_no_keyword_can_say_has_no_line(name: str) -> None:
    assert exclusion(name) is None


# --- fewer and pause


@pytest.mark.parametrize("before", ["daily", "weekdays"])
def test_letters_come_once_a_week_and_as_often_as_before(at: House, record: Record, before: str) -> None:
    reader(at, ADA, "robot", now=NOW, frequency=before, timezone="Asia/Tokyo")
    key = token(at, ADA, FEWER, NOW)
    seen = doors.look_fewer(at, key, NOW)
    assert (seen.already, seen.first, seen.card.wish.frequency) == (False, date(2026, 8, 3), before)
    done = doors.fewer(at, key, NOW)
    assert record.of(ADA).frequency == "weekly"
    assert doors.fewer(at, key, NOW).already
    for _ in range(2):
        assert doors.as_often(at, key, done.undo, NOW).wish.frequency == before
    # A paused reader hears of the first Monday after the pause.
    put(at.engine, ADA, SubscriberStatus.PAUSED, paused_until=date(2026, 8, 11))
    assert doors.look_fewer(at, key, NOW).first == date(2026, 8, 17)


def test_going_back_to_often_leaves_a_later_choice_alone(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    undo = doors.fewer(at, token(at, ADA, FEWER, NOW), NOW).undo
    desk.change(at, token(at, ADA, Purpose.PREFERENCES, NOW), Wish(frequency="weekdays"), [], None, NOW)
    doors.as_often(at, token(at, ADA, FEWER, NOW), undo, NOW)
    assert record.of(ADA).frequency == "weekdays"


def test_a_pause_is_two_weeks_by_the_readers_calendar(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW, timezone="Asia/Tokyo")
    key = token(at, ADA, PAUSE, NOW)
    assert doors.look_pause(at, key, NOW).until == date(2026, 8, 13)
    done = doors.pause(at, key, NOW)
    assert (record.of(ADA).status, record.of(ADA).paused_until) == (SubscriberStatus.PAUSED, date(2026, 8, 13))
    again = doors.pause(at, key, NOW)
    assert (again.already, again.until) == (True, date(2026, 8, 13))
    for _ in range(2):
        doors.unpause(at, key, done.undo, NOW)
        assert (record.of(ADA).status, record.of(ADA).paused_until) == (SubscriberStatus.ACTIVE, None)


@pytest.mark.parametrize(
    ("until", "after", "back"),
    [
        (date(2026, 8, 5), date(2026, 8, 12), date(2026, 8, 5)),  # a shorter pause grows, and is as it was
        (date(2026, 9, 1), date(2026, 9, 1), date(2026, 9, 1)),  # a longer one stays
        (date(2026, 7, 30), date(2026, 8, 12), None),  # over by the time it would be put back
    ],
)
def test_a_pause_that_there_is_already(at: House, record: Record, until: date, after: date, back: date | None) -> None:
    reader(at, ADA, "robot", now=NOW)
    put(at.engine, ADA, SubscriberStatus.PAUSED, paused_until=until)
    key = token(at, ADA, PAUSE, NOW)
    undo = doors.pause(at, key, NOW).undo
    assert record.of(ADA).paused_until == after
    if undo:
        doors.unpause(at, key, undo, NOW + DAY)
    assert record.of(ADA).paused_until == back


def test_papers_of_a_pause_are_in_the_first_letter_after_it(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW, cap=1)
    planning.plan(at, NOW)
    doors.pause(at, token(at, ADA, PAUSE, NOW), NOW)
    found = arrive(at, NOW + DAY, "A robot", "Robots", source="huggingface", upvotes=9)
    planning.plan(at, NOW + 13 * DAY)
    assert record.letters(ADA) == []
    planning.plan(at, NOW + 14 * DAY)
    (letter,) = record.letters(ADA)
    assert sorted(letter.papers + letter.omitted_papers) == sorted(found)
    assert len(letter.papers) == 1


# --- all of them


def press(at: House, purpose: Purpose, key: str, paper: int) -> None:
    number = number_of(at, "robot")
    match purpose:
        case Purpose.MUTE:
            doors.look_mute(at, key, number, NOW)
            doors.mute(at, key, number, NOW)
        case Purpose.NEVER:
            look_never(at, key, paper, NOW)
            never(at, key, paper, "Ada Example", NOW)
        case Purpose.FEWER:
            doors.look_fewer(at, key, NOW)
            doors.fewer(at, key, NOW)
        case Purpose.PAUSE:
            doors.look_pause(at, key, NOW)
            doors.pause(at, key, NOW)


@pytest.mark.parametrize("status", SubscriberStatus)
def test_the_small_links_serve_running_subscriptions_only(at: House, record: Record, status: SubscriberStatus) -> None:
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


def test_a_note_for_going_back_is_good_for_one_reader_one_change_and_one_day(at: House) -> None:
    for email in (ADA, BOB):
        reader(at, email, "robot", "protein", now=NOW)
    mine, theirs = (token(at, email, MUTE, NOW) for email in (ADA, BOB))
    undo = doors.mute(at, mine, number_of(at, "robot"), NOW).undo
    other = doors.fewer(at, token(at, ADA, FEWER, NOW), NOW).undo
    doors.mute(at, theirs, number_of(at, "robot"), NOW)
    for key, note in ((theirs, undo), (mine, other), (mine, "x"), (mine, mine), (mine, undo[:-3])):
        with pytest.raises(TokenError):
            doors.unmute(at, key, note, NOW)
    with pytest.raises(TokenError, match="a day and has expired"):
        doors.unmute(at, mine, undo, NOW + DAY + timedelta(seconds=1))
    forged = at.links.token(Purpose.UNDO, "no-note-at-all", NOW)
    with pytest.raises(TokenError, match="damaged"):
        doors.unmute(at, mine, forged, NOW)
    assert words(at) == ("protein",)


# --- the way back after leaving


def leave(at: House, now: datetime = NOW, *, farewell: bool = True) -> None:
    desk.unsubscribe(at, token(at, ADA, Purpose.UNSUBSCRIBE, now), now, farewell=farewell)


def test_who_left_comes_back_as_if_nothing_had_been(at: House, record: Record) -> None:
    reader(at, ADA, "robot", "-survey", now=NOW, frequency="daily", cap=7)
    planning.plan(at, NOW)
    before = record.of(ADA)
    leave(at)
    found = arrive(at, NOW + DAY, "A robot")
    key, late = token(at, ADA, Purpose.RETURN, NOW), NOW + 30 * DAY
    assert returning.look_return(at, key, late).keywords == ("robot", "-survey")
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED
    for _ in range(2):
        assert returning.come_back(at, key, late).status == SubscriberStatus.ACTIVE
    assert record.of(ADA) == before
    planning.plan(at, late)
    assert record.letters(ADA)[-1].papers == found


def test_after_thirty_days_there_is_no_way_back_however_new_the_link(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    late = NOW + 30 * DAY + timedelta(seconds=1)
    with pytest.raises(TokenError, match="30 days and has expired"):
        returning.come_back(at, token(at, ADA, Purpose.RETURN, NOW), late)
    with pytest.raises(TokenError, match="cannot be undone any more"):
        returning.come_back(at, token(at, ADA, Purpose.RETURN, late), late)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED


NOT_BY_OWN_WILL = [
    (SubscriberStatus.SUPPRESSED, "refused: 550 5.1.1"),
    (SubscriberStatus.SUPPRESSED, "complaint: abuse"),
    (SubscriberStatus.SUPPRESSED, ""),
    (SubscriberStatus.UNSUBSCRIBED, desk.DECLINED),
    (SubscriberStatus.UNSUBSCRIBED, subscribers.UNCONFIRMED),
    (SubscriberStatus.UNSUBSCRIBED, desk.REMOVED),
    (SubscriberStatus.PENDING, ""),
]


def test_only_ones_own_leaving_can_be_undone(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    key = token(at, ADA, Purpose.RETURN, NOW)
    for status, reason in NOT_BY_OWN_WILL:
        put(at.engine, ADA, status, reason=reason)
        for ask in (returning.look_return, returning.come_back):
            with pytest.raises(TokenError):
                ask(at, key, NOW)
        assert (record.of(ADA).status, record.of(ADA).reason) == (status, reason)
        assert returning.way_back(at, token(at, ADA, Purpose.UNSUBSCRIBE, NOW), NOW) == ""
    put(at.engine, ADA, SubscriberStatus.UNSUBSCRIBED, reason="")
    assert returning.look_return(at, key, NOW).status == SubscriberStatus.UNSUBSCRIBED


def test_who_was_erased_cannot_come_back(at: House) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    key = token(at, ADA, Purpose.RETURN, NOW)
    roll.erase(at, ADA)
    with pytest.raises(TokenError, match="no longer exists"):
        returning.come_back(at, key, NOW)


def test_a_stranger_who_asks_meanwhile_is_not_confirmed_by_coming_back(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    leave(at)
    desk.subscribe(at, ADA, Wish(), desk.understood(["casino"]), NOW)
    with pytest.raises(TokenError, match="confirmation mail"):
        returning.come_back(at, token(at, ADA, Purpose.RETURN, NOW), NOW)
    # Nor by leaving with an old letter's link, which ends the request, and coming back to the stranger's words.
    leave(at)
    with pytest.raises(TokenError, match="cannot be undone"):
        returning.come_back(at, token(at, ADA, Purpose.RETURN, NOW), NOW)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_the_operators_end_is_not_undone_by_a_link(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW)
    desk.remove(at, ADA, NOW)
    with pytest.raises(TokenError, match="cannot be undone"):
        returning.come_back(at, token(at, ADA, Purpose.RETURN, NOW), NOW)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED


def test_the_way_back_is_on_the_page_for_an_hour_or_after_one_click(at: House) -> None:
    reader(at, ADA, "robot", now=NOW)
    key = token(at, ADA, Purpose.UNSUBSCRIBE, NOW)
    assert returning.way_back(at, key, NOW) == ""
    leave(at)
    assert at.links.read(Purpose.RETURN, returning.way_back(at, key, NOW + timedelta(hours=1)), NOW)
    assert returning.way_back(at, key, NOW + timedelta(hours=1, seconds=1)) == ""
    returning.come_back(at, token(at, ADA, Purpose.RETURN, NOW), NOW)
    leave(at, farewell=False)
    assert returning.way_back(at, key, NOW + 30 * DAY)
    assert returning.way_back(at, key, NOW + 31 * DAY) == ""


def test_leaving_and_undoing_it_again_and_again_mails_one_goodbye_a_day(at: House, record: Record) -> None:
    reader(at, ADA, "robot", now=NOW - 9 * DAY)
    for minute in range(3):
        leave(at, NOW + timedelta(minutes=minute))
        returning.come_back(at, token(at, ADA, Purpose.RETURN, NOW), NOW)
    assert record.kinds(ADA) == ["goodbye"]
    leave(at, NOW + DAY)
    assert record.kinds(ADA) == ["goodbye", "goodbye"]
