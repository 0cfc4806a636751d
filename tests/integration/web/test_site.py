"""The operator's own look: name, words and links on the pages, in feeds and in e-mails."""

import zlib
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind
from digest.errors import SettingError
from digest.monitoring.checks.configuration import check_settings
from digest.rendering import create_theme, load_batch, prepare_email
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.command import ROOT
from tests.support.contexts import ADA, make_context, make_settings, store_papers

ACCENT, OURS = "#9c1c2e", "#3d4fd6"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 32"><script>alert(1)</script></svg>'
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


@pytest.mark.parametrize(("length", "classes"), [(16, "brand"), (17, "brand long"), (33, "brand long longest")])
def test_a_long_name_may_break_into_lines(sqlite_store: Engine, length: int, classes: str) -> None:
    browser = browser_for(sqlite_store, site_name="N" * length, operator_token="x" * 20)
    for path in ("/", "/operator/login"):
        assert f'<a class="{classes}" ' in browser.get(path).text


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


def test_help_and_operator_pages_lead_to_the_documentation_that_is_published(sqlite_store: Engine) -> None:
    address = "https://docs.example.org/digest"
    ours = browser_for(sqlite_store, operator_token="x" * 20)
    theirs = browser_for(sqlite_store, operator_token="x" * 20, documentation_url=address)
    for path, pages in (("/help/keywords", ["keywords", "teach"]), ("/operator/login", ["index"])):
        links = [link for link in ParsedPage(theirs.get(path).text).links if link.startswith(address)]
        assert links == [f"{address}/{page}.html" for page in pages]
        assert all((ROOT / "docs" / f"{page.replace('index', 'README')}.md").exists() for page in pages)
        assert "ocumentation" not in ours.get(path).text


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


def png(width: int, height: int) -> bytes:
    """Return a gray picture."""
    data = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    size = width.to_bytes(4) + height.to_bytes(4)
    chunks = ((b"IHDR", size + b"\x08\0\0\0\0"), (b"IDAT", data), (b"IEND", b""))
    parts = [len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4) for name, body in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


LOGOS = {
    "wide.svg": (SVG.encode(), "image/svg+xml", 78),
    "no-box": (
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="20px" height="40"/>',
        "image/svg+xml",
        26,
    ),
    "no-size": (b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="none" height="100%"/>', "image/svg+xml", 26),
    "endless": (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {"9" * 400} {"9" * 400}"/>'.encode(),
        "image/svg+xml",
        26,
    ),
    "a.png": (png(2, 1), "image/png", 52),
    "very-wide.png": (png(90, 1), "image/png", 120),
}


@pytest.mark.parametrize(("name", "logo"), LOGOS.items(), ids=LOGOS)
def test_the_logo_replaces_ours_and_runs_no_script(
    sqlite_store: Engine, tmp_path: Path, name: str, logo: tuple[bytes, str, int]
) -> None:
    content, media_type, width = logo
    (tmp_path / name).write_bytes(content)
    browser = browser_for(sqlite_store, logo=str(tmp_path / name), operator_token="x" * 20)
    for path in ("/", "/operator/login", "/no-such-page"):
        page = ParsedPage(browser.get(path).text)
        icon = page.find_tag(rel="icon")
        assert (icon["type"], icon["href"].partition("=")[0]) == (media_type, "/logo?v"), path
        assert "alert(1)" not in page.html
    sheet = browser.get("/brand.css").text
    assert f'background-image: url("{icon["href"].removeprefix("/")}")' in sheet
    assert f".brand::before {{ width: min({width}px, max(26px, 13vw)); }}" in sheet
    for path in (icon["href"], "/logo", "/favicon.ico"):
        response = browser.get(path)
        assert (response.content, response.headers["content-type"]) == (content, media_type)
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert policy.endswith("; sandbox")
        assert "script-src" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in browser.get(icon["href"]).headers["cache-control"]


def test_without_a_logo_there_is_ours(sqlite_store: Engine) -> None:
    browser = browser_for(sqlite_store)
    assert ParsedPage(browser.get("/").text).find_tag(rel="icon")["href"].startswith("/static/icon.svg?v=")
    assert browser.get("/favicon.ico").headers["content-type"] == "image/x-icon"
    assert browser.get("/logo").status_code == 404


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "is not a file"),
        (b"", "is neither an SVG nor a PNG image"),
        (b"GIF89a" + b"0" * 40, "is neither an SVG nor a PNG image"),
        (b"<html><svg/></html>", "is neither an SVG nor a PNG image"),
        (b"<svg/>", "is neither an SVG nor a PNG image"),
        (SVG.encode()[:-3], "is neither an SVG nor a PNG image, or it is damaged"),
        (png(2, 1)[:-9], "is neither an SVG nor a PNG image, or it is damaged"),
        (png(0, 1), "is neither an SVG nor a PNG image, or it is damaged"),
        (SVG.encode() + b" " * 102_400, "is larger than 100 KB"),
    ],
)
def test_a_file_that_is_no_logo_stops_the_start(
    sqlite_store: Engine, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "logo"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError) as error:
        browser_for(sqlite_store, logo=str(path))
    warned = [result.message for result in check_settings(make_settings(sqlite_store, logo=str(path)))]
    assert str(error.value) in warned
    assert str(error.value).startswith(f"DIGEST_LOGO: {path} {problem}")
    assert str(error.value).endswith(" Example: DIGEST_LOGO=/etc/digest/logo.svg")
