"""How many stored papers have a term: counted once a week, and loaded as a space of terms.

A count replaces the one before in one transaction, so that whoever reads meanwhile has one or the other.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, func, insert
from sqlmodel import Session, col, select

from digest.database import TERM_LOCK, acquire_lock, read_session, write_session
from digest.database.models import Paper, TermCount, TermFit
from digest.matching import CountedTerm, TermCounter, TermSpace
from digest.papers.queries import chunks, is_shown
from digest.papers.store_cache import StoreCache

COUNT_INTERVAL = timedelta(days=7)
COUNTED_PAPERS = 50_000  # the latest; more of them tell nothing else, and one takes a millisecond
MIN_PAPERS = 10  # to count anything
GROWTH = 2  # times the papers of the last count: a new store is counted again before the week is over
BATCH_SIZE = 500  # papers read at once

_spaces = StoreCache[TermSpace]()


def is_count_due(session: Session, now: datetime) -> bool:
    """Return whether the terms should be counted: after a week, or when there are far more papers."""
    last = session.exec(select(TermFit).order_by(col(TermFit.id).desc())).first()
    if last and now - last.fitted_at >= COUNT_INTERVAL:
        return True
    wanted = GROWTH * last.paper_count if last else MIN_PAPERS
    if wanted > COUNTED_PAPERS:
        return False
    papers = select(Paper.id).where(*is_shown()).limit(wanted).subquery()
    return int(session.scalar(select(func.count()).select_from(papers)) or 0) >= wanted


def count_terms(engine: Engine, now: datetime, *, should_stop: Callable[[], bool] | None = None) -> int | None:
    """Count the terms of the latest papers, and return how many tell papers apart.

    None, with nothing changed, when it was told to stop or another process has counted meanwhile.
    """
    with read_session(engine) as session:
        before = session.scalar(select(func.max(col(TermFit.id))))
        latest = select(Paper.id).where(*is_shown()).order_by(col(Paper.id).desc()).limit(COUNTED_PAPERS)
        ids = sorted(int(number or 0) for number in session.exec(latest))
    counter = TermCounter()
    for read in (lambda texts: counter.read_titles(title for title, _ in texts), counter.read_papers):
        for texts in _read_texts(engine, ids):
            if should_stop and should_stop():
                return None
            read(texts)
    terms = counter.choose()
    with write_session(engine) as session:
        acquire_lock(session, TERM_LOCK)
        if session.scalar(select(func.max(col(TermFit.id)))) != before:
            return None
        session.execute(delete(TermCount))
        for chunk in chunks(terms):
            rows = [{"term": term.term, "label": term.label, "paper_count": term.paper_count} for term in chunk]
            session.execute(insert(TermCount), rows)
        session.execute(delete(TermFit))
        fit = TermFit(paper_count=counter.paper_count, last_paper_id=max(ids, default=0), fitted_at=now)
        session.add(fit)
    return len(terms)


def _read_texts(engine: Engine, ids: list[int]) -> Iterator[list[tuple[str, str]]]:
    """Yield titles and abstracts, a batch at a time. A damaged row, which has no text, is left out."""
    for start in range(0, len(ids), BATCH_SIZE):
        batch = ids[start : start + BATCH_SIZE]
        with read_session(engine) as session:
            rows = session.exec(select(Paper.title, Paper.abstract).where(col(Paper.id).in_(batch))).all()
        texts: list[tuple[Any, Any]] = [(title, abstract) for title, abstract in rows]
        yield [text for text in texts if all(isinstance(part, str) for part in text)]


def load_term_space(session: Session) -> TermSpace | None:
    """Return the space of the terms of the last count, None before the first one. A process keeps it in memory."""
    fit = session.exec(select(TermFit).order_by(col(TermFit.id).desc())).first()
    if fit is None:
        return None
    counted, paper_count = select(TermCount.term, TermCount.label, TermCount.paper_count), fit.paper_count

    def load() -> TermSpace:
        rows = session.exec(counted.order_by(col(TermCount.term)))
        return TermSpace.from_counts((CountedTerm(*row) for row in rows), paper_count)

    return _spaces.get(session, (fit.id, fit.fitted_at), load)
