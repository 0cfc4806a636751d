"""Rows as a test needs them: say what matters, the rest is plausible. Nothing is added to a store here."""

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


def paper(**given: Any) -> Paper:
    number = next(_numbers)
    arxiv_id = given.get("arxiv_id", f"2607.{number:05}")
    usual: dict[str, Any] = {
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
    return Paper(**usual | given)


def listing(of: Paper, **given: Any) -> Listing:
    """`of` must have its number: flush it first."""
    usual: dict[str, Any] = {
        "paper_id": of.id,
        "source": "huggingface",
        "list_day": TODAY,
        "rank": 1,
        "first_seen_at": NOW,
        "last_seen_at": NOW,
    }
    return Listing(**usual | given)


def source_fetch(**given: Any) -> SourceFetch:
    usual: dict[str, Any] = {
        "source": "huggingface",
        "list_day": TODAY,
        "started_at": NOW,
        "seconds": 0.5,
        "status": FetchStatus.OK,
    }
    return SourceFetch(**usual | given)


def subscriber(**given: Any) -> Subscriber:
    """Somebody who confirmed."""
    number = next(_numbers)
    email = given.get("email", f"reader{number}@example.org")
    usual: dict[str, Any] = {
        "email": email,
        "email_key": email.casefold(),
        "status": SubscriberStatus.ACTIVE,
        "nonce": f"nonce-{number}",
        "created_at": NOW,
        "confirmed_at": NOW,
    }
    return Subscriber(**usual | given)


def keyword(canonical: str = "graphs") -> Keyword:
    return Keyword(canonical=canonical)


def delivery(to: Subscriber, **given: Any) -> Delivery:
    """A queued digest. `to` must have its number: flush it first."""
    number = next(_numbers)
    usual: dict[str, Any] = {
        "subscriber_id": to.id,
        "kind": DeliveryKind.DIGEST,
        "edition": TODAY.isoformat(),
        "message_id": f"<{number}@example.org>",
        "created_at": NOW,
    }
    return Delivery(**usual | given)
