"""The full-text index as each database keeps it: FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL.

Nothing here commits. SQLite's index holds no texts and cannot forget: a paper whose words changed gets one entry more,
under the next of its REVISIONS numbers. What it finds by words that are gone, matching refuses.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel import Session, col, select, update

from digest import db
from digest.matching import Document
from digest.models import Paper
from digest.search.words import All, Asked, Term, words

REVISIONS = 1024  # of one paper; the number of an entry is that of the paper times this, so the order is the papers'
UNINDEXED = text("NOT paper.is_indexed")  # written as the partial index has it, or SQLite reads every paper
A_PIECE = 500  # papers that are read at once


def keep_up(session: Session, most: int) -> int:
    """Take in what is new or has changed, the newest first, at most `most` papers; returns how many."""
    waiting = select(Paper.id).where(UNINDEXED).order_by(col(Paper.id).desc()).limit(most)
    numbers = [int(number or 0) for number in session.exec(waiting).all()]
    for piece in (numbers[start : start + A_PIECE] for start in range(0, len(numbers), A_PIECE)):
        texts = select(Paper.id, Paper.title, Paper.abstract, Paper.authors, Paper.categories)  # type: ignore[call-overload]
        rows = session.exec(texts.where(col(Paper.id).in_(piece))).all()
        _write(session, [Document(int(row[0] or 0), row[1], row[2], tuple(row[3]), tuple(row[4])) for row in rows])
        session.execute(update(Paper).where(col(Paper.id).in_(piece)).values(is_indexed=True))
    return len(numbers)


def _write(session: Session, documents: Sequence[Document]) -> None:
    if db.on_server(session):
        statement = (
            "INSERT INTO paper_fulltext (paper_id, words) VALUES (:number, array_to_tsvector(:words)) "
            "ON CONFLICT (paper_id) DO UPDATE SET words = excluded.words"
        )
        found = [{"number": each.id, "words": sorted(filter(None, words(each)))} for each in documents]
    else:
        statement = "INSERT INTO paper_fulltext (rowid, words) VALUES (:number, :words)"
        found = [{"number": _entry(session, each.id), "words": " ".join(words(each))} for each in documents]
    session.execute(text(statement), found)


def _entry(session: Session, number: int) -> int:
    first = number * REVISIONS
    last = text("SELECT max(rowid) FROM paper_fulltext WHERE rowid BETWEEN :first AND :last")
    known = session.execute(last, {"first": first, "last": first + REVISIONS - 1}).scalar()
    return first if known is None else int(known) + 1


def candidates(session: Session, asked: Asked | None, below: int, most: int) -> list[int]:
    """The numbers below `below` of papers that may be meant, highest first, at most `most` of them: by the index, and
    all that it does not know yet. None asks for every paper.
    """
    everything = select(Paper.id).where(col(Paper.id) < below).order_by(col(Paper.id).desc()).limit(most)
    if asked is None:
        return [int(number or 0) for number in session.exec(everything).all()]
    unknown = [int(number or 0) for number in session.exec(everything.where(UNINDEXED)).all()]
    postgres = db.on_server(session)
    found = _postgres(session, asked, below, most) if postgres else _sqlite(session, asked, below, most)
    return sorted({*unknown, *found}, reverse=True)[:most]


def _sqlite(session: Session, asked: Asked, below: int, most: int) -> list[int]:
    statement = text(
        "SELECT rowid FROM paper_fulltext WHERE paper_fulltext MATCH :asked AND rowid < :below "
        "ORDER BY rowid DESC LIMIT :most"
    )
    found: dict[int, None] = {}
    entries = below * REVISIONS
    while len(found) < most:  # a paper with several entries counts once
        given = {"asked": fts(asked), "below": entries, "most": most}
        rows = session.execute(statement, given).scalars().all()
        found.update((int(row) // REVISIONS, None) for row in rows)
        if len(rows) < most:
            break
        entries = int(rows[-1])
    return list(found)[:most]


def fts(asked: Asked) -> str:
    """In the words of FTS5."""
    if isinstance(asked, Term):
        return '"{}"{}'.format(asked.text.replace('"', '""'), "*" if asked.begun else "")
    return f"({(' AND ' if isinstance(asked, All) else ' OR ').join(map(fts, asked.parts))})"


def _postgres(session: Session, asked: Asked, below: int, most: int) -> list[int]:
    # Left to itself the planner may read every row's words, which lie in pages of their own, rather than the index;
    # "+ 0" keeps it from the index of the numbers. The rows without the words are few bytes each, so to sort what a
    # frequent word finds is quick.
    statement = text(
        "SELECT paper_id FROM paper_fulltext WHERE words @@ CAST(:asked AS tsquery) AND paper_id + 0 < :below "
        "ORDER BY paper_id + 0 DESC LIMIT :most"
    )
    session.execute(text("SET LOCAL enable_seqscan = off"))
    found = session.execute(statement, {"asked": tsquery(asked), "below": below, "most": most}).scalars().all()
    session.execute(text("SET LOCAL enable_seqscan = on"))
    return [int(number) for number in found]


def tsquery(asked: Asked) -> str:
    """In the words of PostgreSQL."""
    if isinstance(asked, Term):
        return "'{}'{}".format(asked.text.replace("\\", "\\\\").replace("'", "''"), ":*" if asked.begun else "")
    return f"({(' & ' if isinstance(asked, All) else ' | ').join(map(tsquery, asked.parts))})"
