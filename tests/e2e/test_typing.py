"""The field of keywords while somebody types in a real browser: the live preview never changes what is typed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from digest.database import connect, migrate
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME
from tests.support.chromium import launch_chromium
from tests.support.contexts import make_context, store_papers
from tests.support.web_server import run_web_server

pytestmark = pytest.mark.xdist_group("browser")
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
    """Wait, as somebody who pauses, until the preview of what is typed here is shown."""
    with page.expect_response(lambda response: response.url.endswith("/preview") and response.status == 200):
        yield
    page.locator("#beside:not([aria-busy])").wait_for()


def caret(field: Locator) -> int:
    return int(field.evaluate("field => field.selectionStart"))


@pytest.mark.parametrize(
    "pieces",
    [
        ("diffusion model\n", "protein folding"),
        ("diffusion model", "\n", "protein folding"),
        ("graph ", "neural ", " network "),
        ("\n\n", "graph", "\n\n\n", "ink", "\n"),
        ("  graph", "\t-survey".replace("\t", "\n\n  "), " \n"),
        ("graph AND", " heat", "\n(", "ink OR heat)"),
        ('"graph neural', ' networks"\n', "-"),
    ],
    ids=lambda pieces: "|".join(pieces).replace("\n", "/"),
)
def test_what_is_typed_with_pauses_stays_as_it_is_typed(page: Page, field: Locator, pieces: tuple[str, ...]) -> None:
    typed = ""
    for piece in pieces:
        with previewed(page):
            page.keyboard.type(piece, delay=10)
        typed += piece
        assert field.input_value() == typed
        assert caret(field) == len(typed)


def test_two_keywords_on_two_lines_are_two(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("diffusion model\n", delay=10)
    with previewed(page):
        page.keyboard.type("protein folding", delay=10)
    meanings = page.locator("#told").inner_text()
    assert "diffusion model" in meanings
    assert "protein folding" in meanings
    assert "diffusion modelprotein" not in meanings
    expect(page.locator("#beside li h3")).to_have_count(3)


def test_the_caret_stays_in_the_middle(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("graph\nink\n", delay=10)
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    with previewed(page):
        page.keyboard.type(" neural", delay=10)
    assert caret(field) == len("graph neural")
    with previewed(page):
        page.keyboard.type(" network\n", delay=10)
    assert field.input_value() == "graph neural network\n\nink\n"
    assert caret(field) == len("graph neural network\n")


def test_what_is_pasted_stays_and_undo_takes_it_back(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("ink\n", delay=10)
    with previewed(page):
        field.evaluate("field => document.execCommand('insertText', false, 'graph \\r\\n heat\\t\\n\\n')")
    pasted = field.input_value()
    assert pasted.replace("\r", "") == "ink\ngraph \n heat\t\n\n"
    with previewed(page):
        page.keyboard.press("Control+z")
    assert field.input_value() == "ink\n"
    with previewed(page):
        page.keyboard.press("Control+Shift+z")
    assert field.input_value() == pasted


def test_a_composition_of_an_input_method_is_not_interrupted(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("graph\n", delay=10)
    method = page.context.new_cdp_session(page)
    for composed in ("k", "か", "かく", "かくさん"):
        with previewed(page):  # a preview comes in the midst of it
            length = len(composed)
            method.send("Input.imeSetComposition", {"text": composed, "selectionStart": length, "selectionEnd": length})
        assert field.input_value() == f"graph\n{composed}"
    with previewed(page):
        method.send("Input.insertText", {"text": "拡散"})
    assert field.input_value() == "graph\n拡散"
    with previewed(page):
        page.keyboard.type("\nink", delay=10)
    assert field.input_value() == "graph\n拡散\nink"


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
    assert field.input_value() == "graph\nink\n"


def test_a_button_adds_a_keyword_and_undo_takes_it_back(page: Page, field: Locator) -> None:
    with previewed(page):
        page.keyboard.type("graph", delay=10)
    # As one below the field; which there are depends on the papers.
    field.evaluate("field => field.form.insertAdjacentHTML('beforeend', '<button name=add value=heat>heat</button>')")
    with previewed(page):
        page.get_by_role("button", name="heat", exact=True).click()
    expect(field).to_have_value("graph\nheat")
    expect(field).to_be_focused()
    with previewed(page):
        page.keyboard.type("\nink", delay=10)
    assert field.input_value() == "graph\nheat\nink"
    for _ in range(12):
        page.keyboard.press("Control+z")
        if field.input_value() == "graph":
            break
    assert field.input_value() == "graph"
