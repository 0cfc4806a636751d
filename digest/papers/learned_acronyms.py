"""Acronyms that stored papers define: counted, and learned where nearly all papers agree.

Each paper is counted once. What a batch of papers adds is written in one transaction with where it ends, so counting
goes on there after a crash.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, func, or_, update
from sqlmodel import Session, col, select

from digest import database
from digest.database import ACRONYM_LOCK, acquire_lock, read_session
from digest.database.models import AcronymCount, Paper
from digest.matching import (
    AcronymTable,
    choose_long_form,
    extend_acronyms,
    list_definitions,
    list_small_words,
    shipped_acronyms,
)
from digest.papers.queries import chunks, is_shown
from digest.papers.store_cache import StoreCache

BATCH_SIZE = 500  # papers read at once
MAX_ACRONYMS = 5000  # that keywords are read with, which a process keeps in memory

_tables = StoreCache[AcronymTable]()
# The last paper that was counted, and how many acronyms are learned: both from indexes.
_VERSION = sa.select(
    sa.select(func.max(col(AcronymCount.last_paper_id))).scalar_subquery(),
    sa.select(func.count()).where(col(AcronymCount.is_learned)).scalar_subquery(),
)
Definition = tuple[str, str]  # keys of an acronym and of its words


@dataclass(frozen=True, slots=True)
class DefinitionBatch:
    """Definitions in some papers after `counted_to`, up to `last_id`: how many papers have each, and the last one."""

    counted_to: int
    last_id: int
    papers: Counter[Definition] = field(default_factory=Counter)
    last_ids: dict[Definition, int] = field(default_factory=dict)


def load_acronyms(session: Session) -> AcronymTable:
    """Return the acronyms that keywords are read with: those that are shipped, and those that were learned.

    They are kept for each engine until papers are counted: every preview asks for them.
    """
    learned = select(AcronymCount.short, AcronymCount.long).where(col(AcronymCount.is_learned))

    def load() -> AcronymTable:
        rows = session.exec(learned.order_by(col(AcronymCount.short)).limit(MAX_ACRONYMS)).all()
        return extend_acronyms(tuple((short, long) for short, long in rows))

    return _tables.get(session, tuple(session.connection().execute(_VERSION).one()), load)


def read_acronyms(engine: Engine) -> AcronymTable:
    """Return what `load_acronyms` does, read in a transaction of its own."""
    with read_session(engine) as session:
        return load_acronyms(session)


def read_definitions(engine: Engine, after: int = 0) -> DefinitionBatch | None:
    """Read the definitions in the next papers after those that are counted, and after `after`; None without papers."""
    with read_session(engine) as session:
        counted_to = _counted_to(session)
        texts = select(Paper.id, Paper.title, Paper.abstract).where(col(Paper.id) > max(after, counted_to), *is_shown())
        rows = session.exec(texts.order_by(col(Paper.id)).limit(BATCH_SIZE)).all()
    if not rows:
        return None
    batch = DefinitionBatch(counted_to, int(rows[-1][0] or 0))
    columns: list[tuple[Any, ...]] = [tuple(row) for row in rows]  # a damaged row may have something else than texts
    texts_by_id = {
        int(number): "\n\n".join(text for text in texts if isinstance(text, str)) for number, *texts in columns
    }
    found = {number: list_definitions(text) for number, text in texts_by_id.items()}
    shorts = {short for definitions in found.values() for short, _ in definitions}
    with read_session(engine) as session:
        shorts.update(session.exec(select(AcronymCount.short).distinct()).all())
    for number, text in texts_by_id.items():
        for definition in {*found[number], *((short, "") for short in list_small_words(text, shorts))}:
            batch.papers[definition] += 1
            batch.last_ids[definition] = number
    return batch


def count_definitions(session: Session, batch: DefinitionBatch) -> list[Definition] | None:
    """Count a batch, and return the acronyms that are learned or forgotten by it.

    None if another process has counted since it was read. The shipped acronyms are neither.
    """
    acquire_lock(session, ACRONYM_LOCK)
    if _counted_to(session) != batch.counted_to:
        return None
    if not batch.papers:
        return []
    insert_counts = database.insert(session, AcronymCount)
    add = insert_counts.on_conflict_do_update(
        index_elements=["short", "long"],
        set_={
            "papers": AcronymCount.papers + insert_counts.excluded.papers,
            "last_paper_id": insert_counts.excluded.last_paper_id,
        },
    )
    for chunk in chunks(sorted(batch.papers)):
        rows = [
            {"short": short, "long": long, "papers": batch.papers[short, long], "last_paper_id": last_id}
            for short, long in chunk
            for last_id in [batch.last_ids[short, long]]
        ]
        session.execute(add, rows)
    return _decide(session, {short for short, _ in batch.papers} - shipped_acronyms().by_short.keys())


def _counted_to(session: Session) -> int:
    return int(session.scalar(select(func.max(col(AcronymCount.last_paper_id)))) or 0)


def _decide(session: Session, shorts: Collection[str]) -> list[Definition]:
    """Mark what of these acronyms is learned now, and return what was not before, or is no longer."""
    changed: list[Definition] = []
    for chunk in chunks(sorted(shorts)):
        counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        learned: dict[str, str] = {}
        for row in session.exec(select(AcronymCount).where(col(AcronymCount.short).in_(chunk))).all():
            counts[row.short][row.long] = row.papers
            if row.is_learned:
                learned[row.short] = row.long
        for short, papers in counts.items():
            long, before = choose_long_form(short, papers), learned.get(short)
            if long == before:
                continue
            changed += [(short, form) for form in (before, long) if form]
            of_short = col(AcronymCount.short) == short
            is_either = or_(*(col(AcronymCount.long) == form for form in (before, long) if form))
            session.execute(
                update(AcronymCount)
                .where(of_short, is_either)
                .values(is_learned=col(AcronymCount.long) == (long or ""))
                .execution_options(synchronize_session=False)
            )
    return changed
