"""Entries of one answer as papers: once each, within a bound, and a bad entry harms only itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TypeVar

import structlog

from digest.sources.base import ListedPaper

log = structlog.get_logger()

MAX_ENTRIES = 10_000  # of one answer; the largest list known has 2,000
KIND_ORDER = {"new": 0, "cross": 1, "replace": 2}
Entry = TypeVar("Entry")
# What a parser raises for an entry of an unforeseen shape.
PARSER_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class ParsedEntries:
    """Papers of an answer, how many entries could not be read, and how many were left out for their number.

    `versions`: key and version of every readable entry; a host may list two versions of a paper, which become one.
    """

    papers: tuple[ListedPaper, ...] = ()
    unreadable: int = 0
    left_out: int = 0
    versions: frozenset[tuple[str, int]] = frozenset()

    @property
    def received(self) -> int:
        """Number of different entries, the unreadable ones included."""
        return len(self.versions) + self.unreadable


def parse_entries(
    entries: Iterable[Entry],
    parse_entry: Callable[[Entry, int], ListedPaper | None],
    total: int,
    *,
    unreadable: int = 0,
    key: Callable[[ListedPaper], str] = attrgetter("key"),
) -> ParsedEntries:
    """Parse the entries of an answer, `total` in all; `unreadable` more were broken before.

    `parse_entry` gets an entry and its rank, and returns None for one that cannot be read. A paper that stands there
    twice, by its `key`, is taken once: as new rather than cross, as cross rather than replaced.
    """
    papers: dict[str, ListedPaper] = {}
    versions: set[tuple[str, int]] = set()
    is_logged = False
    for rank, entry in enumerate(islice(entries, MAX_ENTRIES), 1):
        try:
            paper = parse_entry(entry, rank)
        except PARSER_ERRORS:
            paper = None
            if not is_logged:  # a list has hundreds of the same kind
                log.exception("source.entry_failed", rank=rank)
                is_logged = True
        if paper is None:
            unreadable += 1
            continue
        versions.add((paper.key, paper.version))
        name = key(paper)
        if name not in papers or KIND_ORDER.get(paper.kind, 0) < KIND_ORDER.get(papers[name].kind, 0):
            papers[name] = paper
    return ParsedEntries(tuple(papers.values()), unreadable, max(0, total - MAX_ENTRIES), frozenset(versions))
