"""One paper, whatever names it: identifiers, links, kinds, and from where a subscriber was covered

Revision: 0009, after 0008. What is stored gets its identifiers; pairs that are one are linked. Nothing is mailed: the
row that stands has the smaller of the two numbers, and no subscriber's number changes.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic import op

from digest.identifiers import (
    Identifier,
    LinkRelation,
    LinkRule,
    PaperIdentity,
    author_key,
    compare_by_identifiers,
    compare_by_title,
    normalize_identifier,
    title_key,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = ("paper", "editorial", "correction", "retraction", "concern", "matter")
RELATIONS = ("same", "published", "retracts", "corrects", "concerns", "comments")
RULES = ("identifiers", "source", "title", "operator")
BATCH_SIZE = 2000
COLUMNS = "id, key, arxiv_id, doi, title, authors, published_on, text_source, first_listing_id, first_seen_at"


@dataclass(slots=True)
class StoredPaper:
    """Row of before, as far as its identity goes. `number`: of its first listing."""

    id: int
    number: float
    seen_at: Any  # as the driver returns it, to be written back
    identity: PaperIdentity
    key: str | None
    published_as: Identifier | None = None


def upgrade() -> None:
    create_tables()
    op.add_column("subscriber", sa.Column("covered_from", BIG_INTEGER, nullable=False, server_default="0"))
    op.add_column("paper", sa.Column("merged_into", BIG_INTEGER, nullable=True))
    op.add_column("paper", sa.Column("title_key", sa.String(), nullable=True))
    # In one statement: a CHECK of its own would copy the table on SQLite.
    op.execute(
        "ALTER TABLE paper ADD COLUMN kind VARCHAR DEFAULT 'paper' NOT NULL "
        f"CONSTRAINT ck_paper_kind_known CHECK (kind IN ({', '.join(map(repr, KINDS))}))"
    )
    is_merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_paper_merged_into", "paper", ["merged_into"], sqlite_where=is_merged, postgresql_where=is_merged
    )
    op.create_index("ix_paper_title_key", "paper", ["title_key"])
    link_stored_papers()


def downgrade() -> None:
    op.drop_index("ix_paper_title_key", table_name="paper")
    op.drop_index("ix_paper_merged_into", table_name="paper")
    drop_kind()
    op.drop_column("paper", "title_key")
    op.drop_column("paper", "merged_into")
    op.drop_column("subscriber", "covered_from")
    op.drop_table("paper_link")
    op.drop_table("paper_identifier")


def create_tables() -> None:
    op.create_table(
        "paper_identifier",
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("paper_id", BIG_INTEGER, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_identifier_paper_id_paper")),
        sa.PrimaryKeyConstraint("scheme", "value", name=op.f("pk_paper_identifier")),
    )
    op.create_index("ix_paper_identifier_paper_id", "paper_identifier", ["paper_id"])
    op.create_table(
        "paper_link",
        sa.Column("id", BIG_INTEGER, nullable=False),
        sa.Column("paper_id", BIG_INTEGER, nullable=False),
        sa.Column("other_id", BIG_INTEGER, nullable=True),
        sa.Column("scheme", sa.String(), nullable=True),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"relation IN ({', '.join(map(repr, RELATIONS))})", name=op.f("ck_paper_link_relation_known")),
        sa.CheckConstraint(f"rule IN ({', '.join(map(repr, RULES))})", name=op.f("ck_paper_link_rule_known")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_link_paper_id_paper")),
        sa.ForeignKeyConstraint(["other_id"], ["paper.id"], name=op.f("fk_paper_link_other_id_paper")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_link")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_paper_link_paper_id", "paper_link", ["paper_id"])
    op.create_index("ix_paper_link_other_id", "paper_link", ["other_id"])
    is_unresolved = sa.text("other_id IS NULL")
    op.create_index(
        "ix_paper_link_unresolved",
        "paper_link",
        ["scheme", "value"],
        sqlite_where=is_unresolved,
        postgresql_where=is_unresolved,
    )


def drop_kind() -> None:
    """Drop the column with its CHECK, which SQLite has in its definition."""
    op.drop_column("paper", "kind")


def link_stored_papers() -> None:
    """Name each stored paper, and link those that are one: by an identifier, by what arXiv says, by a title."""
    connection = op.get_bind()
    owners: dict[Identifier, StoredPaper] = {}
    by_title: dict[str, list[StoredPaper]] = {}
    links: list[dict[str, Any]] = []
    merged: dict[int, int] = {}
    published: list[StoredPaper] = []
    for batch in stored_papers(connection):
        rows = []
        for paper, source in batch:
            rows += [
                {"scheme": found.scheme, "value": found.value, "paper_id": paper.id, "source": source, "at": paper.seen_at}
                for found in sorted(paper.identity.identifiers)
                if owners.setdefault(found, paper) is paper
            ]
            if paper.key:
                by_title.setdefault(paper.key, []).append(paper)
            if paper.published_as:
                published.append(paper)
            for owner in {id(owners[name]): owners[name] for name in paper.identity.identifiers}.values():
                if owner is not paper and compare_by_identifiers(owner.identity, paper.identity):
                    links += merge(merged, owner, paper, LinkRule.IDENTIFIERS)
        insert_rows(connection, "paper_identifier", rows)
        keys = [{"row": paper.id, "key": paper.key} for paper, _ in batch if paper.key]
        if keys:
            connection.execute(sa.text("UPDATE paper SET title_key = :key WHERE id = :row"), keys)
    links += [publication(paper, owners.get(paper.published_as)) for paper in published if paper.published_as]
    for same_title in by_title.values():
        links += compare_titles(merged, same_title)
    for start in range(0, len(links), BATCH_SIZE):
        insert_rows(connection, "paper_link", links[start : start + BATCH_SIZE])
    if merged:
        statement = sa.text("UPDATE paper SET merged_into = :standing WHERE id = :row")
        connection.execute(statement, [{"row": row, "standing": standing} for row, standing in merged.items()])


def stored_papers(connection: sa.Connection) -> Iterator[list[tuple[StoredPaper, str]]]:
    """Yield the rows in blocks, each with its source. Rows that cannot be read stay as they are."""
    statement = sa.text(f"SELECT {COLUMNS} FROM paper WHERE id > :last ORDER BY id LIMIT {BATCH_SIZE}")  # noqa: S608
    last_id = 0
    while rows := connection.execute(statement, {"last": last_id}).all():
        last_id = rows[-1].id
        yield [(read_paper(row), row.text_source) for row in rows if isinstance(row.title, str)]


def read_paper(row: Any) -> StoredPaper:
    scheme, _, value = str(row.key).partition(":")
    names = {normalize_identifier(value, scheme)}
    arxiv_id = normalize_identifier(row.arxiv_id or "", "arxiv")
    doi = normalize_identifier(row.doi or "", "doi")
    names |= {arxiv_id} if arxiv_id or not doi else {doi}  # the DOI of an arXiv paper is that of its published version
    try:
        authors = json.loads(row.authors) if isinstance(row.authors, str) else row.authors
        author = author_key(authors[0])
    except (ValueError, TypeError, LookupError, AttributeError):
        author = ""
    year = str(row.published_on or row.first_seen_at)[:4]
    identity = PaperIdentity(
        frozenset(name for name in names if name), row.title, author, int(year) if year.isdecimal() else None
    )
    return StoredPaper(
        row.id,
        row.first_listing_id if isinstance(row.first_listing_id, int) and row.first_listing_id else math.inf,
        row.first_seen_at,
        identity,
        title_key(row.title),
        doi if arxiv_id and doi and doi.scheme == "doi" else None,
    )


def compare_titles(merged: dict[int, int], same_title: list[StoredPaper]) -> list[dict[str, Any]]:
    """Link two papers with one title and first author; with three of them nobody can tell."""
    standing = [paper for paper in same_title if paper.id not in merged]
    if len(standing) != 2:  # noqa: PLR2004
        return []
    one, other = standing
    relation = compare_by_title(one.identity, other.identity)
    if relation == LinkRelation.SAME:
        return merge(merged, one, other, LinkRule.TITLE)
    if relation == LinkRelation.PUBLISHED:
        preprint, article = (one, other) if one.identity.is_preprint else (other, one)
        return [describe_link(preprint, article, LinkRelation.PUBLISHED, LinkRule.TITLE)]
    return []


def merge(merged: dict[int, int], one: StoredPaper, other: StoredPaper, rule: LinkRule) -> list[dict[str, Any]]:
    """Let the row that entered first stand for the other one. Rows that stand for others already stay."""
    standing, later = sorted((one, other), key=lambda paper: (paper.number, paper.id))
    if {standing.id, later.id} & merged.keys() or later.id in merged.values():
        return []
    merged[later.id] = standing.id
    return [describe_link(later, standing, LinkRelation.SAME, rule)]


def publication(preprint: StoredPaper, article: StoredPaper | None) -> dict[str, Any]:
    """Link a preprint with the article that its DOI names, stored or not."""
    return describe_link(preprint, article, LinkRelation.PUBLISHED, LinkRule.SOURCE)


def describe_link(
    paper: StoredPaper, other: StoredPaper | None, relation: LinkRelation, rule: LinkRule
) -> dict[str, Any]:
    name = paper.published_as if other is None else None
    return {
        "paper_id": paper.id,
        "other_id": other.id if other else None,
        "scheme": name.scheme if name else None,
        "value": name.value if name else None,
        "relation": relation.value,
        "rule": rule.value,
        "at": paper.seen_at,
    }


def insert_rows(connection: sa.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = {
        "paper_identifier": "INSERT INTO paper_identifier (scheme, value, paper_id, source, first_seen_at)"
        " VALUES (:scheme, :value, :paper_id, :source, :at)",
        "paper_link": "INSERT INTO paper_link (paper_id, other_id, scheme, value, relation, rule, evidence, created_at)"
        " VALUES (:paper_id, :other_id, :scheme, :value, :relation, :rule, '{}', :at)",
    }[table]
    connection.execute(sa.text(statement), rows)
