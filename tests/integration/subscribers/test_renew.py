"""Stored keywords are read again where the forms of words have changed."""

from datetime import UTC, datetime

from sqlalchemy import Engine, update
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import Keyword, SavedKeyword, Subscriber
from digest.database.models.subscribers import FORMS_VERSION as STORED_VERSION
from digest.matching import FORMS_VERSION, KeywordInput, other_forms, parse
from digest.rendering.batch import load_announced
from digest.rendering.messages import keywords_also_match
from digest.subscribers import Preferences, announce_keywords, records, renew_keywords
from tests.support.factories import delivery

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


def test_other_forms_of_a_keyword_are_announced_in_one_digest(store: Engine) -> None:
    with write_session(store) as session:
        inputs = [KeywordInput("llm agents", "llmagent"), KeywordInput("graphs", "graph")]
        ada = records.request_subscription(session, [KEY], "ada@example.org", Preferences(), inputs, NOW)
        ada_id = int(ada.id or 0)
        session.execute(update(Keyword).values(forms_version=0))
    renew_keywords(store)
    announce_keywords(store)  # no digest waits
    with write_session(store) as session:
        assert load_announced(session, [ada_id]) == {}
        digest = delivery(session.get_one(Subscriber, ada_id), edition="2026-07-29")
        session.add(digest)
        session.flush()
        first = int(digest.id or 0)
    announce_keywords(store)
    with write_session(store) as session:
        session.add(delivery(session.get_one(Subscriber, ada_id), edition="2026-07-30"))
    announce_keywords(store)
    with read_session(store) as session:
        assert load_announced(session, [ada_id]) == {first: ["llm agents"]}


def test_the_sentence_names_the_other_forms() -> None:
    forms = [(keyword, other_forms(parse(keyword))) for keyword in ("llm agents", "tumour", "β decay", "graphs")]
    assert dict(forms)["graphs"] == ()
    assert keywords_also_match(forms[:1]) == (
        "New: your keyword “llm agents” also matches “large language model agents”."
    )
    assert keywords_also_match(forms[1:3]) == (
        "New: your keywords match other spellings, too: “tumour” also “tumor”; “β decay” also “beta decay”."
    )
