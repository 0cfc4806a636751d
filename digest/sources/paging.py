"""Lists that come in pages: by offset, or by the cursor or token that each page names for the next one.

One rule counts for all sources. An answer is whole when every page came, none short but the last, and as many different
entries as the largest total that any page named: a total may grow while pages are read, and one that shrinks, or is
too large, leaves the answer short of what was promised.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from digest.errors import MalformedAnswerError, SourceError
from digest.sources import messages
from digest.sources.base import AnswerPart, ListedPaper, SourceAnswer
from digest.sources.entries import KIND_ORDER, MAX_ENTRIES, ParsedEntries
from digest.sources.http import HttpValidators

MAX_PAGES = 200
MAX_DIGITS = 9  # of a total


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    - `count`: entries that stood on it, readable or not; the received ones unless given
    - `total`: entries that the whole list has, as this page says; None when it does not say
    - `next_cursor`: cursor or token of the next page; empty on the last one
    """

    entries: ParsedEntries
    count: int = -1
    total: int | None = None
    next_cursor: str = ""

    @property
    def length(self) -> int:
        """Number of entries that stood on the page."""
        return self.entries.received if self.count < 0 else self.count


@dataclass(slots=True)
class PagedEntries:
    """Entries of all pages that came, and what was promised.

    `fault` is why the rest is missing, if a page did not come; `is_cut` says that there were too many pages.
    """

    papers: dict[str, ListedPaper] = field(default_factory=dict)
    versions: set[tuple[str, int]] = field(default_factory=set)
    unreadable: int = 0
    named_total: int = 0
    pages: int = 0
    fault: SourceError | None = None
    is_cut: bool = False
    left_out: int = 0

    @property
    def received(self) -> int:
        """Number of different entries, the unreadable ones included."""
        return len(self.versions) + self.unreadable

    @property
    def promised(self) -> int:
        """Largest number of entries that the host named, and at least one more than came where the rest is missing."""
        known = self.received + self.left_out
        return max(self.named_total, known + 1 if self.fault or self.is_cut else known)

    @property
    def is_whole(self) -> bool:
        """Whether all came that was promised."""
        return self.received >= self.promised

    def add(self, page: Page) -> None:
        """Take in a page. A paper that stood on an earlier one, too, is taken once, and counts once."""
        for paper in page.entries.papers:
            order = KIND_ORDER.get(paper.kind, 0)
            if paper.key not in self.papers or order < KIND_ORDER.get(self.papers[paper.key].kind, 0):
                self.papers[paper.key] = paper
        self.versions |= page.entries.versions
        self.unreadable += page.entries.unreadable
        self.left_out += page.entries.left_out
        self.named_total = max(self.named_total, page.total or 0)
        self.pages += 1

    def part(self, name: str = "") -> AnswerPart:
        """Return the part of an answer that these entries are."""
        return AnswerPart(self.promised, self.received, self.unreadable, name, frozenset(self.papers))

    def warnings(self, title: str, day: date) -> tuple[str, ...]:
        """Return what the operator should know, as sentences."""
        sentences = []
        if self.fault:
            sentences.append(messages.page_failed(title, day, self.pages + 1, str(self.fault)))
        if self.is_cut:
            sentences.append(messages.list_cut(title, day, self.pages))
        if not self.is_whole:
            sentences.append(messages.list_incomplete(title, day, self.received, self.promised))
        if self.unreadable:
            sentences.append(messages.invalid_entries(title, day, self.unreadable, self.received))
        return tuple(sentences)

    def to_answer(
        self,
        title: str,
        day: date,
        endpoint: str,
        *,
        warnings: tuple[str, ...] = (),
        validators: HttpValidators | None = None,
    ) -> SourceAnswer:
        """Return the answer of one part that these entries are. Raises MalformedAnswerError when none can be read.

        `validators` are those of the one response that all of it came in; `warnings` are added to those of the list.
        """
        if self.unreadable and not self.papers:
            raise MalformedAnswerError(messages.nothing_readable(title, day, self.unreadable))
        is_cacheable = validators is not None and bool(validators.etag or validators.last_modified)
        return SourceAnswer(
            papers=tuple(self.papers.values()),
            endpoint=endpoint,
            parts=(self.part(),),
            warnings=(*self.warnings(title, day), *warnings),
            validators=(validators,) if validators and is_cacheable else (),
        )


def join_lists(lists: Sequence[PagedEntries], named_total: int = 0) -> PagedEntries:
    """Return several lists as one: those of searches that together find what one would, which named this total."""
    if len(lists) == 1:
        return lists[0]
    joined = PagedEntries(named_total=max(named_total, sum(one.promised for one in lists)))
    for one in lists:
        joined.papers |= {key: paper for key, paper in one.papers.items() if key not in joined.papers}
        joined.versions |= one.versions
        joined.unreadable += one.unreadable
        joined.pages += one.pages
        joined.left_out += one.left_out
        joined.is_cut = joined.is_cut or one.is_cut
        joined.fault = joined.fault or one.fault
    return joined


async def read_by_offset(
    fetch_page: Callable[[int], Awaitable[Page]],
    *,
    page_size: int,
    steps_by_count: bool = False,
    max_pages: int = MAX_PAGES,
) -> PagedEntries:
    """Read the pages that begin at 0, `page_size` and so on, until the largest total that any of them named.

    With `steps_by_count` a page begins where the one before it really ended. A page that is empty although more was
    promised, or is the first one, is asked for once more. Where no total is named, a page that is not full is the last.
    The error of the first page is raised, that of a later one is kept with what came.
    """
    entries = PagedEntries()
    offset = 0
    while entries.pages < max_pages and entries.received <= MAX_ENTRIES:
        try:
            page = await fetch_page(offset)
            entries.named_total = max(entries.named_total, page.total or 0)
            if not page.length and (not offset or entries.named_total > offset):
                page = await fetch_page(offset)
        except SourceError as error:
            if not entries.pages:
                raise
            entries.fault = error
            return entries
        await asyncio.to_thread(entries.add, page)  # it may hold thousands
        offset += page.length if steps_by_count and page.length else page_size
        is_last = page.length < page_size if not entries.named_total else offset >= entries.named_total
        if is_last or (steps_by_count and not page.length):
            return entries
    entries.is_cut = True
    return entries


async def read_by_cursor(
    fetch_page: Callable[[str], Awaitable[Page]], *, first_cursor: str = "", max_pages: int = MAX_PAGES
) -> PagedEntries:
    """Read the pages of a chain, in which each one names the next by a cursor or a resumption token.

    The chain ends where a page names none, or one that was used before, or has no entries. The error of the first page
    is raised, that of a later one is kept with what came.
    """
    entries = PagedEntries()
    cursor, used = first_cursor, {first_cursor}
    while entries.pages < max_pages and entries.received <= MAX_ENTRIES:
        try:
            page = await fetch_page(cursor)
        except SourceError as error:
            if not entries.pages:
                raise
            entries.fault = error
            return entries
        await asyncio.to_thread(entries.add, page)  # it may hold thousands
        cursor = page.next_cursor
        if not cursor or cursor in used or not page.length:
            return entries
        used.add(cursor)
    entries.is_cut = True
    return entries


def parse_total(value: object) -> int | None:
    """Return a total as hosts write it, a number or its digits; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 10**MAX_DIGITS else None
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None
