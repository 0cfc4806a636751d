"""Which paper a listing is: found by the names that it gives, else by its title and first author, else a new one.

1. A row that has one of its identifiers, unless they contradict each other.
2. An entry that names two rows shows that they are one, unless they contradict each other or have two DOIs.
3. What a source says: this was published as that, this retracts that.
4. One row with its title and first author, of about the same year.

All that a batch needs is loaded with a few queries for all of its entries.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import or_
from sqlmodel import Session, col, select

from digest.database import insert, is_in_values
from digest.database.models import Paper, PaperIdentifier, PaperRelation
from digest.identifiers import (
    EXCLUSIVE_SCHEMES,
    Identifier,
    LinkRelation,
    LinkRule,
    PaperKind,
    StatedLink,
    compare_by_identifiers,
    compare_by_title,
    contradict,
    title_key,
)
from digest.papers.events import NOTICE_RELATIONS, read_evidence, store_link_events
from digest.papers.identity.links import (
    identify,
    linked_pairs,
    load_names,
    merge_papers,
    order_by_entry,
    take_over,
)
from digest.papers.queries import chunks, papers_by_id


class NamedEntry(Protocol):
    """What is looked at of an entry to find its paper."""

    @property
    def source(self) -> str: ...
    @property
    def list_day(self) -> date: ...
    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def identifiers(self) -> tuple[Identifier, ...]: ...
    @property
    def links(self) -> Sequence[StatedLink]: ...
    def compare_text(self, title: str, abstract: str) -> int: ...


class Resolver:
    """Rows of the entries of one batch. Used under the listing lock; `store` writes what was found out."""

    def __init__(self, session: Session, entries: Sequence[NamedEntry]) -> None:
        self._session = session
        self._owners: dict[Identifier, Paper] = {}
        self._rows: dict[int, Paper] = {}  # loaded rows by id
        self._names: dict[int, set[Identifier]] = {}  # by identity of the row that stands, where they are compared
        self._own_names: dict[int, set[Identifier]] = {}
        self._by_title: dict[str, list[Paper]] = {}
        self._standing: dict[int, Paper] = {}  # by identity of a row that is merged in this batch
        self._learned: dict[Identifier, tuple[Paper, str]] = {}
        self._new: set[int] = set()
        self._merges: list[tuple[Paper, Paper, LinkRule, bool]] = []
        self._published: list[tuple[Paper, Paper]] = []  # by title
        self._stated: dict[tuple[int, StatedLink], tuple[Paper, StatedLink]] = {}
        self._same_links: dict[int, PaperRelation] = {}
        self._made_links: list[PaperRelation] = []  # and those that were completed
        self._separate: set[frozenset[int | None]] = set()
        self._load(entries)

    @property
    def loaded(self) -> Collection[Paper]:
        """Rows that were loaded for this batch."""
        return self._rows.values()

    def find(self, entry: NamedEntry) -> Paper | None:
        """Return the row of an entry, None when it has none."""
        rows = self._owners_of(entry)
        exclusive = [name for name in entry.identifiers if name.scheme in EXCLUSIVE_SCHEMES]
        fitting = [row for row in rows if not contradict(exclusive, self._own_names.get(id(row), ()))]
        if not fitting:
            return None
        for other in fitting[1:]:
            self._join(fitting[0], other)
        return fitting[0]

    def is_notice_of_known(self, entry: NamedEntry) -> bool:
        """Return whether an entry is a notice about a paper that has a row."""
        return any(
            link.relation in NOTICE_RELATIONS and not link.is_reversed and link.identifier in self._owners
            for link in entry.links
        )

    def new_key(self, entry: NamedEntry) -> str:
        """Return the key of a new row: its name, or the first one that no other row has."""
        owned = {str(name) for name in entry.identifiers if name in self._owners}
        free = [str(name) for name in entry.identifiers if name not in self._owners]
        return free[0] if entry.key in owned and free else entry.key

    def standing(self, paper: Paper) -> Paper:
        """Return the row that stands for another one, which is often itself."""
        while (other := self._standing.get(id(paper))) is not None:
            paper = other
        return self._rows.get(paper.merged_into or 0, paper)

    def add(self, entry: NamedEntry, paper: Paper, *, is_new: bool) -> None:
        """Note that an entry is of this paper, with its names and what its source says of it."""
        for name in entry.identifiers:
            if name not in self._owners:
                self._owners[name] = paper
                self._learned[name] = paper, entry.source
                self._own_names.setdefault(id(paper), set()).add(name)
                self._names.setdefault(id(self.standing(paper)), set()).add(name)
        for stated in entry.links:
            self._stated[id(paper), stated] = paper, stated
        if is_new:
            self._new.add(id(paper))
            self._match_title(entry, paper)
        elif (standing := self.standing(paper)) is not paper and paper.id in self._same_links:
            link = self._same_links[paper.id]
            evidence = read_evidence(link)
            take_over(standing, paper, evidence, is_sounder=entry.compare_text(standing.title, standing.abstract) > 0)
            link.evidence = json.dumps(evidence)

    def store(self, now: datetime) -> None:
        """Write identifiers and links. The new rows must be flushed, so that they have ids."""
        session = self._session
        rows = [
            {"scheme": n.scheme, "value": n.value, "paper_id": paper.id, "source": source, "first_seen_at": now}
            for n, (paper, source) in self._learned.items()
        ]
        if rows:
            session.execute(insert(session, PaperIdentifier).on_conflict_do_nothing(), rows)
        for one, other, rule, is_sounder in self._merges:
            standing, merged = self._flushed_standing(one), self._flushed_standing(other)
            if standing is not merged:
                merge_papers(session, standing, merged, rule, now, is_sounder=is_sounder)
        self._store_links(now)
        session.flush()

    def _flushed_standing(self, paper: Paper) -> Paper:
        while paper.merged_into:
            paper = self._rows.get(paper.merged_into) or self._session.get_one(Paper, paper.merged_into)
        return paper

    def _owners_of(self, entry: NamedEntry) -> list[Paper]:
        rows = (self._owners[name] for name in entry.identifiers if name.joins and name in self._owners)
        return list({id(row): row for row in rows}.values())

    def _load(self, entries: Sequence[NamedEntry]) -> None:
        wanted = {name for entry in entries for name in entry.identifiers}
        owner_ids = find_owners(self._session, wanted | {link.identifier for e in entries for link in e.links})
        self._add_rows(papers_by_id(self._session, owner_ids.values()).values())
        self._owners = {name: self._rows[number] for name, number in owner_ids.items() if number in self._rows}
        unnamed = [entry for entry in entries if not self._owners_of(entry)]
        for keys in chunks({entry.key for entry in unnamed}):  # a row whose identifiers are not stored
            for paper in self._session.exec(select(Paper).where(col(Paper.key).in_(keys))):
                self._add_rows([paper])
                for name in {name for entry in unnamed if entry.key == paper.key for name in entry.identifiers}:
                    self._owners.setdefault(name, paper)
                    self._learned.setdefault(name, (paper, paper.text_source))
        compared = self._compared_rows(entries)
        for keys in chunks({key for entry in unnamed if (key := title_key(entry.title))}):
            is_paper = Paper.kind == PaperKind.PAPER
            for paper in self._session.exec(select(Paper).where(col(Paper.title_key).in_(keys), is_paper)):
                self._add_rows([paper])
                self._by_title.setdefault(str(paper.title_key), []).append(self._rows[int(paper.id or 0)])
                compared.add(int(paper.id or 0))
        standing_ids = {paper.merged_into for paper in self._rows.values() if paper.merged_into}
        self._add_rows(papers_by_id(self._session, standing_ids - self._rows.keys()).values())
        if standing_ids:
            is_merged = is_in_values(self._session, PaperRelation.paper_id, self._rows.keys())
            links = select(PaperRelation).where(PaperRelation.relation == LinkRelation.SAME, is_merged)
            self._same_links = {
                link.paper_id: link for link in self._session.exec(links.where(col(PaperRelation.undone_at).is_(None)))
            }
        if compared:
            self._load_names(compared)

    def _add_rows(self, papers: Iterable[Paper]) -> None:
        self._rows |= {int(paper.id or 0): paper for paper in papers}

    def _compared_rows(self, entries: Sequence[NamedEntry]) -> set[int]:
        """Return the rows that an entry may contradict, and those that it shows to be one."""
        compared: set[int] = set()
        for entry in entries:
            rows = self._owners_of(entry)
            is_certain = len(rows) == 1 and all(
                self._owners.get(name) is rows[0] for name in entry.identifiers if name.scheme in EXCLUSIVE_SCHEMES
            )
            if not is_certain:
                compared |= {int(row.id or 0) for row in rows}
        return compared

    def _load_names(self, paper_ids: set[int]) -> None:
        compared = paper_ids | {self._rows[n].merged_into or n for n in paper_ids if n in self._rows}
        names = load_names(self._session, compared)
        for number, found in names.items():
            if (row := self._rows.get(number)) is not None:
                self._names[id(row)] = set(found)
        own = select(col(PaperIdentifier.paper_id), col(PaperIdentifier.scheme), col(PaperIdentifier.value))
        for number, scheme, value in self._session.exec(
            own.where(is_in_values(self._session, PaperIdentifier.paper_id, compared))
        ):
            if number in self._rows:
                self._own_names.setdefault(id(self._rows[number]), set()).add(Identifier(scheme, value))
        self._separate = linked_pairs(self._session, compared)

    def _join(self, one: Paper, other: Paper) -> None:
        """Rule 2: an entry names two rows."""
        standing, merged = self.standing(one), self.standing(other)
        if standing is merged or frozenset((standing.id, merged.id)) in self._separate:
            return
        own, others = self._names.get(id(standing), set()), self._names.get(id(merged), set())
        if compare_by_identifiers(identify(standing, own), identify(merged, others)) is None:
            return
        if merged.id:  # a row of this batch comes after those that are stored
            standing, merged = order_by_entry(standing, merged) if standing.id else (merged, standing)
        self._merge(standing, merged, LinkRule.IDENTIFIERS, is_sounder=False)

    def _match_title(self, entry: NamedEntry, paper: Paper) -> None:
        """Rule 4: one row with this title and first author. A new row is always made first."""
        if not paper.title_key or paper.kind != PaperKind.PAPER:
            return
        identity = identify(paper, self._names.get(id(paper), set()))
        rows = self._by_title.setdefault(paper.title_key, [])
        candidates = {id(self.standing(row)): self.standing(row) for row in rows}.values()
        identities = [(row, identify(row, self._names.get(id(row), set()))) for row in candidates]
        similar = [
            (row, other)
            for row, other in identities
            if other.kind == PaperKind.PAPER
            and (not identity.author or not other.author or identity.author == other.author)
            and abs((identity.year or 0) - (other.year or 0)) <= 1
        ]
        rows.append(paper)
        if len(similar) != 1:
            return
        row, other = similar[0]
        match compare_by_title(other, identity):
            case LinkRelation.SAME:
                is_sounder = entry.compare_text(row.title, row.abstract) > 0
                self._merge(row, paper, LinkRule.TITLE, is_sounder=is_sounder)
            case LinkRelation.PUBLISHED:
                self._published.append((row, paper) if other.is_preprint else (paper, row))

    def _merge(self, standing: Paper, merged: Paper, rule: LinkRule, *, is_sounder: bool) -> None:
        self._standing[id(merged)] = standing
        self._names.setdefault(id(standing), set()).update(self._names.get(id(merged), set()))
        self._merges.append((standing, merged, rule, is_sounder))

    def _store_links(self, now: datetime) -> None:
        """Write published versions and notices, and complete the links that waited for a paper of this batch."""
        session = self._session
        papers = [paper for paper, _ in self._stated.values()] + [paper for pair in self._published for paper in pair]
        known: set[tuple[object, ...]] = set()
        if papers:
            ids = {int(paper.id or 0) for paper in papers}
            is_known = or_(
                is_in_values(session, PaperRelation.paper_id, ids), is_in_values(session, PaperRelation.other_id, ids)
            )
            for link in session.exec(select(PaperRelation).where(is_known)):
                known.add((link.relation, link.paper_id, link.other_id))
                known.add((link.relation, link.paper_id, link.scheme, link.value))
        for preprint, article in self._published:
            self._add_link(known, preprint, article, LinkRelation.PUBLISHED, LinkRule.TITLE, now)
        for paper, stated in self._stated.values():
            other, name = self._owners.get(stated.identifier), stated.identifier
            if other is not None:
                one, two = (other, paper) if stated.is_reversed else (paper, other)
                self._add_link(known, one, two, stated.relation, LinkRule.SOURCE, now, _describe_statement(stated))
            elif (stated.relation, paper.id, name.scheme, name.value) not in known:
                known.add((stated.relation, paper.id, name.scheme, name.value))
                evidence = _describe_statement(stated) | ({"is_reversed": True} if stated.is_reversed else {})
                self._made_links.append(
                    PaperRelation(
                        paper_id=int(paper.id or 0),
                        scheme=name.scheme,
                        value=name.value,
                        relation=stated.relation,
                        rule=LinkRule.SOURCE,
                        evidence=json.dumps(evidence),
                        created_at=now,
                    )
                )
        session.add_all(self._made_links)
        self._complete_links()
        session.flush()
        store_link_events(session, self._made_links, now)

    def _add_link(
        self,
        known: set[tuple[object, ...]],
        one: Paper,
        other: Paper,
        relation: LinkRelation,
        rule: LinkRule,
        now: datetime,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        if one is other or (relation, one.id, other.id) in known:
            return
        known.add((relation, one.id, other.id))
        at_entry = {"at_entry": True} if {id(one), id(other)} & self._new else {}
        self._made_links.append(
            PaperRelation(
                paper_id=int(one.id or 0),
                other_id=other.id,
                relation=relation,
                rule=rule,
                evidence=json.dumps(at_entry | (evidence or {})),
                created_at=now,
            )
        )

    def _complete_links(self) -> None:
        """Give links that name an identifier the row that now has it."""
        waiting = select(PaperRelation).where(
            col(PaperRelation.other_id).is_(None), col(PaperRelation.undone_at).is_(None)
        )
        for scheme, values in _by_scheme(self._learned):
            for chunk in chunks(values):
                found = waiting.where(PaperRelation.scheme == scheme, col(PaperRelation.value).in_(chunk))
                for link in self._session.exec(found).all():
                    paper = self._learned[Identifier(scheme, str(link.value))][0]
                    if paper.id == link.paper_id:
                        continue
                    evidence = read_evidence(link)
                    link.other_id = paper.id
                    if evidence.pop("is_reversed", False):
                        link.paper_id, link.other_id = int(paper.id or 0), link.paper_id
                    if id(paper) in self._new:
                        evidence["at_entry"] = True
                    link.evidence = json.dumps(evidence)
                    self._made_links.append(link)


def _describe_statement(stated: StatedLink) -> dict[str, Any]:
    """Return what a source says with a link, as evidence of it."""
    values = {"venue": stated.venue, "stated_on": stated.stated_on.isoformat() if stated.stated_on else ""}
    return {name: value for name, value in values.items() if value}


def find_owners(session: Session, names: Collection[Identifier]) -> dict[Identifier, int]:
    """Return the row of each identifier that is known."""
    owners: dict[Identifier, int] = {}
    for scheme, values in _by_scheme(names):
        for chunk in chunks(values):
            rows = select(col(PaperIdentifier.value), col(PaperIdentifier.paper_id)).where(
                PaperIdentifier.scheme == scheme, col(PaperIdentifier.value).in_(chunk)
            )
            owners |= {Identifier(scheme, value): number for value, number in session.exec(rows)}
    return owners


def _by_scheme(names: Iterable[Identifier]) -> Iterable[tuple[str, list[str]]]:
    values: dict[str, list[str]] = {}
    for name in names:
        values.setdefault(name.scheme, []).append(name.value)
    return values.items()
