"""What an operator looks at: the pages at /operator, /metrics and /healthz all read it here.

    window.py    where the rows of the last days begin, without an index of time
    kept.py      what was found is kept for a moment
    letters.py   letters by day, and the queue
    sources.py   readings by day, and when a source last answered
    readers.py   readers today, and how many there were
    late.py      a round that is overdue
    today.py     today's round, as it goes
    rounds.py    the round of any day, for the command line
    needs.py     what a person must look at
    health.py    whether the service does its work
    figures.py   all numbers that are measured

Nothing here changes anything. Days are those of UTC.
"""

from datetime import datetime, timedelta

from digest.house import House
from digest.watch.figures import Figures, figures
from digest.watch.health import Health, health
from digest.watch.kept import Kept
from digest.watch.late import Late
from digest.watch.month import DAYS, Month, month
from digest.watch.needs import Need, needs
from digest.watch.today import Today, today

__all__ = ["DAYS", "Figures", "Health", "Month", "Need", "Today", "Watch"]


class Watch:
    """One of these a process. Any number of threads may ask; each thing is found out by one of them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._late = Late(timedelta(minutes=house.settings.overdue_minutes))
        self._health: Kept[Health] = Kept(seconds=5)
        self._today: Kept[Today] = Kept(seconds=2)
        self._figures: Kept[Figures] = Kept(seconds=10)
        self._needs: Kept[list[Need]] = Kept(seconds=10)
        self._month: Kept[Month] = Kept(seconds=60)

    def health(self, now: datetime) -> Health:
        """Whether the service does its work; the store's faults are an answer, not an error."""
        return self._health.get(now, lambda: health(self._house, self._late, now))

    def today(self, now: datetime) -> Today:
        """Today's round. Raises StoreError, as do the others."""
        return self._today.get(now, lambda: today(self._house, now))

    def figures(self, now: datetime) -> Figures:
        """All numbers that are measured; only the health of a store that cannot be asked."""
        known = self.health(now)
        if not known.fits:
            return Figures(at=now, health=known)
        return self._figures.get(now, lambda: figures(self._house, self.month(now), known, now))

    def month(self, now: datetime) -> Month:
        """The last 30 days."""
        return self._month.get(now, lambda: month(self._house.engine, now))

    def needs(self, now: datetime) -> list[Need]:
        """What a person must look at, the most urgent first."""
        known = self.health(now)
        asked = self.month(now) if known.fits else None
        return self._needs.get(now, lambda: needs(self._house, asked, known, now))

    def changed(self) -> None:
        """Somebody has just decided something: the next look is a new one."""
        for each in (self._today, self._needs, self._month, self._figures):
            each.forget()
