"""Tokens of marks as digests carry them."""

from datetime import datetime

from digest.tokens import MARK_KINDS, TokenSigner, split_mark_tags


def sign_mark_of(signer: TokenSigner, nonce: str, paper_id: int, kind: str, now: datetime) -> str:
    """Return the token that marks one paper as one of MARK_KINDS."""
    start, (tags,) = signer.sign_marks(nonce, [paper_id], now)
    return f"{start}.{paper_id}.{kind}.{split_mark_tags(tags)[MARK_KINDS.index(kind)]}"
