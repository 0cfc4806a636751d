"""The contract passes for a sound source of a third party, and fails for one with any fault that it speaks of."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import count
from typing import Any, ClassVar

import pytest

from digest.errors import SourceError
from digest.identifiers import Identifier
from digest.sources import AnswerPart, ListedPaper, SourceAnswer
from digest.sources.testing import SourceContract
from tests.packages.lab.digest_lab import LabSource
from tests.support.lab import LabContract

TESTS = [name for name in vars(SourceContract) if name.startswith("test_")]


class TestLab(LabContract):
    """The sound one."""


class UnnamedSource(LabSource):
    name = "The Lab"


class RestlessSource(LabSource):
    numbers: ClassVar[Iterator[int]] = count()

    def parse(self, entry: Any, day: date, rank: int) -> ListedPaper | None:
        paper = super().parse(entry, day, rank)
        return paper and replace(paper, identifiers=(), doi=f"10.5555/{next(self.numbers)}")


class HopefulSource(LabSource):
    """Takes a fault for a day without papers."""

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        try:
            return await super().fetch(day, now)
        except SourceError:
            return SourceAnswer(endpoint="api", parts=(AnswerPart(0, 0),))


class CarelessSource(LabSource):
    """Takes what came for all."""

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        answer = await super().fetch(day, now)
        return replace(answer, parts=tuple(replace(part, promised=part.received) for part in answer.parts))


class DelicateSource(LabSource):
    """Gives up over one entry."""

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        answer = await super().fetch(day, now)
        return replace(answer, papers=()) if any(part.unreadable for part in answer.parts) else answer


class VerbatimSource(LabSource):
    """Takes texts as they come."""

    def parse(self, entry: Any, day: date, rank: int) -> ListedPaper | None:
        paper = super().parse(entry, day, rank)
        return paper and replace(paper, title=entry["title"], authors=tuple(entry.get("authors", ())))


class ShoutingSource(LabSource):
    def parse(self, entry: Any, day: date, rank: int) -> ListedPaper | None:
        paper = super().parse(entry, day, rank)
        return paper and replace(paper, identifiers=(Identifier("doi", paper.doi or ""), Identifier("doi", "10.1/ABC")))


class StrayingSource(LabSource):
    """Asks a host that it does not name."""

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        if "127.0.0.1" not in self._settings.url:
            await self._client.get("https://tracker.example/papers?start=0")
        return await super().fetch(day, now)


@pytest.mark.parametrize(
    ("source", "failing"),
    [
        (UnnamedSource, "test_attributes"),
        (RestlessSource, "test_repeated_fetch"),
        (HopefulSource, "test_host_errors"),
        (CarelessSource, "test_list_shorter_than_total"),
        (CarelessSource, "test_incomplete_list"),
        (DelicateSource, "test_invalid_entry"),
        (VerbatimSource, "test_text_limits"),
        (VerbatimSource, "no_markup"),
        (VerbatimSource, "test_recorded_responses"),
        (ShoutingSource, "test_normal_identifiers"),
        (StrayingSource, "test_request_hosts_and_rate"),
    ],
)
def test_a_source_with_a_fault_fails_its_contract(source: type[LabSource], failing: str) -> None:
    class Contract(LabContract):
        source_class = source

    (name,) = [name for name in TESTS if failing in name]
    with pytest.raises(AssertionError):
        getattr(Contract(), name)()


def test_a_source_that_does_not_wait_fails_its_contract() -> None:
    class Impatient(LabContract):
        async def fetch(self, source: Any) -> SourceAnswer:
            source._client._throttle._gaps.clear()
            return await super().fetch(source)

    with pytest.raises(AssertionError, match=re.escape("asked again after 1.00 s, not 2.0 s")):
        Impatient().test_request_hosts_and_rate()
