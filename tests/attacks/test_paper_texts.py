"""Attacks by the texts of papers, where they are shown."""

from lxml import etree  # type: ignore[import-untyped]
from sqlmodel import select

from digest.database import write_session
from digest.database.models import Paper
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.attacks.conftest import Target
from tests.support.browser import TEST_TIME

EVIL = "robot ]]></title></entry></feed><script>alert(1)</script>&evil;<!--\x00\x08\ufffe"


def test_no_text_gets_out_of_its_element_in_a_feed(target: Target) -> None:
    paper = ListedPaper(
        source="arxiv", list_day=TEST_TIME.date(), rank=1, kind="new", title=EVIL, abstract=EVIL, source_id="x",
        authors=(EVIL,), organization=EVIL, doi="10.1000/x", url="javascript:alert(1)", code_url="data:text/html,x",
    )  # fmt: skip
    with write_session(target.ctx.engine) as session:
        store_listings(session, [paper], TEST_TIME)
        number = session.exec(select(Paper.id).where(Paper.doi == "10.1000/x")).one()
    atom = target.browser.get("/feeds/atom", params={"q": "robot"})
    assert atom.headers["content-type"].startswith("application/atom+xml")
    tree = etree.fromstring(atom.content)
    tags = {etree.QName(element).localname for element in tree.iter(etree.Element)}
    assert tags >= {"entry", "title", "author"}
    assert "script" not in tags
    assert all("javascript" not in value for element in tree.iter(etree.Element) for value in element.attrib.values())
    assert not list(tree.iter(etree.Comment))
    feed = target.browser.get("/feeds/json", params={"q": "robot"}).json()
    assert feed["items"][0]["id"] == f"http://digest.test/papers/{number}"
    assert all(str(item.get("url", "http")).startswith("http") for item in feed["items"])
