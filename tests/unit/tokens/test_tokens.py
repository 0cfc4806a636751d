"""Signed tokens: one purpose each, damage, lifetimes, and keys that are replaced."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import TokenError
from digest.tokens import MARK_KINDS, MARK_TAG_LENGTH, TokenPurpose, TokenSigner, delivery_subject, split_mark_tags
from tests.support.tokens import sign_mark_of

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
SIGNER = TokenSigner(["a key for the tests that is long enough"])
PURPOSES = [purpose for purpose in TokenPurpose if purpose is not TokenPurpose.MARK]  # whose tokens have another form
PAIRS = [(made, used) for made in PURPOSES for used in TokenPurpose if made is not used]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_gives_back_its_subject(purpose: TokenPurpose) -> None:
    assert SIGNER.unsign(purpose, SIGNER.sign(purpose, "nonce-_1", NOW), NOW) == "nonce-_1"


@pytest.mark.parametrize(("made", "used"), PAIRS, ids=[f"{made}-as-{used}" for made, used in PAIRS])
def test_a_token_made_for_one_purpose_is_worthless_for_another(made: TokenPurpose, used: TokenPurpose) -> None:
    with pytest.raises(TokenError, match="damaged"):
        SIGNER.unsign(used, SIGNER.sign(made, "nonce", NOW), NOW)


@given(st.data())
def test_a_token_with_any_character_changed_is_damaged(data: st.DataObject) -> None:
    token = SIGNER.sign(TokenPurpose.UNSUBSCRIBE, "nonce", NOW)
    # The last character of base64 carries bits that are not decoded, so it is left alone.
    position = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != token[position]))
    with pytest.raises(TokenError):
        SIGNER.unsign(TokenPurpose.UNSUBSCRIBE, token[:position] + other + token[position + 1 :], NOW)


def test_a_token_has_one_spelling() -> None:
    token = SIGNER.sign(TokenPurpose.UNSUBSCRIBE, "nonce", NOW)
    assert "-" in token
    for other in (token.replace("-", "+"), token.replace("_", "/"), f"{token[:-3]}!{token[-3:]}"):
        with pytest.raises(TokenError, match="damaged"):
            SIGNER.unsign(TokenPurpose.UNSUBSCRIBE, other if other != token else f"{token}=", NOW)


@given(st.text())
def test_arbitrary_text_is_no_token_and_raises_nothing_else(text: str) -> None:
    with pytest.raises(TokenError):
        SIGNER.unsign(TokenPurpose.CONFIRM, text, NOW)


def test_a_truncated_token_and_a_lone_surrogate_are_damaged() -> None:
    token = SIGNER.sign(TokenPurpose.CONFIRM, "nonce", NOW)
    for damaged in (token[:-4], token.rpartition(".")[0], token.upper(), "\ud800", f"{token} ", f"{token}."):
        with pytest.raises(TokenError, match="damaged"):
            SIGNER.unsign(TokenPurpose.CONFIRM, damaged, NOW)


LIFETIMES = {
    TokenPurpose.CONFIRM: (timedelta(hours=72), "72 hours"),
    TokenPurpose.MUTE: (timedelta(days=90), "90 days"),
    TokenPurpose.MUTE_AUTHOR: (timedelta(days=90), "90 days"),
    TokenPurpose.WEEKLY: (timedelta(days=90), "90 days"),
    TokenPurpose.PAUSE: (timedelta(days=90), "90 days"),
    TokenPurpose.RESUBSCRIBE: (timedelta(days=30), "30 days"),
    TokenPurpose.ADDRESS_CHANGE: (timedelta(hours=72), "72 hours"),
    TokenPurpose.ADDRESS_UNDO: (timedelta(days=7), "7 days"),
    TokenPurpose.UNDO: (timedelta(days=1), "a day"),
    TokenPurpose.MARKS: (timedelta(days=90), "90 days"),
}


@pytest.mark.parametrize("purpose", LIFETIMES)
def test_an_expired_token_says_how_long_it_was_valid(purpose: TokenPurpose) -> None:
    lifetime, text = LIFETIMES[purpose]
    token = SIGNER.sign(purpose, "nonce", NOW)
    assert SIGNER.unsign(purpose, token, NOW + lifetime) == "nonce"
    with pytest.raises(TokenError, match=f"valid for {text} and has expired"):
        SIGNER.unsign(purpose, token, NOW + lifetime + timedelta(seconds=1))


@pytest.mark.parametrize("purpose", sorted(set(PURPOSES) - LIFETIMES.keys()))
def test_all_other_tokens_are_valid_for_good(purpose: TokenPurpose) -> None:
    assert SIGNER.unsign(purpose, SIGNER.sign(purpose, "nonce", NOW), NOW + timedelta(days=3650)) == "nonce"


def test_the_token_to_unsubscribe_does_not_expire() -> None:
    assert TokenPurpose.UNSUBSCRIBE not in LIFETIMES


def test_a_replaced_key_still_verifies_and_the_new_one_signs() -> None:
    old, both, new = TokenSigner(["old"]), TokenSigner(["new", "old"]), TokenSigner(["new"])
    before, after = (signer.sign(TokenPurpose.PREFERENCES, "nonce", NOW) for signer in (old, both))
    assert both.unsign(TokenPurpose.PREFERENCES, before, NOW) == "nonce"
    assert new.unsign(TokenPurpose.PREFERENCES, after, NOW) == "nonce"
    for signer, token in ((new, before), (old, after)):
        with pytest.raises(TokenError):
            signer.unsign(TokenPurpose.PREFERENCES, token, NOW)


def test_tokens_for_many_purposes_are_those_for_each() -> None:
    purposes = PURPOSES
    many = SIGNER.sign_many(purposes, "nonce", NOW)
    assert many == [SIGNER.sign(purpose, "nonce", NOW) for purpose in purposes]
    assert [SIGNER.unsign(purpose, token, NOW) for purpose, token in zip(purposes, many, strict=True)] == [
        "nonce"
    ] * len(purposes)


def test_the_subject_of_a_delivery_has_64_bits_of_its_message_id() -> None:
    assert delivery_subject(41, "<0123456789abcdeffedcba9876543210@example.org>") == "41-fedcba9876543210"


@pytest.mark.parametrize("kind", MARK_KINDS)
def test_a_token_of_a_mark_gives_back_subscriber_paper_and_kind(kind: str) -> None:
    token = sign_mark_of(SIGNER, "nonce-_1", 17, kind, NOW)
    assert SIGNER.unsign_with_time(TokenPurpose.MARK, token, NOW) == (f"nonce-_1.17.{kind}", NOW)
    assert SIGNER.unsign(TokenPurpose.MARK, token, NOW + timedelta(days=90))
    with pytest.raises(TokenError, match="valid for 90 days and has expired"):
        SIGNER.unsign(TokenPurpose.MARK, token, NOW + timedelta(days=90, seconds=1))


def test_the_tokens_of_many_marks_are_those_of_each() -> None:
    start, tags = SIGNER.sign_marks("nonce", [3, 17, 2**40], NOW)
    for paper_id, of_paper in zip([3, 17, 2**40], tags, strict=True):
        for kind, tag in zip(MARK_KINDS, split_mark_tags(of_paper), strict=True):
            assert len(tag) == MARK_TAG_LENGTH
            assert f"{start}.{paper_id}.{kind}.{tag}" == sign_mark_of(SIGNER, "nonce", paper_id, kind, NOW)
    own_tags = {sign_mark_of(SIGNER, "nonce", 1, kind, NOW).rpartition(".")[2] for kind in MARK_KINDS}
    assert len(own_tags) == len(MARK_KINDS)


def test_the_tag_of_a_mark_fits_no_other_subscriber_time_paper_or_kind() -> None:
    nonce, issued, paper, kind, tag = sign_mark_of(SIGNER, "nonce", 17, "more", NOW).split(".")
    for forged in (
        ("other", issued, paper, kind, tag),
        (nonce, f"{int(issued, 16) + 1:x}", paper, kind, tag),
        (nonce, issued, "1", kind, tag),
        (nonce, issued, "017", kind, tag),
        (nonce, issued, paper, "less", tag),
        (nonce, issued, paper, "seed", tag),
        (nonce, issued, paper, kind, tag[:-1]),
        (nonce, issued, paper, kind, f"{tag}AAAA"),
        (nonce, issued, paper, kind, "A" * MARK_TAG_LENGTH),
        (nonce, issued.upper(), paper, kind, tag),
        (nonce, "f" * 16, paper, kind, tag),
    ):
        with pytest.raises(TokenError, match="damaged"):
            SIGNER.unsign(TokenPurpose.MARK, ".".join(forged), NOW)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_token_of_a_mark_is_worthless_for_all_else_and_others_mark_nothing(purpose: TokenPurpose) -> None:
    mark = sign_mark_of(SIGNER, "nonce", 17, "more", NOW)
    other = SIGNER.sign(purpose, "nonce", NOW)
    like_a_mark = SIGNER.sign(TokenPurpose.MARK, "nonce.17.more", NOW)
    for used, token in ((purpose, mark), (TokenPurpose.MARK, other), (TokenPurpose.MARK, like_a_mark)):
        with pytest.raises(TokenError, match="damaged"):
            SIGNER.unsign(used, token, NOW)


@given(
    st.text()
    | st.from_regex(r"[\w-]{1,30}\.[0-9a-f]{1,16}\.[1-9]\d{0,17}\.(more|less|saved)\.[\w-]{12}", fullmatch=True)
)
def test_arbitrary_text_marks_nothing_and_raises_nothing_else(text: str) -> None:
    with pytest.raises(TokenError):
        SIGNER.unsign(TokenPurpose.MARK, text, NOW)


def test_marks_of_a_replaced_key_count_and_the_new_one_signs() -> None:
    old, both, new = TokenSigner(["old"]), TokenSigner(["new", "old"]), TokenSigner(["new"])
    before, after = (sign_mark_of(signer, "nonce", 1, "saved", NOW) for signer in (old, both))
    assert both.unsign(TokenPurpose.MARK, before, NOW) == new.unsign(TokenPurpose.MARK, after, NOW) == "nonce.1.saved"
    with pytest.raises(TokenError):
        new.unsign(TokenPurpose.MARK, before, NOW)
