"""The operator's own look: name, words and links on the pages, in feeds and in e-mails."""

from sqlalchemy import Engine

from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import make_context

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
