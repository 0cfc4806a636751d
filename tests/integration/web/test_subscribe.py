"""Subscribing: the live part of the page, a slip in the address, what is agreed to, and forms on other pages."""

import re
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.subscribers import CONSENT_TEXT
from digest.web import create_app
from digest.web.forms import suggest_domain
from digest.web.rate_limit import FormLimits
from tests.support.browser import AT, Browser, Seen
from tests.support.contexts import Record, arrive, make_context

FORM = {"keywords": "robot", "email": "ada@example.org"}


@pytest.fixture
def home(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url="http://digest.test")
    arrive(made, AT, *(f"Robot {n}" for n in range(12)), "Proteins fold")
    return made


@pytest.fixture
def browser(home: AppContext) -> Browser:
    return Browser(
        create_app(home, clock=lambda: AT, limits=FormLimits(subscribe=1000, other=1000), min_answer_seconds=0)
    )


def lines(page: str) -> list[str]:
    (found,) = re.findall(r'<textarea id="changed"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    return unescape(found).splitlines()


def test_the_live_part_says_what_the_whole_page_says(browser: Browser) -> None:
    typed = {"keywords": "robots\nzzqy\nx AND (y"}
    page, part = browser.post("/", typed), browser.post("/preview", typed)
    assert (page.status_code, part.status_code) == (422, 200)
    for each in ("12 papers of the last 13 would have come. 1 line cannot be read.", "none lately", "unclosed bracket"):
        assert each in Seen(page.text).text, each
        assert each in Seen(part.text).text, each
    for where in ("status", "told", "beside"):
        assert Seen(page.text).one(id=where)
        assert Seen(part.text).one(id=where)
    assert '<mark class="k1">(y</mark>' in part.text
    assert part.headers["cache-control"] == "no-store"


def test_a_button_of_the_live_part_changes_the_keywords(browser: Browser) -> None:
    added = browser.post("/preview", {"keywords": "robot\n", "add": "world model"})
    assert lines(added.text) == ["robot", "world model"]
    narrowed = browser.post("/preview", {"keywords": "a\nrobot", "narrow": "robot AND arm"})
    assert lines(narrowed.text) == ["a", "robot AND arm"]
    assert 'id="changed"' not in browser.post("/preview", {"keywords": "robot"}).text


def test_a_preview_has_a_bound_and_is_counted_as_a_search(home: AppContext, browser: Browser) -> None:
    many = "\n".join(" OR ".join(f"w{n}x{m}" for m in range(60)) for n in range(20))
    assert "at most 400 words and phrases" in browser.post("/preview", {"keywords": many}).text
    few = Browser(create_app(home, clock=lambda: AT, limits=FormLimits(search=2, other=0), min_answer_seconds=0))
    assert [few.post("/preview", FORM).status_code for _ in range(3)] == [200, 200, 429]


def test_who_types_while_the_papers_are_read_for_the_first_time_is_asked_to_wait(home: AppContext) -> None:
    app = create_app(home, clock=lambda: AT, min_answer_seconds=0)
    with app.state.front.recent._lock:
        answer = Browser(app).post("/preview", FORM)
        assert (answer.status_code, answer.headers["retry-after"]) == (202, "2")
        assert Browser(app).get("/").status_code == 200
    assert Browser(app).post("/preview", FORM).status_code == 200


def test_a_page_that_is_kept_is_made_anew_when_something_was_listed(home: AppContext, browser: Browser) -> None:
    assert browser.get("/").text == browser.get("/").text
    arrive(home, AT, "Volcanoes")
    assert "Volcanoes" in browser.get("/").text
    assert "Volcanoes" in browser.get("/?keywords=volcano").text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("gmial.com", "gmail.com"), ("gmail.con", "gmail.com"), ("hotmial.com", "hotmail.com")),
        *(("Outlok.com", "outlook.com"), ("gmail.co", "gmail.com"), ("yaho.co.uk", "yahoo.co.uk")),
        *((each, "") for each in ("gmail.com", "mail.com", "gmx.at", "epfl.ch", "qq.com", "example.org", "x", "")),
    ],
)
def test_a_slip_is_guessed_and_a_domain_of_its_own_is_left_alone(browser: Browser, written: str, meant: str) -> None:
    assert suggest_domain(written) == meant
    assert browser.get("/meant", params={"domain": written}).json() == {"meant": meant}


def test_who_slips_is_asked_once_and_may_go_on(home: AppContext, browser: Browser) -> None:
    slip = FORM | {"email": "ada@gmial.com"}
    asked = browser.post("/subscribe", slip)
    page = Seen(asked.text)
    assert asked.status_code == 200
    assert "Is the address right?" in page.text
    assert not Record(home.engine).letters()
    sure, button = page.one(name="sure")["value"], page.one(name="mended")
    assert (sure, button["value"], button["form"]) == ("ada@gmial.com", "ada@gmail.com", "subscribe")
    assert browser.post("/subscribe", slip | {"sure": sure}).status_code == 303
    assert browser.post("/subscribe", slip | {"sure": sure, "mended": button["value"]}).status_code == 303
    assert {each.subscriber_id for each in Record(home.engine).letters()} == {
        Record(home.engine).of(mail).id for mail in ("ada@gmial.com", "ada@gmail.com")
    }
    other = browser.post("/subscribe", slip | {"email": "bob@gmial.com", "sure": sure})
    assert "bob@gmail.com" in other.text


@pytest.mark.parametrize("where", ["/", "/embed"])
def test_what_is_agreed_to_is_what_is_kept(home: AppContext, browser: Browser, where: str) -> None:
    version, _, sentence = CONSENT_TEXT.partition(": ")
    text = Seen(browser.get(where).text).text
    assert f"“{sentence}” (version {version}" in text
    browser.post("/subscribe", FORM)
    assert Record(home.engine).of("ada@example.org").consent == CONSENT_TEXT


def test_only_the_small_form_may_stand_in_other_pages(browser: Browser) -> None:
    for path in ("/", "/embed/", "/embedded", "/for-your-site", "/papers"):
        assert "frame-ancestors 'none'" in browser.get(path).headers["content-security-policy"], path
    answer = browser.get("/embed", params={"keywords": 'graph\n"<b>'})
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    page = Seen(answer.text)
    assert not [tag for tag, _ in page.tags if tag in {"script", "b"}]
    form = page.one(method="post")
    assert (form["action"], form["target"]) == ("/subscribe", "_blank")
    fields = {found["name"] for tag, found in page.tags if tag in {"input", "textarea"}}
    assert fields == {"keywords", "email", "website"}


def test_code_for_other_sites_leads_to_the_form_with_these_keywords(browser: Browser) -> None:
    said = 'R&D "x</script>'
    page = browser.get("/for-your-site", params={"keywords": f" {said}\n\n"})
    frame = re.search(r"&lt;iframe src=&#34;(\S+)&#34; title", page.text)
    assert frame
    for link in (frame[1], *(each for each in Seen(page.text).links if each.startswith("http://digest.test/?key"))):
        assert f"{said}</textarea>" in unescape(browser.get(unescape(link)).text)
    assert "javascript:void open(" in unescape(page.text)
    scripts = [found.get("src", "") for tag, found in Seen(page.text).tags if tag == "script"]
    assert all(Path(each).name.startswith("copy.js") for each in scripts)
