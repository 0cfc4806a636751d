"""Return addresses: signed, for one errand, in either case."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.mail import ReturnPath, ReturnPathKind
from digest.mail.verp import encode

KEY = "a key for the tests that is long enough"
OURS = ReturnPath("bounces@digest.example.org", [KEY])
NUMBERS = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(NUMBERS, st.sampled_from(ReturnPathKind))
def test_an_address_names_its_letter_and_errand(number: int, errand: ReturnPathKind) -> None:
    assert OURS.find(OURS.address_for(errand, number)) == (errand, number)


@settings(deadline=None)
@given(NUMBERS)
def test_the_way_may_change_capitals_and_what_stands_around(number: int) -> None:
    address = OURS.address_for(ReturnPathKind.BOUNCE, number)
    for seen in (address.upper(), f"rfc822;{address}", f'"x" <{address.title()}>, other@example.org', f"\n {address}"):
        assert OURS.find("nothing", seen) == (ReturnPathKind.BOUNCE, number)


def test_a_local_part_fits_into_64_octets() -> None:
    longest = ReturnPath("b" * 24 + "@example.org", [KEY])
    assert len(longest.address_for(ReturnPathKind.BOUNCE, 2**63 - 1).partition("@")[0]) == 64


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_letter_of_a_token_can_be_changed(number: int, place: int, letter: str) -> None:
    token = encode(KEY, ReturnPathKind.BOUNCE, number)
    forged = token[:place] + letter + token[place + 1 :]
    # The last letter has three bits that no byte uses: it may differ there.
    expected = (ReturnPathKind.BOUNCE, number) if forged == token else None
    if place < 38:
        assert OURS.find(f"bounces+{forged}@digest.example.org") == expected


def test_a_token_is_bound_to_its_errand_and_its_key() -> None:
    token = encode(KEY, ReturnPathKind.UNSUBSCRIBE, 41)
    assert OURS.find(f"bounces+{token}@x.example") == (ReturnPathKind.UNSUBSCRIBE, 41)
    assert encode(KEY, ReturnPathKind.BOUNCE, 41) != token
    other = ReturnPath(OURS.address, ["another key that is long enough too"])
    assert other.find(OURS.address_for(ReturnPathKind.BOUNCE, 41)) is None


def test_a_key_can_be_replaced() -> None:
    renewed = ReturnPath(OURS.address, ["the new key, which is long enough", KEY])
    assert renewed.find(OURS.address_for(ReturnPathKind.BOUNCE, 41)) == (ReturnPathKind.BOUNCE, 41)
    assert OURS.find(renewed.address_for(ReturnPathKind.BOUNCE, 41)) is None


def test_a_token_does_not_tell_how_many_letters_there_are() -> None:
    first, second = (encode(KEY, ReturnPathKind.BOUNCE, number) for number in (1, 2))
    same = [place for place, (a, b) in enumerate(zip(first, second, strict=True)) if a == b]
    assert len(same) < 12


@pytest.mark.parametrize("text", ["", "bounces@digest.example.org", "bounces+@x", "bounces+abc@x", "+" * 5000 + "@"])
def test_what_is_no_token_names_nothing(text: str) -> None:
    assert OURS.find(text) is None


def test_a_flood_of_tokens_is_not_tried_to_its_end() -> None:
    genuine = OURS.address_for(ReturnPathKind.BOUNCE, 1)
    flood = ", ".join(f"x+{'a' * 38}{'b'}@example.org" for _ in range(30))
    assert OURS.find(flood, genuine) is None
    assert OURS.find(genuine, flood) == (ReturnPathKind.BOUNCE, 1)
