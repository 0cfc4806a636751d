"""Answers of IMAP servers to FETCH: literals stand among lines that are none."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from imap_tools import BaseMailBox

from digest.bounces.imap import fetch_message


def mailbox(*parts: object) -> BaseMailBox:
    client = SimpleNamespace(uid=lambda *_arguments: ("OK", list(parts)))
    return cast("BaseMailBox", SimpleNamespace(client=client))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([(b"1 (UID 7 BODY[]<0> {5}", b"Hello"), b")"], b"Hello"),
        ([b"1 (FLAGS (\\Seen))", (b"1 (UID 7 BODY[]<0> {5}", b"Hello"), b")"], b"Hello"),  # told unasked, in between
        ([None], None),  # gone
        ([b"1 (UID 7 BODY[]<0> NIL)"], None),
    ],
)
def test_a_message_is_the_first_literal(parts: list[Any], message: bytes | None) -> None:
    assert fetch_message(mailbox(*parts), "7") == message
