"""Learning of acronyms from the papers that came since it was done last."""

from collections.abc import Callable

from sqlalchemy import Engine

from digest import papers
from digest.database import write_session
from digest.subscribers import mark_outdated


def learn_acronyms(engine: Engine, *, should_stop: Callable[[], bool] | None = None) -> int:
    """Count the definitions in new papers, a batch at a time, and return how many acronyms changed.

    Keywords that name one of these are read again before the next plan. It may be killed anywhere and started again.
    """
    changes, position = 0, 0
    while not (should_stop and should_stop()) and (batch := papers.read_definitions(engine, position)):
        with write_session(engine) as session:
            changed = papers.count_definitions(session, batch)
            if changed is None:  # another process learns
                break
            mark_outdated(session, changed)
        changes += len(changed)
        position = batch.last_id
    return changes
