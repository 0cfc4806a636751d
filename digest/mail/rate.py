"""How fast letters may leave: so many a second in all, so many to one domain. Time is an argument: seconds of any
clock that only goes forward.
"""

AT_ONCE = 0.1  # seconds' worth of letters that may go together after a quiet time, and always one
KNOWN = 10_000  # domains before those that rest are forgotten


class Rate:
    """At most `per_second`, spread evenly: a token bucket, kept as the instant at which it would be full again."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._slack = max(0.0, AT_ONCE - self._gap)
        self._full_at = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until the next letter may go; 0 when it may go at once."""
        return max(0.0, self._full_at - self._slack - now)

    def take(self, now: float) -> None:
        """One letter goes."""
        self._full_at = max(self._full_at, now) + self._gap

    def rests(self, now: float) -> bool:
        """Nothing went lately: a new one would be the same."""
        return self._full_at <= now


class Pace:
    """Both limits of a sender; 0 is none."""

    def __init__(self, in_all: float = 0, a_domain: float = 0) -> None:
        self._in_all = Rate(in_all) if in_all else None
        self.a_domain = a_domain
        self._domains: dict[str, Rate] = {}

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
        if not self.a_domain:
            return
        if domain not in self._domains:
            if len(self._domains) >= KNOWN:
                self._domains = {name: rate for name, rate in self._domains.items() if not rate.rests(now)}
            self._domains[domain] = Rate(self.a_domain)
        self._domains[domain].take(now)
