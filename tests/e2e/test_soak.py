"""The short form of `make soak`: some days by a fixed clock, nothing doubled, nothing lost."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.soak.simulation import DayReport, Soak, find_faults, find_growth


def test_in_two_weeks_of_papers_bounces_and_leaving_nothing_is_doubled_or_lost(tmp_path: Path) -> None:
    soak = Soak(tmp_path, seed=3, subscribers=6)
    reports = list(soak.run(13))
    assert find_faults(soak) == []
    assert len(reports) == 13
    assert reports[-1].emails > 40
    # What the count must see:
    member = next(member for member in soak.members.values() if member.received and not member.has_left)
    paper = next(iter(member.received))
    member.received[paper] += 1
    assert [fault.partition(" ")[2] for fault in find_faults(soak)] == [f"got {paper} 2 times"]
    member.received = Counter({other: 1 for other in member.received if other != paper})
    assert [fault.partition(" ")[2] for fault in find_faults(soak)] == [f"never got {paper}"]


def test_growth_without_bound_is_found() -> None:
    days = [
        DayReport(day, emails=9 * day, resident_bytes=150 << 20, store_bytes=day * 30_000, rows=400)
        for day in range(1, 201)
    ]
    assert find_growth(days) == []
    assert find_growth([replace(day, resident_bytes=(100 + day.day) << 20) for day in days]) == [
        "memory grew by 50 MB in the last 50 days"
    ]
    assert "rows that pruning bounds" in find_growth([replace(day, rows=9 * day.day) for day in days])[0]
    assert "faster and faster" in find_growth([replace(day, store_bytes=day.day**3) for day in days])[0]
