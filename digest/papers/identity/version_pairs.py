"""Preprints and the articles that they were published as, where one of the two is new.

Versions of one paper are all that such links connect: two articles of one preprint are versions of each other, too.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database import is_in_values
from digest.database.models import Paper, PaperRelation
from digest.identifiers import LinkRelation
from digest.papers.events import read_evidence
from digest.papers.queries import standing_papers

LinkedRows = tuple[PaperRelation, Paper, Paper]  # a link, and the rows that stand for its two papers


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
    links = _load_links(session, paper_ids)
    pairs: list[VersionPair] = []
    for versions in _connect(links):
        earlier = sorted(versions, key=lambda row: row.first_listing_id)
        for position, later in enumerate(earlier):
            if later.id in paper_ids:
                pairs += [
                    VersionPair(int(later.id or 0), int(row.id or 0), row.first_listing_id)
                    for row in earlier[:position]
                    if row.first_listing_id
                ]
    separated: set[int] = set()
    for link, *both in links:
        earlier_row, later_row = sorted(both, key=lambda row: row.first_listing_id)
        is_separated = link.undone_at is not None and read_evidence(link).get("at_entry")
        if is_separated and later_row.id in paper_ids and earlier_row.id != later_row.id:
            separated.add(int(later_row.id or 0))
    return pairs, frozenset(separated)


def load_versions(session: Session, paper_ids: Collection[int]) -> dict[int, set[int]]:
    """Return, for those of these papers that have any, the preprints and articles that are other versions of them."""
    groups = [{int(row.id or 0) for row in versions} for versions in _connect(_load_links(session, paper_ids))]
    return {number: group - {number} for group in groups for number in group.intersection(paper_ids)}


def _load_links(session: Session, paper_ids: Collection[int]) -> list[LinkedRows]:
    """Load the links of these papers to versions, those of the versions, and so on."""
    paper, other = aliased(Paper), aliased(Paper)
    statement = (
        select(PaperRelation, paper, other)
        .join(paper, col(paper.id) == PaperRelation.paper_id)
        .join(other, col(other.id) == PaperRelation.other_id)
        .where(PaperRelation.relation == LinkRelation.PUBLISHED)
    )
    found: dict[int, LinkedRows] = {}
    looked_up: set[int] = set()
    frontier = set(paper_ids)
    while frontier:
        columns = (column for row in (paper, other) for column in (row.id, row.merged_into))
        is_touched = or_(*(is_in_values(session, column, frontier) for column in columns))
        rows = session.exec(statement.where(is_touched)).all()
        standing = standing_papers(session, (row for _, *both in rows for row in both))
        for link, one, two in rows:
            found[int(link.id or 0)] = (link, standing[int(one.id or 0)], standing[int(two.id or 0)])
        looked_up |= frontier
        frontier = {
            int(row.id or 0) for link, *both in found.values() if link.undone_at is None for row in both
        } - looked_up
    return list(found.values())


def _connect(links: Iterable[LinkedRows]) -> list[list[Paper]]:
    """Return the groups of papers that links which hold connect."""
    groups: dict[int, dict[int, Paper]] = {}
    for link, one, other in links:
        if link.undone_at is not None or one.id == other.id:
            continue
        group = groups.get(int(one.id or 0), {int(one.id or 0): one}) | groups.get(
            int(other.id or 0), {int(other.id or 0): other}
        )
        groups |= dict.fromkeys(group, group)
    return [list(group.values()) for group in {id(group): group for group in groups.values()}.values()]
