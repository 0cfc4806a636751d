"""Which stored paper somebody means who names it by identifiers, or by its title."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlmodel import Session, col, select

from digest.database.models import Paper
from digest.identifiers import Identifier, PaperKind, author_key, contradict, title_key
from digest.papers.identity.links import load_names
from digest.papers.identity.resolve import find_owners
from digest.papers.queries import chunks, papers_by_id, standing_papers


class PaperName(Protocol):
    """What somebody says of a paper. `author`: key of the first author, empty where none is named."""

    @property
    def identifiers(self) -> Sequence[Identifier]: ...
    @property
    def title(self) -> str: ...
    @property
    def author(self) -> str: ...


def find_named_papers(session: Session, names: Sequence[PaperName]) -> list[Paper | None]:
    """Return the paper that each name means, or the one that stands for it; None where there is none.

    First by identifiers. Then by the title, unless identifiers or first authors contradict; of several papers the one
    that was stored first.
    """
    owners = find_owners(session, {identifier for name in names for identifier in name.identifiers if identifier.joins})
    rows = standing_papers(session, papers_by_id(session, owners.values()).values())
    found = [
        next((rows.get(owners[identifier]) for identifier in name.identifiers if identifier in owners), None)
        for name in names
    ]
    keys = [None if paper else title_key(name.title) for name, paper in zip(names, found, strict=True)]
    by_title = _load_by_title(session, {key for key in keys if key})
    identifiers = load_names(session, {int(row.id or 0) for rows in by_title.values() for row in rows})
    for place, (name, key) in enumerate(zip(names, keys, strict=True)):
        for row in by_title.get(key or "", ()):
            authors = row.authors[:1]
            is_other = bool(name.author and authors and author_key(authors[0]) != name.author)
            if not is_other and not contradict(name.identifiers, identifiers.get(int(row.id or 0), ())):
                found[place] = row
                break
    return found


def _load_by_title(session: Session, keys: Iterable[str]) -> dict[str, list[Paper]]:
    """Load the papers with these title keys, the first stored ones first."""
    by_title: dict[str, list[Paper]] = {}
    rows: dict[int, Paper] = {}
    for chunk in chunks(set(keys)):
        statement = select(Paper).where(col(Paper.title_key).in_(chunk), Paper.kind == PaperKind.PAPER)
        rows |= {int(paper.id or 0): paper for paper in session.exec(statement)}
    standing = standing_papers(session, rows.values())
    for number in sorted(rows):
        papers = by_title.setdefault(str(rows[number].title_key), [])
        if standing[number] not in papers:
            papers.append(standing[number])
    return by_title
