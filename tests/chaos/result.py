"""How large a run is, and what it came to."""

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.count import Verdict


@dataclass(frozen=True, slots=True)
class RunSize:
    """How much of it. `others`: events beside the kills, for each of these."""

    emails: int
    kills: int
    rate: float = 1.0
    others: float = 0.35
    plain: bool = False  # nothing that only root may do: no small disk, no networks


@dataclass(slots=True)
class RunResult:
    """What a run came to."""

    seed: int
    store: str
    emails: int
    kills: int = 0
    seconds: float = 0.0
    verdict: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    struck: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def verdict_fields(verdict: Verdict) -> dict[str, Any]:
    """For JSON."""
    counts = {"uncertain": verdict.uncertain, "states": dict(verdict.states), "why": dict(verdict.why)}
    return {name: getattr(verdict, name) for name in Verdict.__slots__} | counts
