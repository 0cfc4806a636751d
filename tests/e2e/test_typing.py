"""The field of keywords in a real browser: chips over a textarea, and a preview that never changes what is typed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from digest.database import connect, migrate
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME
from tests.support.chromium import launch_chromium
from tests.support.contexts import make_context, store_papers
from tests.support.web_server import run_web_server

pytestmark = pytest.mark.xdist_group("browser")
FIRST_TEXTS = "all => all.map(one => one.firstChild.textContent)"
TITLES = (
    "A diffusion model of heat",
    "Protein folding by a graph",
    "Graph neural networks",
    "A diffusion model of ink",
)


@pytest.fixture(scope="module")
def front_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    with launch_chromium() as browser:
        engine = connect(f"sqlite:///{tmp_path_factory.mktemp('typing')}/digest.db")
        migrate(engine)
        ctx = make_context(engine)
        store_papers(ctx, TEST_TIME - timedelta(hours=2), *TITLES)
        with run_web_server(ctx, limits=FormLimits(search=10_000)) as port:
            yield browser, f"http://127.0.0.1:{port}/"
        engine.dispose()


@pytest.fixture
def page(front_page: tuple[Browser, str]) -> Iterator[Page]:
    browser, url = front_page
    context = browser.new_context()
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(url)
    page.locator("form.live").wait_for()
    yield page
    context.close()


@pytest.fixture
def field(page: Page) -> Locator:
    field = page.get_by_role("textbox", name="Keywords")
    field.click()
    return field


@contextmanager
def previewed(page: Page) -> Iterator[None]:
    """Wait, as somebody who pauses, until the preview of what is typed here has come."""
    with page.expect_response(lambda response: response.url.endswith("/preview") and response.status == 200):
        yield
    page.locator("#panel:not([aria-busy])").wait_for()


def lines(page: Page) -> list[str]:
    """Return what would be sent."""
    return str(page.locator("textarea[name=keywords]").input_value()).splitlines()


def chips(page: Page) -> list[str]:
    return [str(text) for text in page.locator(".chip button:first-child").evaluate_all(FIRST_TEXTS)]


def append_url(urls: list[str], request: Request) -> None:
    urls.append(request.url)


def caret(field: Locator) -> int:
    return int(field.evaluate("field => field.selectionStart"))


def paste(field: Locator, text: str) -> None:
    field.evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        text,
    )


@pytest.mark.parametrize(
    "pieces",
    [
        ("diffusion model\n", "protein folding"),
        ("diffusion model", "\n", "protein folding"),
        ("graph ", "neural ", " network "),
        ("\n\n", "graph", "\n", "ink", "\n"),
        ("  graph", "\n  -survey", " \n"),
        ("graph AND", " heat", "\n(", "ink OR heat)"),
        ('"graph neural', ' networks"\n', "-"),
    ],
    ids=lambda pieces: "|".join(pieces).replace("\n", "/"),
)
def test_what_is_typed_with_pauses_stays_as_it_is_typed(page: Page, field: Locator, pieces: tuple[str, ...]) -> None:
    typed = ""
    for piece in pieces:
        if piece.strip("\n"):
            with previewed(page):
                page.keyboard.type(piece, delay=10)
        else:
            page.keyboard.type(piece, delay=10)
            page.wait_for_timeout(400)
        typed += piece
        unfinished = typed.rpartition("\n")[2]
        assert field.input_value() == unfinished
        assert caret(field) == len(unfinished)
        assert lines(page) == [line.strip() for line in typed.splitlines() if line.strip()]
        assert chips(page) == [line.strip() for line in typed.split("\n")[:-1] if line.strip()]
        expect(field).to_be_focused()


def test_two_keywords_are_previewed_and_counted_as_two(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("diffusion model\n", delay=10)
    with previewed(page):
        page.keyboard.type("protein folding", delay=10)
    expect(page.get_by_role("status").first).to_have_text("3 matches on the last publication day.")
    expect(page.locator("#panel article")).to_have_count(3)
    expect(page.locator("#panel mark.k1").first).to_have_text("protein folding")
    expect(page.locator(".chip").first).to_contain_text("diffusion model2")
    page.get_by_text("How each keyword is read").click()
    with previewed(page):
        page.keyboard.type("x")
        field.press("End")
        page.keyboard.type("s")
    expect(page.locator("#readings details")).to_have_attribute("open", "")
    assert "diffusion modelprotein" not in page.locator("#readings").inner_text()


def test_the_caret_stays_in_the_middle(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("ink\ngraph network", delay=10)
    for _ in " network":
        page.keyboard.press("ArrowLeft")
    with previewed(page):
        page.keyboard.type(" neural", delay=10)
    assert (caret(field), field.input_value()) == (len("graph neural"), "graph neural network")


def test_many_lines_are_pasted_at_once(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("diff", delay=10)
    with previewed(page):
        paste(field, "usion model\r\n heat\t\n\nink\nheat")
    assert chips(page) == lines(page) == ["diffusion model", "heat", "ink"]
    assert field.input_value() == ""


def test_a_chip_can_be_edited_and_removed_by_mouse_and_by_keyboard(page: Page, field: Locator) -> None:
    page.keyboard.type("graph\nink\nheat\n", delay=10)
    page.get_by_role("button", name="Edit ink").click()
    assert (field.input_value(), chips(page)) == ("ink", ["graph", "heat"])
    page.keyboard.type("y\n")
    assert chips(page) == lines(page) == ["graph", "inky", "heat"]  # at its place
    page.keyboard.press("Backspace")
    assert (field.input_value(), chips(page)) == ("heat", ["graph", "inky"])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove graph").focus()
    with previewed(page):
        page.keyboard.press("Enter")
    assert chips(page) == ["inky", "heat"]
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="E-mail")).to_be_focused()


def test_an_error_is_shown_when_the_keyword_is_finished(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("graph AND", delay=10)
    expect(page.locator("#keywords-live")).to_have_count(0)
    with previewed(page):
        page.keyboard.press("Enter")
    expect(page.locator("#keywords-live")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Correct graph AND")).to_be_visible()


def test_a_composition_of_an_input_method_is_not_interrupted(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("graph\n", delay=10)
    method = page.context.new_cdp_session(page)
    for composed in ("k", "か", "かく", "かくさん"):
        with previewed(page):  # a preview comes in the midst of it
            length = len(composed)
            method.send("Input.imeSetComposition", {"text": composed, "selectionStart": length, "selectionEnd": length})
        assert field.input_value() == composed
    with previewed(page):
        method.send("Input.insertText", {"text": "拡散"})
    assert field.input_value() == "拡散"
    with previewed(page):
        page.keyboard.type("\nink", delay=10)
    assert lines(page) == ["graph", "拡散", "ink"]


def test_a_late_preview_does_not_undo_what_was_typed_meanwhile(page: Page, field: Locator) -> None:
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route("**/preview", hold_first)
    with page.expect_request("**/preview"):
        page.keyboard.type("graph\n", delay=10)
    with previewed(page):
        page.keyboard.type("in")
        held[0].continue_()
        page.keyboard.type("k\n", delay=10)
    assert lines(page) == ["graph", "ink"]


def test_a_button_adds_a_keyword_beside_what_is_being_typed(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("graph", delay=10)
    # As one below the field; which there are depends on the papers.
    for name, value in (("add", "heat"), ("replace", "graph AND ink")):
        button = f"<button name={name} value='{'graph&#10;' * (name == 'replace')}{value}'>{value}</button>"
        field.evaluate("(field, button) => field.form.insertAdjacentHTML('beforeend', button)", button)
        with previewed(page):
            page.get_by_role("button", name=value, exact=True).click()
        expect(field).to_be_focused()
    assert chips(page) == lines(page) == ["graph AND ink", "heat"]
    page.get_by_role("button", name="Remove heat").click()
    assert lines(page) == ["graph AND ink"]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_form_stands_on_the_first_screen(front_page: tuple[Browser, str], width: int, height: int) -> None:
    browser, url = front_page
    for script in (True, False):
        context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=script)
        page = context.new_page()
        requests: list[str] = []
        page.on("request", partial(append_url, requests))
        page.goto(url)
        field, email = (page.get_by_role("textbox", name=name) for name in ("Keywords", "E-mail"))
        button = page.locator(".mailrow button")
        for part in (field, email, button):
            box = part.bounding_box()
            assert box
            assert box["y"] + box["height"] <= height
            assert box["x"] + box["width"] <= width
        if not script:
            field.fill("diffusion model\nprotein folding")
            page.get_by_role("button", name="Preview").click()
            expect(page.locator("#panel article")).to_have_count(3)
            expect(field).to_have_value("diffusion model\nprotein folding")
        assert all(found.startswith(url) for found in requests)
        context.close()


def test_unfinished_text_is_subscribed_to_as_well(page: Page, field: Locator) -> None:
    page.keyboard.type("graph\nin", delay=10)
    page.get_by_role("textbox", name="E-mail").fill("ada@example.org")
    with page.expect_request(lambda request: request.url.endswith("/subscribe")) as sent:
        page.keyboard.press("Enter")
    assert parse_qs(sent.value.post_data or "")["keywords"][0].splitlines() == ["graph", "in"]
    page.get_by_role("heading", name="Check your e-mail").wait_for()
    page.go_back()
    page.locator("form.live").wait_for()
    assert chips(page) == ["graph", "in"]


def test_a_link_with_keywords_has_its_preview_and_asks_for_none(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if request.url.endswith("/preview") else None)
    page.goto(f"{page.url}?keywords=diffusion+model")
    page.locator("form.live").wait_for()
    expect(page.locator(".chip small")).to_have_text("2")
    expect(page.locator("#panel")).to_contain_text("A diffusion model of heat")
    page.wait_for_load_state("networkidle")
    assert requests == []
    with previewed(page):
        page.get_by_role("textbox", name="Keywords").fill("protein\n")
    assert len(requests) == 1
