"""Return addresses: signed, for one kind of message, in either case."""

from base64 import b32decode, b32encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.mail import ReturnPath, ReturnPathKind, ReturnToken
from digest.mail.verp import _mask, _sign, encode

KEY = "a key for the tests that is long enough"
OURS = ReturnPath("bounces@digest.example.org", [KEY])
NUMBERS = st.integers(0, 2**63 - 1)
MESSAGE_ID = "<0123456789abcdef0123456789abcdef@example.org>"


def find(return_path: ReturnPath, *headers: str) -> ReturnToken | None:
    """Look for a token in a store where every delivery has one Message-ID."""
    return return_path.find(lambda _number: MESSAGE_ID, *headers)


def address_of(return_path: ReturnPath, kind: ReturnPathKind, number: int) -> str:
    return return_path.address_for(kind, number, MESSAGE_ID)


@settings(deadline=None)
@given(NUMBERS, st.sampled_from(ReturnPathKind))
def test_an_address_names_its_delivery_and_kind(number: int, kind: ReturnPathKind) -> None:
    assert find(OURS, address_of(OURS, kind, number)) == ReturnToken(kind, number)


@settings(deadline=None)
@given(NUMBERS)
def test_the_way_may_change_capitals_and_what_stands_around(number: int) -> None:
    address = address_of(OURS, ReturnPathKind.BOUNCE, number)
    for seen in (address.upper(), f"rfc822;{address}", f'"x" <{address.title()}>, other@example.org', f"\n {address}"):
        assert find(OURS, "nothing", seen) == ReturnToken(ReturnPathKind.BOUNCE, number)


def test_a_local_part_fits_into_64_octets() -> None:
    longest = ReturnPath("b" * 24 + "@example.org", [KEY])
    assert len(address_of(longest, ReturnPathKind.BOUNCE, 2**63 - 1).partition("@")[0]) == 64


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_character_of_a_token_can_be_changed(number: int, place: int, character: str) -> None:
    token = encode(KEY, ReturnPathKind.BOUNCE, number, MESSAGE_ID)
    forged = token[:place] + character + token[place + 1 :]
    # The last letter has three bits that no byte uses: it may differ there.
    expected = ReturnToken(ReturnPathKind.BOUNCE, number) if forged == token else None
    if place < 38:
        assert find(OURS, f"bounces+{forged}@digest.example.org") == expected


@pytest.mark.parametrize("message_id", [MESSAGE_ID, ""], ids=["with Message-ID", "of schema 0006"])
@pytest.mark.parametrize("place", range(16))
def test_every_byte_of_the_signature_counts(place: int, message_id: str) -> None:
    # The id is masked by the changed signature, so that it is read as before and the signature alone is wrong.
    kind, plain = ReturnPathKind.BOUNCE, (41).to_bytes(8, "big")
    signature = bytearray(_sign(KEY, kind, plain, message_id))
    for flipped in (0, *(1 << bit for bit in range(8))):
        changed = bytearray(signature)
        changed[place] ^= flipped
        token = b32encode(bytes(changed) + _mask(KEY, kind, bytes(changed), plain)).decode().rstrip("=").lower()
        found = find(OURS, f"bounces+{token}@digest.example.org")
        assert (found is None) == bool(flipped), (place, flipped)
    assert len(signature) == 16


def test_a_token_is_bound_to_its_kind_and_its_key() -> None:
    token = encode(KEY, ReturnPathKind.UNSUBSCRIBE, 41, MESSAGE_ID)
    assert find(OURS, f"bounces+{token}@x.example") == ReturnToken(ReturnPathKind.UNSUBSCRIBE, 41)
    assert encode(KEY, ReturnPathKind.BOUNCE, 41, MESSAGE_ID) != token
    other = ReturnPath(OURS.address, ["another key that is long enough too"])
    assert find(other, address_of(OURS, ReturnPathKind.BOUNCE, 41)) is None


def test_a_token_is_bound_to_the_message_id_of_its_delivery() -> None:
    address = address_of(OURS, ReturnPathKind.BOUNCE, 41)
    assert OURS.find({41: "<another@example.org>"}.get, address) is None
    assert OURS.find(lambda _number: None, address) is None  # erased


def test_a_token_of_schema_0006_says_that_it_names_an_id_alone() -> None:
    kind, plain = ReturnPathKind.BOUNCE, (41).to_bytes(8, "big")
    signature = _sign(KEY, kind, plain)
    token = b32encode(signature + _mask(KEY, kind, signature, plain)).decode().rstrip("=").lower()
    assert find(OURS, f"bounces+{token}@x.example") == ReturnToken(kind, 41, has_message_id=False)


def test_no_id_beyond_64_bits_is_looked_up() -> None:
    token = encode(KEY, ReturnPathKind.BOUNCE, 2**64 - 1, MESSAGE_ID)
    assert b32decode(token.upper() + "=")
    assert find(OURS, f"bounces+{token}@x.example") is None


def test_a_key_can_be_replaced() -> None:
    renewed = ReturnPath(OURS.address, ["the new key, which is long enough", KEY])
    assert find(renewed, address_of(OURS, ReturnPathKind.BOUNCE, 41)) == ReturnToken(ReturnPathKind.BOUNCE, 41)
    assert find(OURS, address_of(renewed, ReturnPathKind.BOUNCE, 41)) is None


def test_a_token_does_not_tell_how_many_deliveries_there_are() -> None:
    first, second = (encode(KEY, ReturnPathKind.BOUNCE, number, MESSAGE_ID) for number in (1, 2))
    same = [place for place, (a, b) in enumerate(zip(first, second, strict=True)) if a == b]
    assert len(same) < 12


@pytest.mark.parametrize("text", ["", "bounces@digest.example.org", "bounces+@x", "bounces+abc@x", "+" * 5000 + "@"])
def test_what_is_no_token_names_nothing(text: str) -> None:
    assert find(OURS, text) is None


def test_a_flood_of_tokens_is_not_tried_to_its_end() -> None:
    genuine = address_of(OURS, ReturnPathKind.BOUNCE, 1)
    flood = ", ".join(f"x+{'a' * 38}{'b'}@example.org" for _ in range(30))
    assert find(OURS, flood, genuine) is None
    assert find(OURS, genuine, flood) == ReturnToken(ReturnPathKind.BOUNCE, 1)
