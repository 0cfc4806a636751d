"""The pages behind the small links of a letter: one button each, and on the answer one to take it back."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, Keyword, Paper, SubscriberStatus
from digest.subscribers import get_profile, unsubscribe
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import AT, Browser, Seen
from tests.support.contexts import ADA, Record, arrive, make_context, put, reader, token

HOST = "http://digest.test"
LINKS = [TokenPurpose.MUTE, TokenPurpose.MUTE_AUTHOR, TokenPurpose.WEEKLY, TokenPurpose.PAUSE, TokenPurpose.RESUBSCRIBE]
OTHERS = [TokenPurpose.CONFIRM, TokenPurpose.PREFERENCES, TokenPurpose.UNSUBSCRIBE]
EVIL = "<img src=x onerror=alert(1)>\"'&lt;"


@pytest.fixture
def at(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url=HOST)
    reader(made, ADA, "robot", "graph", now=AT)
    (paper,) = arrive(made, AT, "A robot")
    with write_session(made.engine) as session:
        session.get_one(Paper, paper).authors = ["Ada Example", "Ben Example"]
    return made


@pytest.fixture
def record(sqlite_store: Engine) -> Record:
    return Record(sqlite_store)


@pytest.fixture
def browser(at: AppContext) -> Browser:
    return browse(at)


def browse(at: AppContext, later: timedelta = timedelta()) -> Browser:
    return Browser(create_app(at, clock=lambda: AT + later, limits=FormLimits(other=1000), min_answer_seconds=0))


def path(at: AppContext, purpose: TokenPurpose, *, made_for: TokenPurpose | None = None) -> str:
    """The address in a letter to Ada; with `made_for` the token is one for something else."""
    tail = {TokenPurpose.MUTE: f"/{keyword(at)}", TokenPurpose.MUTE_AUTHOR: "/1"}.get(purpose, "")
    return f"/{purpose}/{token(at, ADA, made_for or purpose, AT)}{tail}"


def keyword(at: AppContext, canonical: str = "robot") -> int:
    with read_session(at.engine) as session:
        return int(session.exec(select(Keyword.id).where(Keyword.canonical == canonical)).one() or 0)


def button(html: str, **wanted: str) -> dict[str, str]:
    """What pressing the button with these attributes sends: its own name, and the hidden fields of its page."""
    seen = Seen(html)
    hidden = {each["name"]: each["value"] for tag, each in seen.tags if tag == "input" and each["type"] == "hidden"}
    pressed = seen.one(type="submit", **wanted)
    return hidden | ({pressed["name"]: pressed["value"]} if "name" in pressed else {})


def held(record: Record, at: AppContext) -> tuple[object, ...]:
    found = record.of(ADA)
    keywords = get_profile(at, TokenPurpose.PREFERENCES, token(at, ADA, TokenPurpose.PREFERENCES, AT), AT).keywords
    return found.status, found.frequency, found.paused_until, keywords


@pytest.mark.parametrize("purpose", LINKS)
def test_looking_changes_nothing_one_button_acts_and_another_takes_it_back(
    at: AppContext, record: Record, browser: Browser, purpose: TokenPurpose
) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, AT), AT)
    before, where = held(record, at), path(at, purpose)
    for _ in range(2):
        browser.head(where)
        page = browser.get(where)
        assert page.status_code == 200
    assert held(record, at) == before
    seen = Seen(page.text)
    assert len([tag for tag, each in seen.tags if tag == "button"]) == 1
    assert seen.one(action=where)["method"] == "post"
    pressed = button(page.text) | ({"author": "Ada Example"} if purpose is TokenPurpose.MUTE_AUTHOR else {})
    answer = browser.post(where, pressed)
    assert answer.status_code == 200
    after = held(record, at)
    assert after != before
    second = browser.post(where, pressed)
    assert (second.status_code, held(record, at)) == (200, after)
    if purpose is TokenPurpose.RESUBSCRIBE:
        assert "Your letters come already" in browser.get(where).text or "Welcome back" in second.text
        return
    # Whoever presses twice sees the second answer: it has the way back too.
    for given in (second, answer):
        back = browser.post(where, button(given.text))
        assert (back.status_code, held(record, at)) == (200, before)


@pytest.mark.parametrize("purpose", LINKS)
def test_a_token_opens_its_own_page_and_no_other(
    at: AppContext, record: Record, browser: Browser, purpose: TokenPurpose
) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, AT), AT)
    before = held(record, at)
    for other in [each for each in [*LINKS, *OTHERS] if each is not purpose]:
        where = path(at, purpose, made_for=other)
        for answer in (browser.get(where), browser.post(where, {"answer": "yes", "author": "Ada Example"})):
            assert answer.status_code == 404, other
            assert "damaged" in answer.text
        assert held(record, at) == before, other
    assert browser.post(path(at, purpose), {"answer": "yes", "author": "Ada Example"}).status_code == 200
    assert held(record, at) != before


@pytest.mark.parametrize(("purpose", "days"), [*((each, 90) for each in LINKS[:4]), (TokenPurpose.RESUBSCRIBE, 30)])
def test_a_link_that_is_too_old_says_how_long_it_worked(
    at: AppContext, record: Record, purpose: TokenPurpose, days: int
) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, AT), AT)
    before, where = held(record, at), path(at, purpose)
    assert browse(at, timedelta(days=days)).get(where).status_code == 200
    late = browse(at, timedelta(days=days, seconds=1))
    for answer in (late.get(where), late.post(where, {"answer": "yes", "author": "Ada Example"})):
        assert answer.status_code == 410
        assert f"was valid for {days} days" in answer.text
    assert held(record, at) == before


@pytest.mark.parametrize("purpose", LINKS)
def test_these_pages_are_private_and_paced(at: AppContext, purpose: TokenPurpose) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, AT), AT)
    here, where = Browser(create_app(at, clock=lambda: AT, limits=FormLimits(other=1))), path(at, purpose)
    answer = here.get(where)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert f"Disallow: /{purpose}/" in here.get("/robots.txt").text
    assert [here.post(where, {}).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("purpose", LINKS)
def test_a_subscription_that_is_over_is_told_so(at: AppContext, browser: Browser, purpose: TokenPurpose) -> None:
    put(at.engine, ADA, SubscriberStatus.SUPPRESSED, reason="complaint")
    for answer in (browser.get(path(at, purpose)), browser.post(path(at, purpose), {"author": "Ada Example"})):
        assert answer.status_code == 410
        assert "Subscribe again to start anew" in answer.text


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 30, "٣", "0"])
def test_a_number_that_is_none_of_ours_is_no_error(at: AppContext, browser: Browser, number: str) -> None:
    for purpose in (TokenPurpose.MUTE, TokenPurpose.MUTE_AUTHOR):
        where = path(at, purpose).rpartition("/")[0]
        assert browser.get(f"{where}/{number}").status_code in {200, 410}
        assert browser.post(f"{where}/{number}", {"author": "Ada Example"}).status_code in {200, 410}


def test_the_only_keyword_is_not_taken_out_and_other_ways_are_shown(at: AppContext, browser: Browser) -> None:
    reader(at, "only@example.org", "protein", now=AT)
    where = f"/mute/{token(at, 'only@example.org', TokenPurpose.MUTE, AT)}/{keyword(at, 'protein')}"
    for answer in (browser.get(where), browser.post(where, {"answer": "yes"})):
        assert "This is your only keyword" in answer.text
        seen = Seen(answer.text)
        assert not [tag for tag, _ in seen.tags if tag == "button"]
        ways = [link for link in seen.links if link.startswith(("/pause/", "/unsubscribe/"))]
        assert [browser.get(link).status_code for link in ways] == [200, 200]


def test_of_664_authors_each_can_be_chosen(at: AppContext, browser: Browser) -> None:
    names = [f"Ada Example {n}" for n in range(663)] + [EVIL]
    with write_session(at.engine) as session:
        session.get_one(Paper, 1).authors = names
    page = Seen(browser.get(path(at, TokenPurpose.MUTE_AUTHOR)).text)
    choices = [each for tag, each in page.tags if tag == "input" and each["type"] == "radio"]
    assert [each["value"] for each in choices] == names
    assert [each["value"] for each in choices if "checked" in each] == names[:1]
    assert "656 more authors" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    answer = browser.post(path(at, TokenPurpose.MUTE_AUTHOR), {"author": names[662]})
    assert "-author:&#34;Ada Example 662&#34;" in answer.text
    answer = browser.post(path(at, TokenPurpose.MUTE_AUTHOR), {"author": EVIL})
    assert not [tag for tag, _ in Seen(answer.text).tags if tag == "img"]
    assert answer.status_code == 200


def test_an_author_too_many_is_refused_in_words(sqlite_store: Engine, at: AppContext) -> None:
    few = make_context(sqlite_store, base_url=HOST, most_keywords=2)
    answer = browse(few).post(path(few, TokenPurpose.MUTE_AUTHOR), {"author": "Ada Example"})
    assert answer.status_code == 409
    assert "You have 2 keywords and exclusions, and 2 are the most." in answer.text


def test_what_a_reader_wrote_is_no_markup_here_either(at: AppContext, browser: Browser) -> None:
    reader(at, "evil@example.org", "<b>bold</b>", "graph", now=AT)
    with read_session(at.engine) as session:
        number = max(each or 0 for each in session.exec(select(Keyword.id)).all())
    where = f"/mute/{token(at, 'evil@example.org', TokenPurpose.MUTE, AT)}/{number}"
    for answer in (page := browser.get(where), browser.post(where, button(page.text))):
        assert "&lt;b&gt;bold" in answer.text
        assert "<b>" not in answer.text


def test_leaving_by_our_button_offers_the_way_back(at: AppContext, record: Record, browser: Browser) -> None:
    where = path(at, TokenPurpose.UNSUBSCRIBE)
    left = browser.post(where, {"answer": "yes"})
    back = next(each["action"] for tag, each in Seen(left.text).tags if tag == "form")
    assert back.startswith("/return/")
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED
    assert "Welcome back" in browser.post(back).text
    assert record.of(ADA).status == SubscriberStatus.ACTIVE
    # One click in a mail program: no page, no last letter; the way back is on the page behind the link.
    browser.post(where, {"List-Unsubscribe": "One-Click"})
    with read_session(at.engine) as session:
        assert [each.kind for each in session.exec(select(Delivery)).all()] == ["goodbye"]
    assert "/return/" in browse(at, timedelta(days=29)).get(where).text
    assert "/return/" not in browse(at, timedelta(days=31)).get(where).text


def test_the_pages_work_below_a_path(sqlite_store: Engine, at: AppContext) -> None:
    below = browse(make_context(sqlite_store, base_url="https://example.org/digest"))
    for purpose in LINKS[:4]:
        assert f'action="/digest{path(at, purpose)}"' in below.get(f"/digest{path(at, purpose)}").text
