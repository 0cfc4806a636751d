"""Subscribing: live preview, typos in the address, consent, and embedded forms."""

import gzip
import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.subscribers import CONSENT_TEXT
from digest.web import create_app
from digest.web.forms import suggest_domain
from digest.web.previews import estimate_rate
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import StoreView, make_context, store_papers

FORM = {"keywords": "robot", "email": "ada@example.org"}
DAY = timedelta(days=1)


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


def test_the_live_part_shows_what_the_whole_page_shows(browser: Browser) -> None:
    typed = {"keywords": "robots\nzzqy\nx AND (y"}
    page, part = browser.post("/", typed), browser.post("/preview", typed)
    assert (page.status_code, part.status_code) == (422, 200)
    for text in (
        "12 papers a day without the keyword that has a problem.",
        "no recent matches",
        "parenthesis is not closed",
    ):
        assert text in ParsedPage(page.text).text, text
        assert text in ParsedPage(part.text).text, text
    for where in ("status", "feedback", "readings", "panel"):
        assert ParsedPage(page.text).find_tag(id=where)
        assert ParsedPage(part.text).find_tag(id=where)
    assert '<mark class="k1">(y</mark>' in part.text
    assert part.headers["cache-control"] == "no-store"


def test_no_part_of_a_live_preview_is_for_a_field(browser: Browser) -> None:
    for button in ({}, {"add": "world model"}, {"narrow": "robot AND arm"}):
        part = ParsedPage(browser.post("/preview", {"keywords": "robot\n", **button}).text)
        assert not {tag for tag, _ in part.tags} & {"textarea", "input", "select", "form"}
        assert "world model" not in part.text


def test_the_window_says_what_the_email_says(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, TEST_TIME - DAY, "A robot of yesterday", "Protein robots", ids="earlier-")
    typed = {"keywords": "robot\nprotein\nzzqy"}
    window = ParsedPage(browser.post("/preview", typed).text)
    [link] = [link for link in window.links if link.startswith("/preview?")]
    email = browser.get(link)
    shown = ParsedPage(email.text)
    for text in ("13 papers: robot, protein", "13 new papers match your keywords"):
        assert text in window.text
        assert text in shown.text
    titles = re.findall(r"(?:Robot \d+|Proteins fold)", window.text)
    assert len(titles) == 3
    assert re.findall(r"(?:Robot \d+|Proteins fold)", shown.text[shown.text.index("13 new papers") :])[:3] == titles
    assert "of yesterday" not in window.text
    assert "and 10 more, with links to PDF" in window.text
    assert "About 8 papers a day: 15 matches in the last 2 publication days." in window.text
    # The e-mail is a page of its own: nobody else may frame it, and it loads nothing.
    policy = email.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert email.headers["x-robots-tag"].startswith("noindex")
    assert not [tag for tag, _ in shown.tags if tag in {"script", "form", "iframe"}]


def test_the_window_is_filled_up_with_earlier_days(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, TEST_TIME - DAY, "Proteins of yesterday", "A protein", ids="earlier-")
    part = ParsedPage(browser.post("/preview", {"keywords": "protein"}).text)
    assert "1 new paper matches your keywords" in part.text
    assert (
        part.text.index("Proteins fold") < part.text.index("Earlier, Thursday 30 July") < part.text.index("A protein")
    )
    assert "What you would have received on Friday 31 July, and before." in part.text
    # Nothing on the latest day: the e-mail of the last day that had something.
    part = ParsedPage(browser.post("/preview", {"keywords": "yesterday"}).text)
    assert "What you would have received on Thursday 30 July." in part.text
    assert "About 1 paper a month" not in part.text
    part = ParsedPage(browser.post("/preview", {"keywords": "zzqy"}).text)
    assert "No recent matches." in part.text


@pytest.mark.parametrize("query", ["", "?day=nonsense", "?day=2020-01-01&keywords=robot", "?keywords=%22open"])
def test_the_email_of_any_request_is_one_of_a_day_with_papers(browser: Browser, query: str) -> None:
    response = browser.get(f"/preview{query}")
    assert response.status_code == 200
    assert "Friday 31 July" in response.text


@pytest.mark.parametrize(
    ("matched", "days", "rate"),
    [
        (0, 28, None),
        (131, 28, (5, "day")),
        (21, 28, (1, "day")),
        (20, 28, (4, "week")),
        (5, 28, (1, "week")),
        (4, 28, (3, "month")),
        (1, 28, (1, "month")),
        (1, 1, (1, "day")),
    ],
)
def test_a_rate_has_the_shortest_period_with_a_paper(matched: int, days: int, rate: tuple[int, str] | None) -> None:
    assert estimate_rate(matched, days) == rate


def test_the_front_page_begins_with_an_example(ctx: AppContext, browser: Browser) -> None:
    assert "Add a keyword to see what you would have received." in browser.get("/").text
    store_papers(ctx, TEST_TIME, *(f"Graph networks {n}" for n in range(8)), source="huggingface", upvotes=9)
    page = ParsedPage(browser.get("/").text)
    assert "Example: the e-mail of Friday 31 July" in page.text
    [frame] = [found for tag, found in page.tags if tag == "iframe"]
    assert browser.get(frame["src"]).status_code == 200
    assert "inert" in frame


def test_public_pages_are_compressed_and_private_ones_are_not(ctx: AppContext, browser: Browser) -> None:
    for path in ("/", "/papers", "/static/style.css"):
        response = browser.get(path, headers={"Accept-Encoding": "gzip"})
        assert response.headers["content-encoding"] == "gzip", path
        assert "Accept-Encoding" in response.headers["vary"]
        assert "content-encoding" not in browser.get(path, headers={"Accept-Encoding": "identity"}).headers
    for path in ("/sent", "/confirm/x", "/operator/login", "/static/source-serif-4.woff2"):
        assert "content-encoding" not in browser.get(path, headers={"Accept-Encoding": "gzip"}).headers, path
    assert "content-encoding" not in browser.post("/preview", FORM, headers={"Accept-Encoding": "gzip"}).headers


def test_the_first_page_is_light(ctx: AppContext, browser: Browser) -> None:
    page = browser.get("/", headers={"Accept-Encoding": "identity"})
    parts = [
        found.get("href") or found.get("src", "")
        for tag, found in ParsedPage(page.text).tags
        if tag in {"link", "script"}
    ]
    parts = [part for part in parts if part.startswith("/static/")] + ["/static/icon.svg"]
    assert not [part for part in parts if "://" in part]
    bodies = {part: browser.get(part, headers={"Accept-Encoding": "identity"}).content for part in parts}
    assert any(name.endswith(".woff2") for name in bodies)
    sizes = [len(body) if name.endswith(".woff2") else len(gzip.compress(body, 5)) for name, body in bodies.items()]
    assert sum(sizes) + len(gzip.compress(page.content, 5)) < 100_000


def test_a_preview_is_bounded_and_counted_as_a_search(ctx: AppContext, browser: Browser) -> None:
    many = "\n".join(" OR ".join(f"w{n}x{m}" for m in range(60)) for n in range(20))
    assert "at most 400 words and phrases" in browser.post("/preview", {"keywords": many}).text
    few = Browser(create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(search=2, other=0), min_answer_seconds=0))
    assert [few.post("/preview", FORM).status_code for _ in range(3)] == [200, 200, 429]


def test_a_preview_while_papers_are_being_loaded_is_answered_from_the_store(ctx: AppContext) -> None:
    store_papers(ctx, TEST_TIME - DAY, "A robot of yesterday", ids="earlier-")
    app = create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0)
    with app.state.web.recent_papers._lock:
        from_store = Browser(app).post("/preview", {"keywords": "of yesterday\nfold"})
        assert Browser(app).get("/").status_code == 200
    from_index = Browser(app).post("/preview", {"keywords": "of yesterday\nfold"})
    assert from_store.status_code == from_index.status_code == 200
    for response in (from_store, from_index):
        text = ParsedPage(response.text).text
        assert "1 paper: fold" in text
        assert text.index("Proteins fold") < text.index("Earlier, Thursday 30 July")


def test_a_cached_page_is_rendered_anew_after_a_new_listing(ctx: AppContext, browser: Browser) -> None:
    assert browser.get("/").text == browser.get("/").text
    store_papers(ctx, TEST_TIME, "Volcanoes")
    assert "Volcanoes" in browser.get("/").text
    assert "Volcanoes" in browser.get("/?keywords=volcano").text


def test_a_link_with_keywords_shows_their_email_and_no_error(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, TEST_TIME, "A volcano")
    page = browser.get("/?keywords=volcano")
    assert "1 paper: volcano" in ParsedPage(page.text).text
    assert "preview?day=2026-07-31&amp;keywords=volcano" in page.text
    faulty = browser.get("/?keywords=volcano%0A%22open")
    assert faulty.status_code == 200
    assert "There is a problem" not in faulty.text
    assert '"open</textarea>' in unescape(faulty.text)


def test_pasted_alerts_are_converted_to_keywords_without_a_script(browser: Browser) -> None:
    pasted = 'add cs.CL\n"graph neural network" - new results\nAda Lovelace - new citations'
    page = browser.post("/", {"keywords": "volcano", "email": "ada@example.org", "alerts": pasted})
    text = ParsedPage(page.text)
    assert "volcano\ncat:cs.CL\ngraph neural network</textarea>" in unescape(page.text)
    assert "Converted to 2 keywords." in text.text
    assert "Line 3, “Ada Lovelace”: New citations of an author cannot be followed here." in text.text
    assert text.find_tag(id="email")["value"] == "ada@example.org"
    assert "Converted to" not in browser.post("/", {"keywords": "volcano", "alerts": " "}).text


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
    assert f"{sentence} (Consent version {version})" in text
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
