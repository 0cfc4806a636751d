"""Rows with plausible defaults; nothing is added to a store here."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

from digest.database.models import (
    Delivery,
    DeliveryKind,
    FetchStatus,
    Keyword,
    Listing,
    Paper,
    SourceFetch,
    Subscriber,
    SubscriberStatus,
)

NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
TODAY = date(2026, 7, 1)

_numbers = itertools.count(1)


def paper(**values: Any) -> Paper:
    number = next(_numbers)
    arxiv_id = values.get("arxiv_id", f"2607.{number:05}")
    defaults: dict[str, Any] = {
        "key": f"arxiv:{arxiv_id}",
        "arxiv_id": arxiv_id,
        "title": f"A paper of number {number}",
        "abstract": "We look at it closely.",
        "authors": ["Ada Example"],
        "url": f"https://arxiv.org/abs/{arxiv_id}",
        "text_source": "arxiv",
        "first_seen_at": NOW,
        "changed_at": NOW,
    }
    return Paper(**defaults | values)


def listing(of: Paper, **values: Any) -> Listing:
    """Return a listing of a paper that is flushed."""
    defaults: dict[str, Any] = {
        "paper_id": of.id,
        "source": "huggingface",
        "list_day": TODAY,
        "rank": 1,
        "first_seen_at": NOW,
        "last_seen_at": NOW,
    }
    return Listing(**defaults | values)


def source_fetch(**given: Any) -> SourceFetch:
    defaults: dict[str, Any] = {
        "source": "huggingface",
        "list_day": TODAY,
        "started_at": NOW,
        "seconds": 0.5,
        "status": FetchStatus.OK,
    }
    return SourceFetch(**defaults | given)


def subscriber(**values: Any) -> Subscriber:
    """Return a subscriber who has confirmed."""
    number = next(_numbers)
    email = values.get("email", f"subscriber{number}@example.org")
    defaults: dict[str, Any] = {
        "email": email,
        "email_key": email.casefold(),
        "status": SubscriberStatus.ACTIVE,
        "nonce": f"nonce-{number}",
        "created_at": NOW,
        "confirmed_at": NOW,
    }
    return Subscriber(**defaults | values)


def keyword(canonical: str = "graphs") -> Keyword:
    return Keyword(canonical=canonical)


def delivery(to: Subscriber, **values: Any) -> Delivery:
    """Return a queued digest to a subscriber who is flushed."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "subscriber_id": to.id,
        "kind": DeliveryKind.DIGEST,
        "edition": TODAY.isoformat(),
        "message_id": f"<{number}@example.org>",
        "created_at": NOW,
    }
    return Delivery(**defaults | values)
