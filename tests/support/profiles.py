"""Profiles, put into the store as marks and the weekly fit would."""

from collections.abc import Mapping

from digest.context import AppContext
from digest.database import write_session
from digest.database.models import Profile
from digest.subscribers.records import subscriber_by_email
from tests.support.contexts import TUESDAY

UNLEARNING = ("unlearning", "forget", "retain", "privacy", "membership", "deletion")
CLOSE_TITLE = "Retain and forget: deletion for privacy"  # four of these words


def set_profile(
    ctx: AppContext, email: str, words: Mapping[str, float] | None = None, *, in_digest: bool | None = True
) -> None:
    """Give a subscriber a profile, by default of equal words."""
    weights = dict.fromkeys(UNLEARNING, 1.0) if words is None else dict(words)
    with write_session(ctx.engine) as session:
        number = int(subscriber_by_email(session, email).id or 0)
        session.merge(Profile(subscriber_id=number, words=weights, fitted_at=TUESDAY, in_digest=in_digest))
