"""Subscribing: live preview, typos in the address, consent, and embedded forms."""

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
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import StoreView, make_context, store_papers

FORM = {"keywords": "robot", "email": "ada@example.org"}


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url="http://digest.test")
    store_papers(made, TEST_TIME, *(f"Robot {n}" for n in range(12)), "Proteins fold")
    return made


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(
        create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(subscribe=1000, other=1000), min_answer_seconds=0)
    )


def text_lines(page: str) -> list[str]:
    (found,) = re.findall(r'<textarea id="changed"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    return unescape(found).splitlines()


def test_the_live_part_shows_what_the_whole_page_shows(browser: Browser) -> None:
    typed = {"keywords": "robots\nzzqy\nx AND (y"}
    page, part = browser.post("/", typed), browser.post("/preview", typed)
    assert (page.status_code, part.status_code) == (422, 200)
    for text in (
        "12 papers of the last 13 would have come. 1 line cannot be read.",
        "none lately",
        "parenthesis is not closed",
    ):
        assert text in ParsedPage(page.text).text, text
        assert text in ParsedPage(part.text).text, text
    for where in ("status", "told", "beside"):
        assert ParsedPage(page.text).find_tag(id=where)
        assert ParsedPage(part.text).find_tag(id=where)
    assert '<mark class="k1">(y</mark>' in part.text
    assert part.headers["cache-control"] == "no-store"


def test_a_button_of_the_live_part_edits_the_keywords(browser: Browser) -> None:
    added = browser.post("/preview", {"keywords": "robot\n", "add": "world model"})
    assert text_lines(added.text) == ["robot", "world model"]
    narrowed = browser.post("/preview", {"keywords": "a\nrobot", "narrow": "robot AND arm"})
    assert text_lines(narrowed.text) == ["a", "robot AND arm"]
    assert 'id="changed"' not in browser.post("/preview", {"keywords": "robot"}).text


def test_a_preview_is_bounded_and_counted_as_a_search(ctx: AppContext, browser: Browser) -> None:
    many = "\n".join(" OR ".join(f"w{n}x{m}" for m in range(60)) for n in range(20))
    assert "at most 400 words and phrases" in browser.post("/preview", {"keywords": many}).text
    few = Browser(create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(search=2, other=0), min_answer_seconds=0))
    assert [few.post("/preview", FORM).status_code for _ in range(3)] == [200, 200, 429]


def test_a_preview_while_papers_are_being_loaded_asks_to_retry(ctx: AppContext) -> None:
    app = create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0)
    with app.state.web.recent_papers._lock:
        response = Browser(app).post("/preview", FORM)
        assert (response.status_code, response.headers["retry-after"]) == (202, "2")
        assert Browser(app).get("/").status_code == 200
    assert Browser(app).post("/preview", FORM).status_code == 200


def test_a_cached_page_is_rendered_anew_after_a_new_listing(ctx: AppContext, browser: Browser) -> None:
    assert browser.get("/").text == browser.get("/").text
    store_papers(ctx, TEST_TIME, "Volcanoes")
    assert "Volcanoes" in browser.get("/").text
    assert "Volcanoes" in browser.get("/?keywords=volcano").text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("gmial.com", "gmail.com"), ("gmail.con", "gmail.com"), ("hotmial.com", "hotmail.com")),
        *(("Outlok.com", "outlook.com"), ("gmail.co", "gmail.com"), ("yaho.co.uk", "yahoo.co.uk")),
        *((domain, "") for domain in ("gmail.com", "mail.com", "gmx.at", "epfl.ch", "qq.com", "example.org", "x", "")),
    ],
)
def test_a_typo_gets_a_suggestion_and_a_similar_domain_does_not(browser: Browser, written: str, meant: str) -> None:
    assert suggest_domain(written) == meant
    assert browser.get("/meant", params={"domain": written}).json() == {"meant": meant}


def test_a_typo_is_questioned_once_and_can_be_confirmed(ctx: AppContext, browser: Browser) -> None:
    slip = FORM | {"email": "ada@gmial.com"}
    response = browser.post("/subscribe", slip)
    page = ParsedPage(response.text)
    assert response.status_code == 200
    assert "Is the address right?" in page.text
    assert not StoreView(ctx.engine).deliveries()
    sure, button = page.find_tag(name="sure")["value"], page.find_tag(name="mended")
    assert (sure, button["value"], button["form"]) == ("ada@gmial.com", "ada@gmail.com", "subscribe")
    assert browser.post("/subscribe", slip | {"sure": sure}).status_code == 303
    assert browser.post("/subscribe", slip | {"sure": sure, "mended": button["value"]}).status_code == 303
    assert {delivery.subscriber_id for delivery in StoreView(ctx.engine).deliveries()} == {
        StoreView(ctx.engine).subscriber(mail).id for mail in ("ada@gmial.com", "ada@gmail.com")
    }
    other = browser.post("/subscribe", slip | {"email": "bob@gmial.com", "sure": sure})
    assert "bob@gmail.com" in other.text


@pytest.mark.parametrize("where", ["/", "/embed"])
def test_the_consent_on_the_page_is_the_stored_consent(ctx: AppContext, browser: Browser, where: str) -> None:
    version, _, sentence = CONSENT_TEXT.partition(": ")
    text = ParsedPage(browser.get(where).text).text
    assert f"“{sentence}” (version {version}" in text
    browser.post("/subscribe", FORM)
    assert StoreView(ctx.engine).subscriber("ada@example.org").consent == CONSENT_TEXT


def test_only_the_embedded_form_can_be_framed(browser: Browser) -> None:
    for path in ("/", "/embed/", "/embedded", "/for-your-site", "/papers"):
        assert "frame-ancestors 'none'" in browser.get(path).headers["content-security-policy"], path
    response = browser.get("/embed", params={"keywords": 'graph\n"<b>'})
    assert "frame-ancestors *" in response.headers["content-security-policy"]
    assert "set-cookie" not in response.headers
    page = ParsedPage(response.text)
    assert not [tag for tag, _ in page.tags if tag in {"script", "b"}]
    form = page.find_tag(method="post")
    assert (form["action"], form["target"]) == ("/subscribe", "_blank")
    fields = {found["name"] for tag, found in page.tags if tag in {"input", "textarea"}}
    assert fields == {"keywords", "email", "website"}


def test_embed_code_links_to_the_form_with_its_keywords(browser: Browser) -> None:
    keyword = 'R&D "x</script>'
    page = browser.get("/for-your-site", params={"keywords": f" {keyword}\n\n"})
    frame = re.search(r"&lt;iframe src=&#34;(\S+)&#34; title", page.text)
    assert frame
    for link in (
        frame[1],
        *(url for url in ParsedPage(page.text).links if url.startswith("http://digest.test/?key")),
    ):
        assert f"{keyword}</textarea>" in unescape(browser.get(unescape(link)).text)
    assert "javascript:void open(" in unescape(page.text)
    scripts = [found.get("src", "") for tag, found in ParsedPage(page.text).tags if tag == "script"]
    assert all(Path(script).name.startswith("copy.js") for script in scripts)
