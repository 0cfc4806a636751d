"""Full-text index in the store: FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL.

Nothing here commits. The index of SQLite stores no text and cannot delete: a paper whose text changed gets another
entry, under the next of its MAX_REVISIONS row ids. Candidates found by terms that are gone are dropped by matching.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import text
from sqlmodel import Session, col, select, update

from digest.database import InvalidRow, create_invalid_row, is_postgresql
from digest.database.models import Paper
from digest.matching import PaperDocument
from digest.papers import messages
from digest.papers.queries import sources_by_paper
from digest.papers.search.index_terms import AllOf, SearchExpression, SearchTerm, index_terms

INDEX_BATCH_SIZE = 20_000  # papers indexed with one fetch; so many wait only after an upgrade
READ_BATCH_SIZE = 500  # papers loaded at once
MAX_REVISIONS = 1024  # entries of one paper; entry ids are paper ids times this, so they sort like papers
MAX_PAPER_ID = 2**52  # times MAX_REVISIONS it is an entry id of 64 bits
UNINDEXED = text("NOT paper.is_indexed")  # spelled like the partial index, or SQLite reads every paper


def update_index(session: Session, limit: int, unreadable: list[InvalidRow] | None = None) -> int:
    """Index up to `limit` new or changed papers, the newest first, and return how many.

    Those without a text are left out and appended to `unreadable`.
    """
    pending = select(Paper.id).where(UNINDEXED).order_by(col(Paper.id).desc()).limit(limit)
    ids = [int(paper_id or 0) for paper_id in session.exec(pending).all()]
    for start in range(0, len(ids), READ_BATCH_SIZE):
        batch = ids[start : start + READ_BATCH_SIZE]
        columns = [getattr(Paper, name) for name in PaperDocument.columns()]
        rows = session.execute(sa.select(*columns).where(col(Paper.id).in_(batch))).all()
        sources = sources_by_paper(session, batch)
        documents = [
            PaperDocument.from_paper(row, sources.get(row.id, ()))
            for row in rows
            if isinstance(row.title, str) and isinstance(row.abstract, str)
        ]
        if unreadable is not None:
            odd_ids = sorted(set(batch) - {document.id for document in documents})
            unreadable += [create_invalid_row(Paper, number, messages.TEXT_NOT_READABLE) for number in odd_ids]
        if documents:
            _write_terms(session, documents)
        session.execute(update(Paper).where(col(Paper.id).in_(batch)).values(is_indexed=True))
    return len(ids)


def _write_terms(session: Session, documents: Sequence[PaperDocument]) -> None:
    rows: list[dict[str, object]]
    if is_postgresql(session):
        statement = (
            "INSERT INTO paper_fulltext (paper_id, words) VALUES (:id, array_to_tsvector(:words)) "
            "ON CONFLICT (paper_id) DO UPDATE SET words = excluded.words"
        )
        rows = [{"id": document.id, "words": sorted(filter(None, index_terms(document)))} for document in documents]
    else:
        statement = "INSERT INTO paper_fulltext (rowid, words) VALUES (:id, :words)"
        last_entry = text("SELECT max(rowid) FROM paper_fulltext WHERE rowid BETWEEN :first AND :last")
        rows = []
        for document in documents:
            first = document.id * MAX_REVISIONS
            last = session.execute(last_entry, {"first": first, "last": first + MAX_REVISIONS - 1}).scalar()
            rows.append({"id": first if last is None else last + 1, "words": " ".join(index_terms(document))})
    session.execute(text(statement), rows)


def find_candidates(session: Session, expression: SearchExpression | None, before_id: int, limit: int) -> list[int]:
    """Return ids below `before_id` of papers that may match, highest first: by the index, and all unindexed ones.

    Without an expression every paper is a candidate.
    """
    is_wanted = (col(Paper.id) < before_id, col(Paper.merged_into).is_(None))
    papers = select(Paper.id).where(*is_wanted).order_by(col(Paper.id).desc()).limit(limit)
    if expression is None:
        return [int(paper_id or 0) for paper_id in session.exec(papers).all()]
    unindexed = [int(paper_id or 0) for paper_id in session.exec(papers.where(UNINDEXED)).all()]
    search = _search_tsvector if is_postgresql(session) else _search_fts5
    return sorted({*unindexed, *search(session, expression, before_id, limit)}, reverse=True)[:limit]


def _search_fts5(session: Session, expression: SearchExpression, before_id: int, limit: int) -> list[int]:
    statement = text(
        "SELECT rowid FROM paper_fulltext WHERE paper_fulltext MATCH :query AND rowid < :before "
        "ORDER BY rowid DESC LIMIT :limit"
    )
    ids: dict[int, None] = {}
    before = before_id * MAX_REVISIONS
    while len(ids) < limit:  # a paper may have several entries
        parameters = {"query": to_fts5(expression), "before": before, "limit": limit}
        entries = session.execute(statement, parameters).scalars().all()
        ids.update((int(entry) // MAX_REVISIONS, None) for entry in entries)
        if len(entries) < limit:
            break
        before = int(entries[-1])
    return list(ids)[:limit]


def _search_tsvector(session: Session, expression: SearchExpression, before_id: int, limit: int) -> list[int]:
    # Left to itself the planner may scan the table, whose words are stored out of line, in place of the GIN index;
    # "+ 0" keeps it from the primary key. Rows without the words have few bytes, so sorting many matches is fast.
    statement = text(
        "SELECT paper_id FROM paper_fulltext WHERE words @@ CAST(:query AS tsquery) AND paper_id + 0 < :before "
        "ORDER BY paper_id + 0 DESC LIMIT :limit"
    )
    session.execute(text("SET LOCAL enable_seqscan = off"))
    parameters = {"query": to_tsquery(expression), "before": before_id, "limit": limit}
    ids = session.execute(statement, parameters).scalars().all()
    session.execute(text("SET LOCAL enable_seqscan = on"))
    return [int(paper_id) for paper_id in ids]


def to_fts5(expression: SearchExpression) -> str:
    """Write an expression in the query syntax of FTS5."""
    if isinstance(expression, SearchTerm):
        return '"{}"{}'.format(expression.text.replace('"', '""'), "*" if expression.is_prefix else "")
    operator = " AND " if isinstance(expression, AllOf) else " OR "
    return f"({operator.join(map(to_fts5, expression.parts))})"


def to_tsquery(expression: SearchExpression) -> str:
    """Write an expression in the syntax of PostgreSQL's tsquery."""
    if isinstance(expression, SearchTerm):
        lexeme = expression.text.replace("\\", "\\\\").replace("'", "''")
        return f"'{lexeme}'{':*' if expression.is_prefix else ''}"
    operator = " & " if isinstance(expression, AllOf) else " | "
    return f"({operator.join(map(to_tsquery, expression.parts))})"
