"""Learning of words: once a week the terms of the papers are counted, and profiles are learned from them anew."""

from collections.abc import Callable
from datetime import datetime

from digest import papers
from digest.context import AppContext
from digest.database import read_session
from digest.subscribers import refit_profiles


def learn_words(ctx: AppContext, now: datetime, *, should_stop: Callable[[], bool] | None = None) -> int | None:
    """Count the terms of the papers where that is due, and return how many there are; None when they were not counted.

    Then compute the profiles again that are older than the count, also if the run that has counted was stopped.
    """
    with read_session(ctx.engine) as session:
        is_due = papers.is_count_due(session, now)
    count = papers.count_terms(ctx.engine, now, should_stop=should_stop) if is_due else None
    refit_profiles(ctx, now, only_due=True, should_stop=should_stop)
    return count
