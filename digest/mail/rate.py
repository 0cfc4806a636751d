"""How fast letters may leave: so many a second in all, so many to one domain. Time is an argument: seconds of any
clock that only goes forward.
"""

from collections.abc import Iterable

AT_ONCE = 0.1  # seconds' worth of letters that may go together after a quiet time, and always one
KNOWN = 10_000  # domains before those that rest are forgotten


class Rate:
    """At most `per_second`, spread evenly: a token bucket, kept as the instant at which it would be full again.

    One that is shared with other senders goes only in slices: see `lend`.
    """

    def __init__(self, per_second: float, *, shared: bool = False) -> None:
        self._gap = 1 / per_second
        self._slack = max(0.0, AT_ONCE - self._gap)
        self._full_at = float("-inf")
        self._until = float("-inf") if shared else float("inf")
        self._left = 0.0 if shared else float("inf")
        self.slice = max(1.0, per_second)  # letters lent at a time: those of a second

    @property
    def seconds(self) -> float:
        """How long a slice lasts."""
        return self.slice * self._gap

    def lend(self, starts: float) -> None:
        """The letters of one slice may go from `starts` on. What has not gone when it is over is forfeited, lest it
        go beside the next slices.
        """
        self._left, self._until = self.slice, starts + self.seconds + AT_ONCE
        self._full_at = max(self._full_at, starts + self._slack)

    def lacks(self, now: float) -> bool:
        """A slice is wanted before anything may go."""
        return self._left < 1 or now > self._until

    def wait(self, now: float) -> float:
        """Seconds until the next letter may go; 0 when it may go at once."""
        return AT_ONCE if self.lacks(now) else max(0.0, self._full_at - self._slack - now)

    def take(self, now: float) -> None:
        """One letter goes."""
        self._full_at = max(self._full_at, now) + self._gap
        self._left -= 1

    def rests(self, now: float) -> bool:
        """Nothing went lately: a new one would be the same."""
        return self._full_at <= now


class Pace:
    """Both limits of a sender; 0 is none. `shared`: other senders keep them with us."""

    def __init__(self, in_all: float = 0, a_domain: float = 0, *, shared: bool = False) -> None:
        self._shared = shared
        self._in_all = Rate(in_all, shared=shared) if in_all else None
        self.a_domain = a_domain
        self._domains: dict[str, Rate] = {}

    @property
    def free(self) -> bool:
        """Nothing limits it."""
        return not (self._in_all or self.a_domain)

    def lacking(self, domains: Iterable[str], now: float) -> list[tuple[str, Rate]]:
        """The rates that want a slice before letters to `domains` may go: the one of all letters is named ""."""
        if not self._shared:
            return []
        asked = [("", self._in_all)] if self._in_all else []
        asked += [(domain, self._domain(domain, now)) for domain in domains] if self.a_domain else []
        return [(name, rate) for name, rate in asked if rate.lacks(now)]

    def wait(self, now: float) -> float:
        """Seconds until any letter may go."""
        return self._in_all.wait(now) if self._in_all else 0.0

    def wait_for(self, domain: str, now: float) -> float:
        """Seconds until a letter to `domain` may go as far as that domain is concerned."""
        known = self._domains.get(domain)
        return known.wait(now) if known else 0.0

    def take(self, domain: str, now: float) -> None:
        """One letter to `domain` goes."""
        if self._in_all:
            self._in_all.take(now)
        if self.a_domain:
            self._domain(domain, now).take(now)

    def _domain(self, domain: str, now: float) -> Rate:
        if domain not in self._domains:
            if len(self._domains) >= KNOWN:
                self._domains = {name: rate for name, rate in self._domains.items() if not rate.rests(now)}
            self._domains[domain] = Rate(self.a_domain, shared=self._shared)
        return self._domains[domain]
