"""The operator's own look: name, words and links on the pages, in feeds and in e-mails."""

from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind
from digest.rendering import create_theme, load_batch, prepare_email
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import ADA, make_context, store_papers

ACCENT, OURS = "#9c1c2e", "#3d4fd6"
NAME = "Papers & <b>Lab</b>"


def browser_for(store: Engine, **settings: object) -> Browser:
    return Browser(create_app(make_context(store, **settings), clock=lambda: TEST_TIME, min_answer_seconds=0))


def test_the_name_of_the_site_goes_before_that_of_the_sender(sqlite_store: Engine) -> None:
    ours, theirs = browser_for(sqlite_store), browser_for(sqlite_store, site_name=NAME)
    for path in ("/", "/papers", "/preview?keywords=robot", "/feeds/atom", "/embed", "/api/v1/openapi.json"):
        assert "Paper Digest" in ours.get(path).text, path
        page = theirs.get(path)
        assert "Paper Digest" not in page.text, path
        written = (
            NAME if path.endswith("json") else NAME.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        )
        assert written in page.text, path


def test_the_intro_is_text_on_the_front_page(sqlite_store: Engine) -> None:
    assert 'class="intro"' not in browser_for(sqlite_store).get("/").text
    page = browser_for(sqlite_store, intro="For <script>us</script> & you.").get("/").text
    assert '<p class="intro" dir="auto">For &lt;script&gt;us&lt;/script&gt; &amp; you.</p>' in page


def test_links_of_the_footer_stand_on_every_page(sqlite_store: Engine) -> None:
    links = 'Imprint "here"=https://example.org/imprint?a="b"&c,The lab=https://example.org'
    browser = browser_for(sqlite_store, footer_links=links)
    for path in ("/", "/papers", "/privacy", "/no-such-page"):
        page = ParsedPage(browser.get(path).text)
        assert page.links[-2:] == ['https://example.org/imprint?a="b"&c', "https://example.org"], path
        assert 'Imprint "here"' in page.text


def test_the_accent_is_a_style_sheet_of_our_own_host(sqlite_store: Engine) -> None:
    ours = browser_for(sqlite_store, operator_token="x" * 20)
    theirs = browser_for(sqlite_store, operator_token="x" * 20, accent=ACCENT, base_url="http://digest.test/papers")
    for path in ("/", "/embed", "/operator/login", "/no-such-page"):
        assert "brand.css" not in ours.get(path).text, path
        page = theirs.get(f"/papers{path}")
        (href,) = [tag["href"] for name, tag in ParsedPage(page.text).tags if "brand.css" in tag.get("href", "")]
        assert href.startswith("/papers/brand.css?v="), path
        assert "style-src 'self';" in page.headers["content-security-policy"]
        assert page.text.index("style.css") < page.text.index("brand.css"), path
    sheet = theirs.get(href)
    assert (sheet.headers["content-type"], sheet.headers["cache-control"]) == (
        "text/css; charset=utf-8",
        "public, max-age=31536000, immutable",
    )
    tint = create_theme(ACCENT).dark_link
    assert f"--brand-accent: {ACCENT}; --brand-accent-ink: #ffffff; --brand-accent-dark: {tint};" in sheet.text
    assert theirs.get("/papers/brand.css?v=0").headers["cache-control"] == "no-cache"
    assert ours.get("/brand.css").status_code == 404


def test_the_accent_colors_the_preview_and_every_email(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store, accent=ACCENT)
    store_papers(ctx, TEST_TIME, "A robot")
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))
    assert browser.post("/subscribe", {"email": ADA, "keywords": "robot"}).status_code == 303
    with read_session(sqlite_store) as session:
        (delivery,) = [ClaimedDelivery.from_delivery(row) for row in session.exec(select(Delivery))]
        email = prepare_email(ctx, load_batch(session, [delivery], TEST_TIME), delivery, TEST_TIME).build_content()
    assert delivery.kind == DeliveryKind.CONFIRM
    for html in (email.html, browser.get(f"/preview?day={TEST_TIME.date()}&keywords=robot").text):
        assert ACCENT in html
        assert OURS not in html
