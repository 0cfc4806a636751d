"""Lists in pages: what was promised, what came, and when an answer is whole."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import SourceUnavailableError
from digest.sources import ListedPaper
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.paging import Page, PagedEntries, parse_total, read_by_cursor, read_by_offset

DAY = date(2026, 1, 6)


def parse_number(number: int, rank: int) -> ListedPaper | None:
    if number < 0:
        return None
    return ListedPaper(
        source="test", list_day=DAY, rank=rank, title=f"T{number}", url="https://example.org/", doi=f"10.1000/{number}"
    )


def parse_numbers(numbers: Sequence[int]) -> ParsedEntries:
    return parse_entries(numbers, parse_number, len(numbers))


@dataclass
class PagedHost:
    """Host with a list in pages. `totals` are what its pages name, by number of the request."""

    numbers: list[int]
    page_size: int = 3
    totals: list[int | None] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)
    empty: set[int] = field(default_factory=set)
    requests: list[object] = field(default_factory=list)

    async def by_offset(self, offset: int) -> Page:
        request = len(self.requests)
        self.requests.append(offset)
        if request in self.failing:
            raise SourceUnavailableError("host answers 503")
        chunk = [] if request in self.empty else self.numbers[offset : offset + self.page_size]
        total = self.totals[min(request, len(self.totals) - 1)] if self.totals else len(self.numbers)
        return Page(parse_numbers(chunk), len(chunk), total)

    async def by_cursor(self, cursor: str) -> Page:
        page = await self.by_offset(int(cursor or 0))
        end = int(cursor or 0) + self.page_size
        return Page(page.entries, page.count, page.total, str(end) if end < len(self.numbers) else "")

    def read(self, **options: int | bool) -> PagedEntries:
        return asyncio.run(read_by_offset(self.by_offset, page_size=self.page_size, **options))  # type: ignore[arg-type]

    def follow(self) -> PagedEntries:
        return asyncio.run(read_by_cursor(self.by_cursor))


def test_all_pages_are_read_by_offset_and_by_cursor() -> None:
    host = PagedHost(list(range(7)))
    by_offset, by_cursor = host.read(), host.follow()
    assert host.requests == [0, 3, 6, 0, 3, 6]
    for entries in (by_offset, by_cursor):
        assert (entries.promised, entries.received, entries.is_whole, entries.warnings("Test", DAY)) == (7, 7, True, ())
        assert [paper.title for paper in entries.papers.values()] == [f"T{n}" for n in range(7)]
        assert entries.part("x").keys == frozenset(f"doi:10.1000/{n}" for n in range(7))


def test_a_total_may_grow_between_pages_and_is_then_reached() -> None:
    entries = PagedHost(list(range(7)), totals=[5, 7]).read()
    assert (entries.promised, entries.received, entries.is_whole) == (7, 7, True)


@pytest.mark.parametrize("totals", [[9, 6], [9, 9, 9, 6]])
def test_a_total_that_shrinks_leaves_the_answer_incomplete(totals: list[int | None]) -> None:
    entries = PagedHost(list(range(6)), totals=totals).read()
    assert (entries.promised, entries.received, entries.is_whole) == (9, 6, False)
    assert entries.warnings("Test", DAY) == ("Test gave 6 of 9 papers for 2026-01-06",)


def test_a_total_that_is_too_large_leaves_the_answer_incomplete() -> None:
    assert not PagedHost(list(range(6)), totals=[8]).follow().is_whole
    assert not PagedHost(list(range(38)), page_size=100, totals=[40]).read().is_whole


def test_a_page_that_does_not_come_costs_itself_and_the_rest_but_not_what_came() -> None:
    for entries in (PagedHost(list(range(7)), failing={1}).read(), PagedHost(list(range(7)), failing={1}).follow()):
        assert (len(entries.papers), entries.promised, entries.is_whole) == (3, 7, False)
        assert entries.warnings("Test", DAY)[0] == "page 2 of Test's list for 2026-01-06: host answers 503"
    unnamed = PagedHost(list(range(7)), totals=[None], failing={1}).read()
    assert (unnamed.received, unnamed.promised) == (3, 4)
    with pytest.raises(SourceUnavailableError):
        PagedHost(list(range(7)), failing={0}).read()
    with pytest.raises(SourceUnavailableError):
        PagedHost(list(range(7)), failing={0}).follow()


def test_a_page_that_is_empty_although_more_was_promised_is_requested_once_more() -> None:
    host = PagedHost(list(range(7)), empty={1})
    assert host.read().is_whole
    assert host.requests == [0, 3, 3, 6]
    first = PagedHost(list(range(2)), empty={0})
    assert first.read().is_whole
    lasting = PagedHost(list(range(7)), empty={1, 2})
    assert (lasting.read().received, lasting.requests) == (4, [0, 3, 3, 6])


def test_a_host_with_smaller_pages_is_followed_by_what_it_gave() -> None:
    host = PagedHost(list(range(7)), page_size=2)
    entries = asyncio.run(read_by_offset(host.by_offset, page_size=100, steps_by_count=True))
    assert (entries.received, entries.is_whole, host.requests) == (7, True, [0, 2, 4, 6])
    short = PagedHost(list(range(7)), page_size=2)
    assert not asyncio.run(read_by_offset(short.by_offset, page_size=5)).is_whole


def test_an_endless_list_is_cut_and_is_not_whole() -> None:
    entries = PagedHost(list(range(100)), totals=[None]).read(max_pages=4)
    assert (entries.received, entries.promised) == (12, 13)
    assert entries.warnings("Test", DAY)[0] == "Test's list for 2026-01-06 has more than 4 pages; the rest was left out"

    async def endless(cursor: str) -> Page:
        return Page(parse_numbers([int(cursor or 0)]), next_cursor=str(int(cursor or 0) + 1))

    assert asyncio.run(read_by_cursor(endless, max_pages=5)).promised == 6


def test_a_cursor_that_returns_ends_the_chain() -> None:
    async def same(cursor: str) -> Page:
        return Page(parse_numbers([1, 2]), total=2, next_cursor="*")

    entries = asyncio.run(read_by_cursor(same, first_cursor="*"))
    assert (entries.pages, entries.is_whole) == (1, True)


def test_entries_that_move_to_the_next_page_count_once() -> None:
    pages = [[1, 2, 3], [3, 4, -1], [5]]

    async def shifting(offset: int) -> Page:
        chunk = pages[offset // 3]
        return Page(parse_numbers(chunk), len(chunk), 7)

    entries = asyncio.run(read_by_offset(shifting, page_size=3))
    assert (entries.received, entries.unreadable, entries.promised, entries.is_whole) == (6, 1, 7, False)
    assert entries.warnings("Test", DAY)[-1] == "1 of 6 entries of Test for 2026-01-06 could not be read"


def test_two_versions_of_a_paper_are_two_entries_of_the_host() -> None:
    def parse(version: int, rank: int) -> ListedPaper:
        return ListedPaper(
            source="t", list_day=DAY, rank=rank, title="T", url="https://e.org", doi="10.1000/1", version=version
        )

    async def fetch(offset: int) -> Page:
        return Page(parse_entries([1, 2], parse, 2), total=2)

    entries = asyncio.run(read_by_offset(fetch, page_size=5))
    assert (len(entries.papers), entries.received, entries.is_whole) == (1, 2, True)


@given(
    size=st.integers(0, 30),
    page_size=st.integers(1, 7),
    totals=st.lists(st.none() | st.integers(0, 40), max_size=5),
    failing=st.sets(st.integers(1, 12), max_size=1),
)
def test_an_answer_is_whole_only_when_all_came_that_any_page_promised(
    size: int, page_size: int, totals: list[int | None], failing: set[int]
) -> None:
    for way in (PagedHost.read, PagedHost.follow):
        host = PagedHost(list(range(size)), page_size, totals, failing)
        try:
            entries = way(host)
        except SourceUnavailableError:  # the first page, empty, was asked for once more
            assert not size
            assert failing
            continue
        named = [totals[min(n, len(totals) - 1)] if totals else size for n in range(len(host.requests))]
        came = [total for n, total in enumerate(named) if n not in failing]
        if entries.is_whole:
            assert entries.received >= max((total or 0 for total in came), default=0)
            assert not failing & set(range(len(host.requests)))
        assert entries.received <= size


@pytest.mark.parametrize(
    ("value", "total"),
    [("120", 120), (7, 7), (" 12 ", 12), ("", None), (None, None), (-1, None), (True, None), ("1,2", None)],
)
def test_a_total_is_a_number_or_its_digits(value: object, total: int | None) -> None:
    assert parse_total(value) == total
