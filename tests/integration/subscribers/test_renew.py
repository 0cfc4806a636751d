"""Stored keywords are read again where the forms of words have changed."""

from datetime import UTC, datetime

from sqlalchemy import Engine, update
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import Keyword, SavedKeyword
from digest.database.models.subscribers import FORMS_VERSION as STORED_VERSION
from digest.matching import FORMS_VERSION, KeywordInput, parse
from digest.subscribers import Preferences, records, renew_keywords

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
KEY = "a key for the tests"


def test_the_models_know_the_version_of_the_forms() -> None:
    assert STORED_VERSION == FORMS_VERSION


def test_keywords_of_an_older_version_are_read_again_once(store: Engine) -> None:
    old = {
        "tumour segmentation": "tumoursegmentation",  # as version 0 had them
        "tumor segmentation": "tumorsegmentation",
        "graphs": "graph",
        "-modelling": "-modelling",
        "a, b, (": "damaged",
    }
    with write_session(store) as session:
        inputs = [KeywordInput(text, canonical) for text, canonical in old.items()]
        ada = records.request_subscription(session, [KEY], "ada@example.org", Preferences(), inputs, NOW)
        bob = records.request_subscription(session, [KEY], "bob@example.org", Preferences(), inputs[:1], NOW)
        muted = [KeywordInput("tumor segmentation", "tumorsegmentation", is_muted=True), *inputs[:1]]
        eve = records.request_subscription(session, [KEY], "eve@example.org", Preferences(), muted, NOW)
        ids = {name: int(row.id or 0) for name, row in (("ada", ada), ("bob", bob), ("eve", eve))}
        session.execute(update(Keyword).values(forms_version=0))
    assert renew_keywords(store) == len(old)
    assert renew_keywords(store) == 0
    with read_session(store) as session:
        saved = records.keywords_by_subscriber(session, ids.values())
        announced = dict(session.exec(select(SavedKeyword.text, col(SavedKeyword.announced_in))).all())
    ours = {keyword.text: keyword.canonical for keyword in saved[ids["ada"]]}
    assert len(ours) == len(old) - 1  # of two that are one now, one stays
    assert ours["graphs"] == "graph"
    assert ours["-modelling"] == parse("-modeling").canonical
    assert ours["a, b, ("] == "damaged"
    assert [keyword.canonical for keyword in saved[ids["bob"]]] == [parse("tumor segmentation").canonical]
    assert [(keyword.canonical, keyword.is_muted) for keyword in saved[ids["eve"]]] == [("tumorsegmentation", False)]
    assert announced["graphs"] is None
    assert announced["tumour segmentation"] == 0
