from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session, write_session
from digest.database.models import Keyword, SubscriberStatus
from digest.errors import AddressError, SubscriberError, SubscriberNotFoundError, TokenError
from digest.matching import KeywordInput
from digest.subscribers import Preferences, keywords_by_subscriber, normalize_address
from digest.subscribers.records import activate, request_subscription, subscriber_by_email, subscriber_by_nonce
from digest.tokens import TokenPurpose, TokenSigner
from tests.support.factories import subscriber

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
KEY = "a key for the tests that is long enough"
LINKS = TokenSigner([KEY])
PAIRS = [(made, used) for made in TokenPurpose for used in TokenPurpose if made is not used]


@pytest.mark.parametrize("purpose", TokenPurpose)
def test_a_link_gives_back_whom_it_speaks_of(purpose: TokenPurpose) -> None:
    assert LINKS.unsign(purpose, LINKS.sign(purpose, "nonce-_1", NOW), NOW) == "nonce-_1"


@pytest.mark.parametrize(("made", "used"), PAIRS, ids=[f"{made}-as-{used}" for made, used in PAIRS])
def test_a_link_made_for_one_purpose_is_worthless_for_another(made: TokenPurpose, used: TokenPurpose) -> None:
    with pytest.raises(TokenError, match="damaged"):
        LINKS.unsign(used, LINKS.sign(made, "nonce", NOW), NOW)


@given(st.data())
def test_a_link_with_any_character_changed_is_damaged(data: st.DataObject) -> None:
    token = LINKS.sign(TokenPurpose.UNSUBSCRIBE, "nonce", NOW)
    # The last character of base64 carries bits that nobody reads, so it is left alone.
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.characters(codec="utf-8").filter(lambda each: each != token[place]))
    with pytest.raises(TokenError):
        LINKS.unsign(TokenPurpose.UNSUBSCRIBE, token[:place] + other + token[place + 1 :], NOW)


@given(st.text())
def test_any_text_is_no_link_and_never_an_error(text: str) -> None:
    with pytest.raises(TokenError):
        LINKS.unsign(TokenPurpose.CONFIRM, text, NOW)


def test_a_cut_link_and_a_lone_surrogate_are_damaged() -> None:
    token = LINKS.sign(TokenPurpose.CONFIRM, "nonce", NOW)
    for damaged in (token[:-4], token.rpartition(".")[0], token.upper(), "\ud800", f"{token} ", f"{token}."):
        with pytest.raises(TokenError, match="damaged"):
            LINKS.unsign(TokenPurpose.CONFIRM, damaged, NOW)


LIVES = {
    TokenPurpose.CONFIRM: (timedelta(hours=72), "72 hours"),
    TokenPurpose.MUTE: (timedelta(days=90), "90 days"),
    TokenPurpose.MUTE_AUTHOR: (timedelta(days=90), "90 days"),
    TokenPurpose.WEEKLY: (timedelta(days=90), "90 days"),
    TokenPurpose.PAUSE: (timedelta(days=90), "90 days"),
    TokenPurpose.RESUBSCRIBE: (timedelta(days=30), "30 days"),
    TokenPurpose.UNDO: (timedelta(days=1), "a day"),
}


@pytest.mark.parametrize("purpose", LIVES)
def test_a_link_that_has_expired_says_how_long_it_was_valid(purpose: TokenPurpose) -> None:
    lasts, said = LIVES[purpose]
    token = LINKS.sign(purpose, "nonce", NOW)
    assert LINKS.unsign(purpose, token, NOW + lasts) == "nonce"
    with pytest.raises(TokenError, match=f"valid for {said} and has expired"):
        LINKS.unsign(purpose, token, NOW + lasts + timedelta(seconds=1))


@pytest.mark.parametrize("purpose", [TokenPurpose.UNSUBSCRIBE, TokenPurpose.PREFERENCES, TokenPurpose.VIEW])
def test_the_link_to_leave_never_expires(purpose: TokenPurpose) -> None:
    assert purpose not in LIVES
    assert LINKS.unsign(purpose, LINKS.sign(purpose, "nonce", NOW), NOW + timedelta(days=3650)) == "nonce"


def test_an_old_key_still_opens_and_the_new_one_signs() -> None:
    old, both, new = TokenSigner(["old"]), TokenSigner(["new", "old"]), TokenSigner(["new"])
    before, after = old.sign(TokenPurpose.PREFERENCES, "n", NOW), both.sign(TokenPurpose.PREFERENCES, "n", NOW)
    assert both.unsign(TokenPurpose.PREFERENCES, before, NOW) == "n"
    assert new.unsign(TokenPurpose.PREFERENCES, after, NOW) == "n"
    for links, token in ((new, before), (old, after)):
        with pytest.raises(TokenError):
            links.unsign(TokenPurpose.PREFERENCES, token, NOW)


@pytest.mark.parametrize(
    ("written", "sendable", "key"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        ("  Ada@Example.ORG\n", "Ada@example.org", "ada@example.org"),
        ("ada+papers@example.org", "ada+papers@example.org", "ada+papers@example.org"),
        ("o'hara@example.org", "o'hara@example.org", "o'hara@example.org"),
        ("x_1.y-2@sub.example.co.uk", "x_1.y-2@sub.example.co.uk", "x_1.y-2@sub.example.co.uk"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        (f"{'a' * 64}@example.org", f"{'a' * 64}@example.org", f"{'a' * 64}@example.org"),
    ],
)
def test_an_address_is_told_apart_without_its_capitals(written: str, sendable: str, key: str) -> None:
    assert normalize_address(written) == (sendable, key)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@localhost",
        "ada@@example.org",
        "ada@example..org",
        ".ada@example.org",
        "ada.@example.org",
        "a da@example.org",
        "ada@exam ple.org",
        "ada@-example.org",
        "Ada <ada@example.org>",
        "ada@example.org, bob@example.org",
        "ada@example.org\nBcc: bob@example.org",
        "ada\r\n@example.org",
        "ada\x00@example.org",
        '"a b"@example.org',
        "ada@[127.0.0.1]",
        "ädä@example.org",
        "ada@example.org\u202e",
        f"{'a' * 65}@example.org",
        f"ada@{'a' * 64}.org",
        f"ada@{'a.' * 200}org",
        "a" * 1_000_000,
    ],
)
def test_what_is_no_address_is_refused_in_words(written: str) -> None:
    with pytest.raises(AddressError) as refused:
        normalize_address(written)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"frequency": "hourly"}, "daily, weekdays or weekly"),
        ({"send_hour": -1}, "0 to 23"),
        ({"send_hour": 24}, "0 to 23"),
        ({"timezone": "Berlin"}, "Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "time zone"),
        ({"timezone": ""}, "time zone"),
        ({"cap": 0}, "1 to 100"),
        ({"cap": 101}, "1 to 100"),
    ],
)
def test_a_wish_that_cannot_be_had_is_refused_in_words(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(SubscriberError, match=said):
        Preferences(**wrong)  # type: ignore[arg-type]


def test_the_wishes_at_the_edges_can_be_had() -> None:
    for hour, cap in ((0, 1), (23, 100)):
        assert Preferences(send_hour=hour, cap=cap, frequency="weekly", timezone="Pacific/Kiritimati").cap == cap


def test_a_keyword_written_twice_is_kept_once_and_in_order(store: Engine) -> None:
    saved = [KeywordInput("Graphs", "graph"), KeywordInput("robots", "robot"), KeywordInput("graph", "graph")]
    with write_session(store) as session:
        ada = request_subscription(session, "ada@example.org", Preferences(), saved, NOW)
        bob = request_subscription(session, "bob@example.org", Preferences(), saved[:1], NOW)
        found = keywords_by_subscriber(session, [int(ada.id or 0), int(bob.id or 0)])
        assert [each.written for each in found[int(ada.id or 0)]] == ["Graphs", "robots"]
        assert len(session.exec(select(Keyword)).all()) == 2


def test_more_than_a_hundred_keywords_are_refused(store: Engine) -> None:
    many = [KeywordInput(f"word {n}", f"word {n}") for n in range(101)]
    with pytest.raises(SubscriberError, match="At most 100"), write_session(store) as session:
        request_subscription(session, "ada@example.org", Preferences(), many, NOW)


def test_a_subscriber_is_found_however_the_address_is_written(store: Engine) -> None:
    with write_session(store) as session:
        session.add(subscriber(email="Ada@example.org"))
    with read_session(store) as session:
        assert subscriber_by_email(session, " ADA@EXAMPLE.org").email == "Ada@example.org"
        with pytest.raises(SubscriberNotFoundError, match="bob@example"):
            subscriber_by_email(session, "bob@example.org")
        with pytest.raises(TokenError, match="no longer exists"):
            subscriber_by_nonce(session, "never made")


def test_the_first_papers_of_a_reader_who_returns_are_never_older_than_what_they_had() -> None:
    reader = subscriber(
        status=SubscriberStatus.PENDING,
        covered_listing_id=50,
        reason="declined",
        ended_at=NOW,
        last_due_day=date(2026, 7, 1),
    )
    activate(reader, 20, NOW)
    assert (reader.covered_listing_id, reader.status, reader.reason, reader.ended_at) == (
        50,
        SubscriberStatus.ACTIVE,
        "",
        None,
    )
    activate(reader, 80, NOW)
    assert reader.covered_listing_id == 80
