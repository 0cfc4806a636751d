"""Learning of words: once a week the terms of the papers are counted, and profiles are learned from them anew."""

from collections.abc import Callable
from datetime import datetime

from digest import papers
from digest.context import AppContext
from digest.database import read_session


def learn_words(ctx: AppContext, now: datetime, *, should_stop: Callable[[], bool] | None = None) -> int | None:
    """Count the terms of the papers where that is due, and return how many there are; None when nothing was done."""
    with read_session(ctx.engine) as session:
        if not papers.is_count_due(session, now):
            return None
    return papers.count_terms(ctx.engine, now, should_stop=should_stop)
