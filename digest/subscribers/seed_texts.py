"""Rows of examples that are none of our papers, inside the caller's transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest.database import insert, is_in_values
from digest.database.models import MarkKind, PaperMark, SeedText
from digest.identifiers import Identifier, normalize_identifier, title_key
from digest.papers import find_named_papers

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


def resolve_seed_texts(session: Session, subscriber_ids: Collection[int], now: datetime) -> int:
    """Replace the examples that have become papers of ours by marks. Returns how many."""
    rows = session.exec(
        select(SeedText.id, SeedText.subscriber_id, SeedText.reference, SeedText.title).where(
            is_in_values(session, SeedText.subscriber_id, subscriber_ids)
        )
    ).all()
    found = find_named_papers(session, [_stored_name(reference, title) for _, _, reference, title in rows])
    resolved = [
        (number, subscriber_id, paper) for (number, subscriber_id, *_), paper in zip(rows, found, strict=True) if paper
    ]
    if not resolved:
        return 0
    marks = [
        {"subscriber_id": subscriber_id, "paper_id": paper.id, "kind": MarkKind.SEED, "created_at": now}
        for _, subscriber_id, paper in resolved
    ]
    session.execute(insert(session, PaperMark).on_conflict_do_nothing(), marks)
    session.execute(
        delete(SeedText).where(is_in_values(session, SeedText.id, [int(number or 0) for number, *_ in resolved]))
    )
    return len(resolved)


def load_seed_texts(session: Session, subscriber_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Return titles and abstracts of examples by subscriber; those without text are left out."""
    rows = session.exec(
        select(SeedText.subscriber_id, SeedText.title, SeedText.abstract)
        .where(is_in_values(session, SeedText.subscriber_id, subscriber_ids), SeedText.title != "")
        .order_by(col(SeedText.id))
    )
    texts: dict[int, list[tuple[str, str]]] = {}
    for subscriber_id, title, abstract in rows:
        texts.setdefault(subscriber_id, []).append((title, abstract))
    return texts


def _stored_name(reference: str, title: str) -> StoredName:
    if reference.startswith(TITLE_PREFIX):
        return StoredName((), title)
    scheme, _, value = reference.partition(":")
    identifier = normalize_identifier(value, scheme)
    return StoredName((identifier,) if identifier else (), title)
