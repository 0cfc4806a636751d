"""Preprints and the articles that they were published as, where one of the two is new."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database import is_in_values
from digest.database.models import Paper, PaperRelation
from digest.identifiers import LinkRelation
from digest.papers.link_evidence import read_evidence


@dataclass(frozen=True, slots=True)
class VersionPair:
    """Two papers of which one is the published version of the other; `number`: first listing of the earlier one."""

    later_id: int
    earlier_id: int
    number: int


def load_version_pairs(session: Session, paper_ids: Collection[int]) -> tuple[list[VersionPair], frozenset[int]]:
    """Return the pairs whose later paper, by when they entered, is among these.

    And the papers among these that were such a later one until the link was undone: some may have had them.
    """
    paper, other = aliased(Paper), aliased(Paper)
    rows = session.exec(
        select(PaperRelation, paper, other)
        .join(paper, col(paper.id) == PaperRelation.paper_id)
        .join(other, col(other.id) == PaperRelation.other_id)
        .where(PaperRelation.relation == LinkRelation.PUBLISHED)
        .where(
            or_(
                *(is_in_values(session, row.id, paper_ids) for row in (paper, other)),
                *(is_in_values(session, row.merged_into, paper_ids) for row in (paper, other)),
            )
        )
    ).all()
    pairs: list[VersionPair] = []
    separated: set[int] = set()
    standing_ids = {row.merged_into for _, *both in rows for row in both if row.merged_into}
    standing = {}
    if standing_ids:
        found = session.exec(select(Paper).where(is_in_values(session, Paper.id, standing_ids)))
        standing = {int(row.id or 0): row for row in found}
    for link, one, two in rows:
        both = [standing.get(row.merged_into or 0, row) for row in (one, two)]
        earlier, later = sorted(both, key=lambda row: row.first_listing_id)
        if later.id not in paper_ids or earlier.id == later.id:
            continue
        if link.undone_at is None and earlier.first_listing_id:
            pairs.append(VersionPair(int(later.id or 0), int(earlier.id or 0), earlier.first_listing_id))
        elif link.undone_at is not None and read_evidence(link).get("at_entry"):
            separated.add(int(later.id or 0))
    return pairs, frozenset(separated)


def load_versions(session: Session, paper_ids: Collection[int]) -> dict[int, set[int]]:
    """Return, for those of these papers that have any, the preprints and articles that are other versions of them."""
    paper, other = aliased(Paper), aliased(Paper)
    one, two = (func.coalesce(row.merged_into, row.id) for row in (paper, other))
    rows = session.exec(
        select(one, two)
        .join_from(PaperRelation, paper, col(paper.id) == PaperRelation.paper_id)
        .join(other, col(other.id) == PaperRelation.other_id)
        .where(PaperRelation.relation == LinkRelation.PUBLISHED, col(PaperRelation.undone_at).is_(None))
        .where(
            or_(
                *(is_in_values(session, row.id, paper_ids) for row in (paper, other)),
                *(is_in_values(session, row.merged_into, paper_ids) for row in (paper, other)),
            )
        )
    ).all()
    versions: dict[int, set[int]] = {}
    for pair in rows:
        for number, version in (pair, pair[::-1]):
            if number in paper_ids and number != version:
                versions.setdefault(number, set()).add(version)
    return versions
