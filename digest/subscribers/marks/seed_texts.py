"""Rows of examples that are none of our papers, inside the caller's transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest.database import InvalidRow, is_in_values, quarantine_rows, select_readable
from digest.database.models import MarkKind, SeedText
from digest.identifiers import Identifier, normalize_identifier, title_key
from digest.papers import find_named_papers
from digest.subscribers.marks.rows import add_marks

TITLE_PREFIX = "title:"
MAX_REFERENCE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class StoredName:
    """Paper as a row of `seed_text` names it. The author is not stored."""

    identifiers: tuple[Identifier, ...]
    title: str
    author: str = ""


def seed_reference(identifiers: Sequence[Identifier], title: str) -> str:
    """Return the name by which an example is known again: its first identifier, else the letters of its title."""
    if identifiers:
        return str(identifiers[0])[:MAX_REFERENCE_LENGTH]
    return f"{TITLE_PREFIX}{title_key(title) or title.casefold()}"[:MAX_REFERENCE_LENGTH]


def resolve_seed_texts(
    session: Session, subscriber_ids: Collection[int], now: datetime
) -> dict[int, list[tuple[str, str]]]:
    """Replace the examples that have become papers of ours by marks.

    Returns titles and abstracts of the others by subscriber, without those that have no text. Rows that cannot be read
    are set aside.
    """
    unreadable: list[InvalidRow] = []
    stored = select(SeedText).where(is_in_values(session, SeedText.subscriber_id, subscriber_ids))
    rows = select_readable(session.exec(stored.order_by(col(SeedText.id))).all(), unreadable)
    quarantine_rows(session, unreadable, now)
    found = find_named_papers(session, [_stored_name(row.reference, row.title) for row in rows])
    texts: dict[int, list[tuple[str, str]]] = {}
    resolved: list[tuple[SeedText, int]] = []
    for row, paper in zip(rows, found, strict=True):
        if paper:
            resolved.append((row, int(paper.id or 0)))
        elif row.title:
            texts.setdefault(row.subscriber_id, []).append((row.title, row.abstract))
    add_marks(session, [(row.subscriber_id, paper_id, MarkKind.SEED, now) for row, paper_id in resolved])
    if resolved:
        ids = [int(row.id or 0) for row, _ in resolved]
        session.execute(delete(SeedText).where(is_in_values(session, SeedText.id, ids)))
    return texts


def _stored_name(reference: str, title: str) -> StoredName:
    if reference.startswith(TITLE_PREFIX):
        return StoredName((), title)
    scheme, _, value = reference.partition(":")
    identifier = normalize_identifier(value, scheme)
    return StoredName((identifier,) if identifier else (), title)
