"""All numbers that are measured, for whoever draws curves of them."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from digest import db
from digest.house import House
from digest.models import DeliveryState
from digest.watch import letters, readers, sources
from digest.watch.health import Health
from digest.watch.month import Month
from digest.watch.sources import Last, Looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`letters` by kind and state, `looks` by source and `came_back` by verdict are today's (UTC)."""

    at: datetime
    health: Health
    seconds: float = 0.0
    letters: Mapping[tuple[str, str], int] = field(default_factory=dict)
    uncertain: int = 0
    failed_ratio: float = 0.0
    readers: Mapping[str, int] = field(default_factory=dict)
    looks: Mapping[str, Looks] = field(default_factory=dict)
    last: Mapping[str, Last] = field(default_factory=dict)
    came_back: Mapping[str, int] = field(default_factory=dict)
    disk_free: int | None = None


def figures(house: House, month: Month, health: Health, now: datetime) -> Figures:
    """Measure. Raises StoreError."""
    begun = time.monotonic()
    with db.reading(house.engine) as session:
        return Figures(
            at=now,
            health=health,
            letters=letters.today_by_kind(session, now),
            uncertain=month.count(DeliveryState.UNCERTAIN),
            failed_ratio=month.failed_ratio,
            readers=readers.by_status(session),
            looks=sources.today(session, now),
            last=sources.last(session),
            came_back=letters.came_back_today(session, now),
            disk_free=shutil.disk_usage(house.settings.home).free if house.settings.embedded else None,
            seconds=time.monotonic() - begun,
        )
