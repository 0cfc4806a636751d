"""The operator's page of papers that may be one: link, keep apart, undo."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Paper, PaperRelation
from digest.identifiers import Identifier, LinkRelation, StatedLink
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.integration.web.test_admin import BASE_URL, SAME_SITE, TOKEN, Operator
from tests.support.browser import ParsedPage
from tests.support.contexts import make_context

NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)
TITLE = "A protein that folds by itself in the cell of a mouse <b>twice</b>"


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    ctx = make_context(store, operator_token=TOKEN, base_url=BASE_URL)
    with write_session(store) as session:
        store_listings(session, [entry("a"), entry("b")], NOW)
    return ctx


@pytest.fixture
def operator(ctx: AppContext) -> Operator:
    operator = Operator(ctx)
    operator.log_in()
    return operator


def entry(doi: str, **more: Any) -> ListedPaper:
    usual: dict[str, Any] = {
        "source": "journal",
        "list_day": date(2026, 7, 28),
        "rank": 1,
        "title": TITLE,
        "authors": ("Ada <i>Byron</i>",),
        "identifiers": (Identifier("doi", f"10.5555/{doi}"),),
        "url": "https://example.org",
    }
    return ListedPaper(**(usual | more))


def press(operator: Operator, label: str, path: str = "/papers") -> str:
    """Press the first button with this text, follow the redirect, and return the page."""
    page = operator.page(path)
    forms = re.findall(r'<form action="/operator([^"]+)" method="post">(.*?)</form>', page, re.DOTALL)
    action, body = next(form for form in forms if f">{label}<" in form[1])
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', body))
    response = operator.post(action, **fields)
    assert response.status_code == 303, response.text
    return operator.page(response.headers["location"].removeprefix("/operator"))


def rows(ctx: AppContext) -> dict[str, list[str]]:
    with read_session(ctx.engine) as session:
        return {
            table.name: sorted(map(repr, session.connection().execute(table.select()).all()))
            for table in SQLModel.metadata.sorted_tables
        }


def test_a_pair_is_shown_with_its_differences_and_without_markup(operator: Operator) -> None:
    page = operator.page("/papers")
    text = ParsedPage(page).text
    assert text.count(TITLE) == 2
    assert "<b>twice" not in page
    assert "<i>Byron" not in page
    for part in ("doi:10.5555/a", "doi:10.5555/b", "Ada <i>Byron</i>", "Paper 1", "listed at journal"):
        assert part in text


def test_one_paper_is_linked_and_undone(operator: Operator, ctx: AppContext) -> None:
    before = rows(ctx)
    page = press(operator, "One paper")
    assert "is the same paper as" in ParsedPage(page).text
    assert "No two papers are in doubt." in page
    with read_session(ctx.engine) as session:
        assert [paper.merged_into for paper in session.exec(select(Paper).order_by(Paper.id))] == [None, 1]  # type: ignore[arg-type]
    undone = press(operator, "Undo")
    assert "The link is undone." in undone
    assert "No two papers are in doubt." in undone  # they are remembered as different
    after = rows(ctx)
    changed = {name: found for name, found in after.items() if found != before[name]}
    assert changed.keys() == {"paper_link", "operator_action"}
    assert all(part in changed["operator_action"][0] for part in ("'operator', 'link'", '"papers": [1, 2]'))


def test_a_separation_is_undone_without_a_trace(operator: Operator, ctx: AppContext) -> None:
    before = rows(ctx)
    page = press(operator, "Keep apart")
    assert "stay two papers" in ParsedPage(page).text
    assert "No two papers are in doubt." in page
    with write_session(ctx.engine) as session:  # an entry that names both does not link them either
        store_listings(session, [entry("a", identifiers=tuple(Identifier("doi", f"10.5555/{n}") for n in "ab"))], NOW)
        assert not [paper for paper in session.exec(select(Paper)) if paper.merged_into]
    assert ">One paper<" in press(operator, "Undo")
    after = rows(ctx)
    assert after.pop("operator_action") != before.pop("operator_action")  # that it was done and undone is on record
    assert after == before


def test_a_preprint_is_linked_with_its_article_in_the_right_direction(operator: Operator, ctx: AppContext) -> None:
    page = press(operator, "Paper 2 is the preprint")
    assert "was published as" in ParsedPage(page).text
    with read_session(ctx.engine) as session:
        [link] = session.exec(select(PaperRelation))
        assert (link.paper_id, link.other_id, link.relation) == (2, 1, "published")


def test_each_kind_of_notice_has_its_sentence(operator: Operator, ctx: AppContext) -> None:
    relations = (LinkRelation.RETRACTS, LinkRelation.CORRECTS, LinkRelation.CONCERNS, LinkRelation.COMMENTS)
    notices = [
        entry(f"n{n}", title=f"Notice {n}", links=(StatedLink(relation, Identifier("doi", "10.5555/a")),))
        for n, relation in enumerate(relations)
    ]
    with write_session(ctx.engine) as session:
        store_listings(session, notices, NOW)
    text = " ".join(ParsedPage(operator.page("/papers")).text.split())
    for n, verb in enumerate(("retracts", "corrects", "expresses concern about", "comments on")):
        assert f"Notice {n} ({n + 3}) {verb} {TITLE} (1)." in text
    assert text.count("A source says so") == len(relations)


def test_an_impossible_decision_gets_its_reason_and_changes_nothing(operator: Operator, ctx: AppContext) -> None:
    press(operator, "One paper")
    before = rows(ctx)
    refused: list[tuple[str, dict[str, str], str]] = [
        ("/papers/link", {"one": "1", "other": "2"}, "1 and 2 are one paper already."),
        ("/papers/separate", {"one": "1", "other": "2"}, "1 and 2 are one paper already."),
        ("/papers/link", {"one": "1", "other": "99"}, "There is no paper 99."),
        ("/papers/links/99/undo", {}, "There is no link 99"),
        ("/papers/separations/1/undo", {}, "No papers are kept apart by 1."),
    ]
    for path, form, reason in refused:
        response = operator.post(path, SAME_SITE, **form)
        assert response.status_code == 409, path
        assert reason in response.text, path
    for one in ("0", "x", "99999999999999999999", "\u0661"):
        assert operator.post("/papers/link", one=one, other="2").status_code == 422, one
    assert operator.get("/papers/link").status_code in {404, 405}
    assert rows(ctx) == before
