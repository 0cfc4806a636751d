"""Papers for other programs: feeds of a query, and citations."""

import json
from datetime import date
from pathlib import Path

import pytest
from lxml import etree  # type: ignore[import-untyped]
from sqlalchemy import Engine
from sqlmodel import select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Paper
from digest.tokens import TokenSigner
from digest.web import create_app
from digest.web.citations import to_bibtex, to_ris
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.factories import listing, paper

HOSTILE_TEXT = "Robots </title><script>alert(1)</script>]]>&amp;\x00\x0b\u2028 {\\input{/etc/passwd}} % $x_1^2$ #~"
ATOM_NAMESPACE = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def ctx(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/digest.db", base_url="http://digest.test")
    with write_session(sqlite_store) as session:
        session.add(
            one := paper(
                title=HOSTILE_TEXT,
                abstract=HOSTILE_TEXT,
                authors=["Ada and Bob, Ltd", HOSTILE_TEXT],
                published_on=TEST_TIME.date(),
            )
        )
        session.add(paper(title="Proteins fold"))
        session.flush()
        session.add(listing(one, list_day=TEST_TIME.date()))
    return AppContext(settings, sqlite_store, TokenSigner(["a key for tests"]))


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))


def store_paper(ctx: AppContext, title: str = HOSTILE_TEXT) -> int:
    with read_session(ctx.engine) as session:
        return int(session.exec(select(Paper.id).where(Paper.title == title)).one() or 0)


def test_the_feed_of_the_lists_has_their_papers_and_its_filters(ctx: AppContext, browser: Browser) -> None:
    for path, count in (("", 1), ("?source=huggingface", 1), ("?source=arxiv", 0), ("?category=cs.CL", 0)):
        feed = json.loads(browser.get(f"/feeds/json{path}").content)
        assert feed["feed_url"] == f"http://digest.test/feeds/json{path}"
        assert [item["id"] for item in feed["items"]] == [f"http://digest.test/papers/{store_paper(ctx)}"] * count
    assert etree.fromstring(browser.get("/feeds/atom").content).find(f"{ATOM_NAMESPACE}entry") is not None
    page = ParsedPage(browser.get(f"/papers/{TEST_TIME.date()}").text)
    assert page.find_tag(rel="alternate", type="application/atom+xml")["href"] == "/feeds/atom"


def test_an_atom_feed_has_the_elements_that_the_standard_requires(ctx: AppContext, browser: Browser) -> None:
    response = browser.get("/feeds/atom", params={"q": "robots"})
    feed = etree.fromstring(response.content)
    assert response.headers["content-type"].startswith("application/atom+xml")
    assert feed.findtext(f"{ATOM_NAMESPACE}id") == "http://digest.test/feeds/atom?q=robots"
    [entry] = feed.findall(f"{ATOM_NAMESPACE}entry")
    assert entry.findtext(f"{ATOM_NAMESPACE}id") == f"http://digest.test/papers/{store_paper(ctx)}"
    for part in (feed, entry):
        assert part.findtext(f"{ATOM_NAMESPACE}updated", "").endswith("Z")
        assert part.find(f"{ATOM_NAMESPACE}author/{ATOM_NAMESPACE}name") is not None
    assert "<script>alert(1)</script>" in entry.findtext(f"{ATOM_NAMESPACE}title", "")
    assert b"<script" not in response.content


def test_a_json_feed_has_the_same_papers(ctx: AppContext, browser: Browser) -> None:
    feed = json.loads(browser.get("/feeds/json", params={"q": "robots"}).content)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["id"] for item in feed["items"]] == [f"http://digest.test/papers/{store_paper(ctx)}"]


@pytest.mark.parametrize("kind", ["atom", "json"])
def test_an_unchanged_feed_is_not_sent_again(browser: Browser, kind: str) -> None:
    first = browser.get(f"/feeds/{kind}?q=robots")
    again = browser.get(f"/feeds/{kind}?q=robots", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert browser.get(f"/feeds/{kind}?q=protein", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    assert browser.get(f"/feeds/{kind}?q=nothing").status_code == 200


@pytest.mark.parametrize("query", ["?q=", "?q=a+AND+(", "?q=%00", "?source=nothing", "?category=%22"])
def test_a_feed_of_an_invalid_query_is_refused(browser: Browser, query: str) -> None:
    assert browser.get(f"/feeds/atom{query}").status_code == 422


def test_result_pages_link_to_their_feeds(browser: Browser) -> None:
    page = ParsedPage(browser.get("/papers?q=robots").text)
    assert page.find_tag(rel="alternate", type="application/atom+xml")["href"] == "/feeds/atom?q=robots"
    assert page.find_tag(rel="alternate", type="application/feed+json")["href"] == "/feeds/json?q=robots"


def test_a_paper_has_a_page_and_files_to_cite_it(ctx: AppContext, browser: Browser) -> None:
    where = f"/papers/{store_paper(ctx)}"
    page = ParsedPage(browser.get(where).text)
    assert [found["type"] for tag, found in page.tags if tag == "script" and "src" not in found] == [
        "application/ld+json"
    ]
    assert {f"{where}.bib", f"{where}.ris"} <= set(page.links)
    for kind in ("bib", "ris"):
        response = browser.get(f"{where}.{kind}")
        assert response.status_code == 200
        assert f'filename="{store_paper(ctx)}.{kind}"' in response.headers["content-disposition"]
    assert "@misc{" in browser.get(f"/papers/{TEST_TIME.date()}.bib").text
    assert browser.get(f"/papers/{TEST_TIME.date()}").status_code == 200


@pytest.mark.parametrize("name", ["0", "99", "9" * 30, "99.bib", "x.bib", "1.pdf", "2020-01-01.bib", "..%2f1.bib"])
def test_an_unknown_paper_is_not_found(browser: Browser, name: str) -> None:
    assert browser.get(f"/papers/{name}").status_code in {404, 422}


def test_no_title_escapes_from_its_bibtex_entry() -> None:
    written = to_bibtex([paper(title=HOSTILE_TEXT, authors=["Ada and Bob, Ltd", "A\nB"], key="x}y,\n@z")])
    assert "\\input" not in written
    assert r"\textbackslash{}input\{/etc/passwd\}" in written
    assert r"\% \$x\_1\textasciicircum{}2\$ \#\textasciitilde{}" in written
    assert "{Ada and Bob, Ltd} and A B" in written
    assert written.startswith("@misc{adaandbobltdrobots,\n")
    assert to_bibtex([paper(title="", authors=[], key="x}y,\n@z")]).startswith("@misc{x-y-z,\n")
    bare = written.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert written.count("\n@") == 0


def test_no_text_adds_a_line_to_a_ris_record() -> None:
    written = to_ris([paper(title="A\r\nER  - \r\nTY  - BOOK", abstract=HOSTILE_TEXT, published_on=date(2026, 7, 1))])
    assert [line[:2] for line in written.split("\r\n")] == [
        "TY",
        "TI",
        "AU",
        "PY",
        "DA",
        "AB",
        "UR",
        "ID",
        "ER",
        "",
        "",
    ]
    assert "\x00" not in written
