"""What the request of a provider says. Pure."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digest.bounces import messages
from digest.bounces.report import BounceReport
from digest.errors import UnparsableMessageError

MAX_EVENTS = 2000  # in one request; SendGrid sends up to a thousand
MAX_TEXT_LENGTH = 4000  # characters of what a server said


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Event about one of our messages.

    `tokens` is where its signed token may stand: metadata first, then envelope sender. `event_id` is the provider's
    own, the same each time that it reports the event.
    """

    event_id: str
    tokens: tuple[str, ...]
    report: BounceReport


def parse_json(body: bytes | str) -> Any:
    """Parse JSON. Raises UnparsableMessageError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnparsableMessageError(messages.NOT_JSON) from error


def as_object(value: object) -> Mapping[str, Any]:
    """Return an object, empty where there is something else."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of an array, none where there is something else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """Return a string or a number as text of bounded length, empty for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value)[:MAX_TEXT_LENGTH] if isinstance(value, str) or is_number else ""


def decode_base64(value: str) -> bytes:
    """Decode base64, empty where it is none."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def is_equal(given: str, expected: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
