"""The full-text index as each database keeps it: FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL.

Nothing here commits. SQLite's index holds no texts and cannot forget: a paper whose words changed gets one entry more,
under the next of its REVISIONS numbers. What it finds by words that are gone, matching refuses.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel import Session, col, select, update

from digest.database import is_postgresql
from digest.database.models import Paper
from digest.matching import PaperDocument
from digest.papers.fulltext_terms import AllOf, SearchExpression, SearchTerm, index_terms

MAX_REVISIONS = (
    1024  # of one paper; the number of an entry is that of the paper times this, so the order is the papers'
)


UNINDEXED = text("NOT paper.is_indexed")  # written as the partial index has it, or SQLite reads every paper


READ_BATCH_SIZE = 500  # papers that are read at once


def update_index(session: Session, limit: int) -> int:
    """Take in what is new or has changed, the newest first, at most `most` papers; returns how many."""
    waiting = select(Paper.id).where(UNINDEXED).order_by(col(Paper.id).desc()).limit(limit)
    numbers = [int(number or 0) for number in session.exec(waiting).all()]
    for piece in (numbers[start : start + READ_BATCH_SIZE] for start in range(0, len(numbers), READ_BATCH_SIZE)):
        texts = select(Paper.id, Paper.title, Paper.abstract, Paper.authors, Paper.categories)  # type: ignore[call-overload]
        rows = session.exec(texts.where(col(Paper.id).in_(piece))).all()
        _write_terms(
            session, [PaperDocument(int(row[0] or 0), row[1], row[2], tuple(row[3]), tuple(row[4])) for row in rows]
        )
        session.execute(update(Paper).where(col(Paper.id).in_(piece)).values(is_indexed=True))
    return len(numbers)


def _write_terms(session: Session, documents: Sequence[PaperDocument]) -> None:
    if is_postgresql(session):
        statement = (
            "INSERT INTO paper_fulltext (paper_id, words) VALUES (:number, array_to_tsvector(:words)) "
            "ON CONFLICT (paper_id) DO UPDATE SET words = excluded.words"
        )
        found = [{"number": each.id, "words": sorted(filter(None, index_terms(each)))} for each in documents]
    else:
        statement = "INSERT INTO paper_fulltext (rowid, words) VALUES (:number, :words)"
        found = [{"number": _next_rowid(session, each.id), "words": " ".join(index_terms(each))} for each in documents]
    session.execute(text(statement), found)


def _next_rowid(session: Session, paper_id: int) -> int:
    first = paper_id * MAX_REVISIONS
    last = text("SELECT max(rowid) FROM paper_fulltext WHERE rowid BETWEEN :first AND :last")
    known = session.execute(last, {"first": first, "last": first + MAX_REVISIONS - 1}).scalar()
    return first if known is None else int(known) + 1


def find_candidates(session: Session, expression: SearchExpression | None, before_id: int, limit: int) -> list[int]:
    """The numbers below `below` of papers that may be meant, highest first, at most `most` of them: by the index, and
    all that it does not know yet. None asks for every paper.
    """
    everything = select(Paper.id).where(col(Paper.id) < before_id).order_by(col(Paper.id).desc()).limit(limit)
    if expression is None:
        return [int(number or 0) for number in session.exec(everything).all()]
    unknown = [int(number or 0) for number in session.exec(everything.where(UNINDEXED)).all()]
    postgres = is_postgresql(session)
    found = (
        _search_tsvector(session, expression, before_id, limit)
        if postgres
        else _search_fts5(session, expression, before_id, limit)
    )
    return sorted({*unknown, *found}, reverse=True)[:limit]


def _search_fts5(session: Session, expression: SearchExpression, before_id: int, limit: int) -> list[int]:
    statement = text(
        "SELECT rowid FROM paper_fulltext WHERE paper_fulltext MATCH :asked AND rowid < :below "
        "ORDER BY rowid DESC LIMIT :most"
    )
    found: dict[int, None] = {}
    entries = before_id * MAX_REVISIONS
    while len(found) < limit:  # a paper with several entries counts once
        given = {"asked": to_fts5(expression), "below": entries, "most": limit}
        rows = session.execute(statement, given).scalars().all()
        found.update((int(row) // MAX_REVISIONS, None) for row in rows)
        if len(rows) < limit:
            break
        entries = int(rows[-1])
    return list(found)[:limit]


def to_fts5(expression: SearchExpression) -> str:
    """In the words of FTS5."""
    if isinstance(expression, SearchTerm):
        return '"{}"{}'.format(expression.text.replace('"', '""'), "*" if expression.is_prefix else "")
    return f"({(' AND ' if isinstance(expression, AllOf) else ' OR ').join(map(to_fts5, expression.parts))})"


def _search_tsvector(session: Session, expression: SearchExpression, before_id: int, limit: int) -> list[int]:
    # Left to itself the planner may read every row's words, which lie in pages of their own, rather than the index;
    # "+ 0" keeps it from the index of the numbers. The rows without the words are few bytes each, so to sort what a
    # frequent word finds is quick.
    statement = text(
        "SELECT paper_id FROM paper_fulltext WHERE words @@ CAST(:asked AS tsquery) AND paper_id + 0 < :below "
        "ORDER BY paper_id + 0 DESC LIMIT :most"
    )
    session.execute(text("SET LOCAL enable_seqscan = off"))
    found = (
        session.execute(statement, {"asked": to_tsquery(expression), "below": before_id, "most": limit}).scalars().all()
    )
    session.execute(text("SET LOCAL enable_seqscan = on"))
    return [int(number) for number in found]


def to_tsquery(expression: SearchExpression) -> str:
    """In the words of PostgreSQL."""
    if isinstance(expression, SearchTerm):
        return "'{}'{}".format(
            expression.text.replace("\\", "\\\\").replace("'", "''"), ":*" if expression.is_prefix else ""
        )
    return f"({(' & ' if isinstance(expression, AllOf) else ' | ').join(map(to_tsquery, expression.parts))})"
