"""Signed notes of how things were before a change, which a page carries: the store has the present state only."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from digest.context import AppContext
from digest.database.models import Subscriber
from digest.errors import TokenError
from digest.subscribers import messages
from digest.tokens import TokenPurpose


def make_undo_token(
    ctx: AppContext, subscriber: Subscriber, purpose: TokenPurpose, before: Sequence[Any], now: datetime
) -> str:
    """Return a signed note of how things were, valid for one kind of change of one subscriber."""
    note = json.dumps([purpose, *before], ensure_ascii=False).encode()
    subject = f"{subscriber.nonce}.{base64.urlsafe_b64encode(note).decode()}"
    return ctx.token_signer.sign(TokenPurpose.UNDO, subject, now)


def read_undo_token(
    ctx: AppContext, subscriber: Subscriber, purpose: TokenPurpose, undo: str, now: datetime
) -> list[Any]:
    """Return how things were. Raises TokenError for a note of another subscriber, or about something else."""
    nonce, _, note = ctx.token_signer.unsign(TokenPurpose.UNDO, undo, now).partition(".")
    try:
        noted_purpose, *before = json.loads(base64.urlsafe_b64decode(note))
    except (binascii.Error, ValueError) as error:
        raise TokenError(messages.DAMAGED_UNDO) from error
    if nonce != subscriber.nonce or noted_purpose != purpose:
        raise TokenError(messages.OTHER_ACTION)
    return list(before)
