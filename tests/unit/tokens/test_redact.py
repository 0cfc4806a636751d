"""Texts for logs, without the tokens of links."""

from datetime import UTC, datetime

import pytest

from digest.tokens import TokenPurpose, TokenSigner, redact_tokens

EPOCH = datetime.fromtimestamp(0, UTC)


@pytest.mark.parametrize("page", ["emails", "letters", "mine", *TokenPurpose])
def test_a_link_with_a_token_loses_it(page: str) -> None:
    token = TokenSigner(["a key that is long enough"]).sign_many([TokenPurpose.UNSUBSCRIBE], "n0nce", EPOCH)[0]
    text = redact_tokens(f"ValueError: 'https://bücher.example/{page}/{token}' has a character")
    assert text == f"ValueError: 'https://bücher.example/{page}/(token)' has a character"


def test_other_addresses_stay() -> None:
    text = "see https://relay.example/help/550 and digest/tokens.py"
    assert redact_tokens(text) == text
