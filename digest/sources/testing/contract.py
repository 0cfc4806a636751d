"""What every source must do, as tests on recorded answers.

    class TestLab(SourceContract):
        source_class = LabSource
        settings = {"url": "{host}"}
        now, day = datetime(2026, 1, 6, 12, tzinfo=UTC), date(2026, 1, 5)
        expected = ({"doi": "10.1000/1", "title": "A paper", "authors": ("Ada Byron",)}, ...)

        def answer(self, path): ...            # the recorded answer to a path with its query

The last methods of the class take a recorded page apart and put it together again, so that the tests can shorten it,
change its total, and put in an entry that is hostile or cannot be read.
"""

import asyncio
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar
from unittest import SkipTest

from digest.config import SOURCE_NAME_PATTERN, SourceSettings, read_source_settings
from digest.errors import MalformedAnswerError, SourceError, SourceThrottledError, SourceUnavailableError
from digest.identifiers import normalize_identifier
from digest.sources.base import DayListSource, Source, SourceAnswer, WindowSource
from digest.sources.http import HostThrottle, RetryPolicy, SourceClient, ValidatorsByKey
from digest.sources.registry import SOURCE_API
from digest.sources.testing.recorded_host import Fault, RecordedAnswer, RecordedHost, RecordedTransport
from digest.sources.text import AUTHORS_LENGTH, MAX_AUTHORS, NAME_LENGTH, TEXT_LENGTH, TITLE_LENGTH

ERRORS: Mapping[Fault, tuple[type[SourceError], ...]] = {
    Fault.UNAVAILABLE: (SourceUnavailableError,),
    Fault.THROTTLED: (SourceThrottledError,),
    Fault.EMPTY: (MalformedAnswerError,),
    Fault.HTML: (MalformedAnswerError,),
    Fault.CUT: (SourceUnavailableError, MalformedAnswerError),
    Fault.DROPPED: (SourceUnavailableError,),
}
MARKUP = re.compile(
    r"</?(?:[a-z]{1,10}:)?(?:a|b|br|div|em|i|img|italic|li|math|p|script|sc|sec|span|strong|su[bp]|title|u|xref)\b[^<>]*>"
    r"|&(?:#\w{1,7}|[A-Za-z]\w{1,30});",
    re.IGNORECASE,
)
HUGE_TITLE = "Tit\x00le\u202e " + "x" * 10_000_000
MANY_AUTHORS = tuple(f"Ada{chr(7)} Byron{number}" for number in range(3_000))
LONG_NAME = "Gödel" * 2_000


class SourceContract:
    """Tests that a source passes. What a subclass states stands first, what it may override after that."""

    source_class: ClassVar[Any]
    settings: ClassVar[Mapping[str, str]] = {"url": "{host}"}  # of its own; {host} becomes an address on loopback
    public_host: ClassVar[str] = ""  # what {host} stands for where hosts follow from settings; else they are left out
    now: ClassVar[datetime]
    day: ClassVar[date]
    expected: ClassVar[Sequence[Mapping[str, Any]]]  # fields of each paper, in the order of the answer
    names_total: ClassVar[bool] = True  # whether the host says how many entries there are

    def answer(self, path: str) -> RecordedAnswer:
        """Return the recorded answer to a path with its query."""
        raise NotImplementedError

    def split_page(self, path: str, body: bytes) -> Sequence[Any]:
        """Return the entries that an answer lists; none for one that is no list."""
        raise NotImplementedError

    def join_page(self, path: str, body: bytes, entries: Sequence[Any], total: int | None) -> bytes:
        """Return the answer with these entries in place of its own, and with that total unless it is None."""
        raise NotImplementedError

    def total_of(self, path: str, body: bytes) -> int | None:  # noqa: ARG002
        """Return the total that an answer names, None where it names none."""
        return None

    def make_entry(self, title: str, authors: Sequence[str]) -> Any:
        """Return an entry that can be read, as `split_page` gives it."""
        raise NotImplementedError

    def break_entry(self, entry: Any) -> Any:  # noqa: ARG002
        """Return an entry that cannot be read."""
        return None

    async def fetch(self, source: Any) -> SourceAnswer:
        """Fetch the list day, or the first window; override it to test `backfill`."""
        if isinstance(source, WindowSource):
            return await source.fetch(source.windows()[0], self.now)
        answer: SourceAnswer = await source.fetch(self.day, self.now)
        return answer

    # How the tests read

    def create_source(self, client: SourceClient, host: str) -> Source:
        """Create the source with its settings; those that name a host are left out where there is none."""
        name = self.source_class.name
        values = {
            f"{name.replace('-', '_')}_{key}": value.replace("{host}", host)
            for key, value in self.settings.items()
            if host or "{host}" not in value
        }
        settings_class = getattr(self.source_class, "Settings", SourceSettings)
        source: Source = self.source_class.from_settings(read_source_settings(settings_class, name, values), client)
        return source

    def read(
        self,
        route: Callable[[str], RecordedAnswer] | None = None,
        *,
        fault: Fault | None = None,
        fault_from: int = 0,
        validators: ValidatorsByKey | None = None,
    ) -> tuple[SourceAnswer, int]:
        """Read from a host on loopback; return the answer, and how many requests there were."""

        async def run(host: RecordedHost) -> SourceAnswer:
            policy = RetryPolicy(connect_timeout=5, read_timeout=10, total_timeout=60)
            async with SourceClient(
                contact="tests@example.org",
                cached_validators=validators,
                retry_policy=policy,
                sleep=pass_at_once,
                throttle=HostThrottle(),
            ) as client:
                return await self.fetch(self.create_source(client, host.url))

        with RecordedHost(route or self.answer, fault=fault, fault_from=fault_from) as host:
            return asyncio.run(run(host)), len(host.paths)

    def read_altered(
        self, alter: Callable[[int, Sequence[Any], int | None], tuple[Sequence[Any], int | None]]
    ) -> SourceAnswer:
        """Read pages that `alter` has changed: it gets number, entries and total of each that has any of the two."""
        number = 0

        def route(path: str) -> RecordedAnswer:
            nonlocal number
            answer = self.answer(path)
            entries, total = self.split_page(path, answer.body), self.total_of(path, answer.body)
            if not entries and total is None:
                return answer
            entries, total = alter(number, entries, total)
            number += 1
            return RecordedAnswer(self.join_page(path, answer.body, entries, total), answer.status, answer.headers)

        return self.read(route)[0]

    # The tests

    def test_attributes(self) -> None:
        """Check name, title, release and hosts of the class."""
        source = self.create_source(SourceClient(contact="tests@example.org"), self.public_host)
        require(self.source_class.api == SOURCE_API, f"api is {SOURCE_API}")
        require(bool(SOURCE_NAME_PATTERN.fullmatch(source.name)), "name has lower-case letters, digits and hyphens")
        require(bool(source.title.strip()), "title is what people call it")
        require(isinstance(source, DayListSource | WindowSource), "it has all members of a kind")
        require(bool(source.hosts), "hosts names the hosts that it asks")
        require(all(gap > 0 and host == host.lower() for host, gap in source.hosts.items()), "hosts have a pace")
        if isinstance(source, DayListSource):
            days = list(source.days(self.now))
            require(days == sorted(set(days)), "days are in order, oldest first")

    def test_recorded_responses(self) -> None:
        """Compare the papers with the expected ones; all of them came, and nothing more was promised."""
        answer, _ = self.read()
        require(len(answer.papers) == len(self.expected), f"{len(answer.papers)} papers, not {len(self.expected)}")
        for paper, fields in zip(answer.papers, self.expected, strict=True):
            for name, value in fields.items():
                found = getattr(paper, name)
                found = list(found) if isinstance(value, list) else found
                require(found == value, f"{name} of {paper.key} is {found!r}, not {value!r}")
            require(paper.list_day == self.day, f"{paper.key} is listed on {paper.list_day}, not on {self.day}")
        require(is_whole(answer), "the answer is whole")

    def test_repeated_fetch(self) -> None:
        """Read twice, the second time with the validators of the first."""
        first, _ = self.read()
        second, _ = self.read()
        require([paper.key for paper in first.papers] == [paper.key for paper in second.papers], "equal keys")
        require(first.papers == second.papers, "equal papers")
        third, _ = self.read(validators={one.url: one for one in first.validators})
        known = {paper.key for paper in first.papers}
        require(third.not_modified or {paper.key for paper in third.papers} == known, "unchanged, or the same papers")

    def test_host_errors(self) -> None:
        """Have each fault from the first request on."""
        for fault, errors in ERRORS.items():
            try:
                answer, _ = self.read(fault=fault)
            except errors:
                continue
            except Exception as error:
                raise AssertionError(f"{fault}: raises {error!r}, not {names_of(errors)}") from error
            raise AssertionError(f"{fault}: gives {len(answer.papers)} papers in place of {names_of(errors)}")

    def test_incomplete_list(self) -> None:
        """Have each fault from the second, from the last request on."""
        whole, count = self.read()
        listed = {paper.key for paper in whole.papers if paper.kind != "replace"}
        for fault in Fault:
            for fault_from in sorted({1, count - 1} - {0}):
                try:
                    answer, _ = self.read(fault=fault, fault_from=fault_from)
                except SourceError:
                    continue
                came = {paper.key for paper in answer.papers}
                text = f"{fault} from request {fault_from + 1} on: {len(came)} papers pass for all"
                require(not is_whole(answer) or came >= listed, text)

    def test_list_shorter_than_total(self) -> None:
        """Drop an entry; name too large a total; let it shrink after the first page."""
        self._skip_without_total()
        largest = max(self._page_lengths())

        def drop(_: int, entries: Sequence[Any], total: int | None) -> tuple[Sequence[Any], int | None]:
            return (entries[:-1] if len(entries) == largest else entries), total

        def enlarge(_: int, entries: Sequence[Any], total: int | None) -> tuple[Sequence[Any], int | None]:
            return entries, None if total is None else total + 5

        def shrink(number: int, entries: Sequence[Any], total: int | None) -> tuple[Sequence[Any], int | None]:
            return entries, None if total is None else total + (5 if not number else 0)

        for alter, text in ((drop, "a short page"), (enlarge, "too large a total"), (shrink, "a total that shrinks")):
            try:
                answer = self.read_altered(alter)
            except SourceError:
                continue
            require(not is_whole(answer), f"{text} passes for all")

    def test_invalid_entry(self) -> None:
        """Break the last entry of the longest page."""
        largest = max(self._page_lengths())
        whole, _ = self.read()

        def spoil(_: int, entries: Sequence[Any], total: int | None) -> tuple[Sequence[Any], int | None]:
            if len(entries) != largest:
                return entries, total
            return [*entries[:-1], self.break_entry(entries[-1])], total

        answer = self.read_altered(spoil)
        unreadable, broken = sum(part.unreadable for part in answer.parts), self._page_lengths().count(largest)
        require(unreadable == broken, f"{unreadable} entries are counted as unreadable, not {broken}")
        lost = len({paper.key for paper in whole.papers} - {paper.key for paper in answer.papers})
        require(lost <= broken, f"{lost} papers are lost with {broken} entries")
        require(is_whole(answer), "what cannot be read has come all the same")

    def test_text_limits(self) -> None:
        """Put in a title of 10 MB with control characters, 3,000 authors, and a name without end."""
        largest = max(self._page_lengths())
        for title, authors in ((HUGE_TITLE, ("Ada Byron",)), ("A plain title", (*MANY_AUTHORS, LONG_NAME))):

            def replace_first(
                _: int, entries: Sequence[Any], total: int | None, title: str = title, authors: Sequence[str] = authors
            ) -> tuple[Sequence[Any], int | None]:
                return [self.make_entry(title, authors), *entries[1:]] if len(entries) == largest else entries, total

            answer = self.read_altered(replace_first)
            require(len(answer.papers) >= len(self.expected) - self._page_lengths().count(largest), "the rest is read")
            for paper in answer.papers:
                require(len(paper.title) <= TITLE_LENGTH, f"{paper.key} has {len(paper.title):,} characters of title")
                require(len(paper.abstract) <= TEXT_LENGTH, f"{paper.key} has {len(paper.abstract):,} of abstract")
                require(all(len(name) <= NAME_LENGTH for name in paper.authors), f"{paper.key} has endless names")
                require(len(paper.authors) <= MAX_AUTHORS, f"{paper.key} has {len(paper.authors):,} authors")
                require(sum(map(len, paper.authors)) <= 2 * AUTHORS_LENGTH, f"{paper.key} has too much of authors")
                text = "".join((paper.title, paper.abstract, *paper.authors))
                controls = {character for character in text if unicodedata.category(character) == "Cc"}
                require(not controls and "\u202e" not in text, f"{paper.key} has control characters {controls}")

    def test_normal_identifiers(self) -> None:
        """Normalize each identifier and the identifier of each link again."""
        for paper in self.read()[0].papers:
            require(bool(paper.identifiers), f"{paper.title!r} has no identifier")
            for identifier in (*paper.identifiers, *(link.identifier for link in paper.links)):
                again = normalize_identifier(identifier.value, identifier.scheme)
                require(again == identifier, f"{identifier} should be {again}")

    def test_no_markup(self) -> None:
        """Look for tags and entities in titles, abstracts and names."""
        for paper in self.read()[0].papers:
            for text in (paper.title, paper.abstract, *paper.authors):
                found = MARKUP.search(text)
                require(not found, f"{paper.key} has {found and found[0]!r} in {text[:60]!r}")

    def test_request_hosts_and_rate(self) -> None:
        """Read from the public addresses, by a clock that only waiting moves."""
        clock = 1000.0

        async def wait(seconds: float) -> None:
            nonlocal clock
            clock += seconds

        throttle = HostThrottle(monotonic=lambda: clock)
        transport = RecordedTransport(self.answer, lambda: clock)

        async def run() -> Mapping[str, float]:
            async with SourceClient(
                contact="tests@example.org", sleep=wait, throttle=throttle, transport=transport
            ) as client:
                source = self.create_source(client, self.public_host)
                client.keep_gaps(source.hosts)
                await self.fetch(source)
                return source.hosts

        hosts = asyncio.run(run())
        require(bool(transport.requests), "a host is asked")
        last: dict[str, float] = {}
        for host, at in transport.requests:
            require(host in hosts, f"{host} is asked, but is none of its hosts")
            gap = at - last.get(host, -1e9)
            require(gap >= hosts[host] - 1e-6, f"{host} is asked again after {gap:.2f} s, not {hosts[host]} s")
            last[host] = at

    def _page_lengths(self) -> list[int]:
        lengths = []

        def note(_: int, entries: Sequence[Any], total: int | None) -> tuple[Sequence[Any], int | None]:
            lengths.append(len(entries))
            return entries, total

        self.read_altered(note)
        return lengths

    def _skip_without_total(self) -> None:
        if not self.names_total:
            raise SkipTest(f"{self.source_class.title} does not say how many entries there are")


def is_whole(answer: SourceAnswer) -> bool:
    """Return whether all came that every part of an answer promised."""
    return bool(answer.parts) and all(part.received >= part.promised for part in answer.parts)


def names_of(errors: Sequence[type[SourceError]]) -> str:
    """Return the names of error types."""
    return " or ".join(error.__name__ for error in errors)


def require(condition: bool, sentence: str) -> None:
    """Raise AssertionError with that sentence unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def pass_at_once(_: float) -> Awaitable[None]:
    """Wait in name only."""
    return asyncio.sleep(0)
