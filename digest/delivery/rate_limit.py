"""Rate limits: so many messages a second in all, so many to one domain, kept by all senders together.

Time is lent in slices: a bucket in the store is asked once a second and sender, not once a message. Slices of one
bucket never overlap, so many senders together are as slow as one, and a rate outlives a run.

A relay that says "slow down" sets a pace below what the settings allow: it goes down at once with each such reply
(AIMD, as TCP does; half where nothing was accepted since the last one) and slowly up with each accepted message.
"""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import inf
from time import monotonic
from typing import NamedTuple

from sqlalchemy import Engine, func, select
from sqlmodel import Session

from digest.database import insert, is_postgresql, read_session, write_session
from digest.database.models import SharedTokenBucket

SLICE_SECONDS = 1.0  # worth of messages in a slice, and always one
BURST_SECONDS = 0.1  # seconds' worth of messages that may go together after a quiet time, and always one
MAX_DOMAINS = 10_000  # buckets in memory before full ones are dropped
INITIAL_PACE = 20.0  # messages a second after the first "slow down", at least
MIN_PACE, MAX_PACE = 0.1, 1000.0  # a relay that takes the most is not slowed any more
PACE_DECREASE, BLIND_PACE_DECREASE = 0.8, 0.5  # with and without an accepted message since the last one
PACE_INCREASE = 0.02  # messages a second, for each that was accepted


class TokenBucket:
    """At most so many messages a second, spread evenly: a token bucket, kept as the instant at which it will be full.

    Instants are seconds of any clock that never goes back. It is empty until `add_slice` fills it.
    """

    def __init__(self) -> None:
        self._interval = self._burst = 0.0
        self._full_at = self._slice_end = float("-inf")
        self._slice_left = 0

    def add_slice(self, start: float, per_second: float) -> None:
        """Allow the messages of one slice from `start` on.

        What is left when it has been over for as long again is forfeited: it would go beside many slices of others.
        """
        self._interval = 1 / per_second
        self._burst = max(0.0, BURST_SECONDS - self._interval)
        self._slice_left = slice_size(per_second)
        self._slice_end = start + 2 * self._slice_left * self._interval
        self._full_at = max(self._full_at, start + self._burst)

    def drop_slice(self) -> None:
        """Forfeit what is left."""
        self._slice_left = 0

    def needs_slice(self, now: float) -> bool:
        """Return whether a slice has to be reserved before the next message."""
        return self._slice_left < 1 or now > self._slice_end

    def wait(self, now: float) -> float:
        """Return how many seconds the next message has to wait."""
        return BURST_SECONDS if self.needs_slice(now) else max(0.0, self._full_at - self._burst - now)

    def take(self, now: float) -> None:
        """Take the token of one message."""
        self._full_at = max(self._full_at, now) + self._interval
        self._slice_left -= 1

    def is_full(self, now: float) -> bool:
        """Return whether a new bucket would be the same."""
        return self._full_at <= now


class RateSlice(NamedTuple):
    """Slice of a shared bucket: in how many seconds it begins, its rate (0: no limit), and the relay's pace."""

    starts_in: float
    per_second: float
    pace: float | None


class RateLimits:
    """Limits of one sender to one relay, 0 for none. Clocks: seconds that never go back, and the time of the store."""

    def __init__(
        self,
        engine: Engine,
        relay: str,
        per_second: float = 0,
        per_domain: float = 0,
        *,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.per_domain = per_domain
        self.pace: float | None = None
        self._engine, self._relay, self._configured = engine, relay, per_second
        self._clock, self._wall_clock = clock, wall_clock
        self._total = TokenBucket()
        self._domains: dict[str, TokenBucket] = {}
        self._accepted = 0  # since the pace was last written
        self._accepted_since_decrease = False
        self._accepted_at: deque[float] = deque(maxlen=int(MAX_PACE))  # while there is no pace

    @property
    def per_second(self) -> float:
        """Messages a second by settings and pace, 0 for no limit."""
        return min(filter(None, (self._configured, self.pace)), default=0.0)

    @property
    def is_unlimited(self) -> bool:
        """Whether every message may go at once."""
        return not (self.per_second or self.per_domain)

    def load_pace(self) -> None:
        """Take over the pace that an earlier run, or another sender, has found. Raises StoreError."""
        with read_session(self._engine) as session:
            bucket = session.get(SharedTokenBucket, self._relay)
            self.pace = bucket.pace if bucket else None

    def empty_buckets(self, domains: Iterable[str]) -> list[str]:
        """Return the buckets without which nothing may go, by their domain; "" is that of all messages."""
        buckets = {"": self._total} if self.per_second else {}
        if self.per_domain:
            buckets |= {domain: self._domain_bucket(domain) for domain in domains}
        now = self._clock()
        return [domain for domain, bucket in buckets.items() if bucket.needs_slice(now)]

    def fill(self, domain: str) -> None:
        """Reserve the next slice of a bucket. Raises StoreError."""
        if domain:
            is_shared = is_postgresql(self._engine)  # SQLite has one sender at a time
            name = f"{self._relay} {domain}"
            starts_in = self._reserve(name, self.per_domain).starts_in if is_shared else 0.0
            self._domain_bucket(domain).add_slice(self._clock() + starts_in, self.per_domain)
            return
        lent = self._reserve(self._relay, self._configured, self._accepted)
        self.pace, self._accepted = lent.pace, 0
        if lent.per_second:
            self._total.add_slice(self._clock() + lent.starts_in, lent.per_second)

    def wait(self, domain: str) -> float:
        """Return how many seconds a message to `domain` has to wait."""
        now = self._clock()
        total = self._total.wait(now) if self.per_second else 0.0
        return max(total, self._domain_bucket(domain).wait(now) if self.per_domain else 0.0)

    def is_held(self, domain: str) -> bool:
        """Return whether a message has to wait because of others to its domain."""
        bucket, now = self._domains.get(domain), self._clock()
        return bool(bucket and not bucket.needs_slice(now) and bucket.wait(now))

    def take(self, domain: str) -> None:
        """Take the tokens of one message to `domain`."""
        now = self._clock()
        if self.per_second:
            self._total.take(now)
        if self.per_domain:
            self._domain_bucket(domain).take(now)

    def speed_up(self) -> None:
        """Note that the relay has accepted a message."""
        self._accepted_since_decrease = True
        if self.pace is None:
            self._accepted_at.append(self._clock())
        else:
            self._accepted += 1

    def slow_down(self, left_at: float | None) -> bool:
        """Slow down all senders: a message that left at the pace `left_at` was too early.

        Return whether that is news: replies to what left before the last decrease are not. Raises StoreError.
        """
        if (left_at or inf) > (self.pace or inf):
            return False
        # The first time it is what the relay took in the last second, if that was much.
        first_pace = max(INITIAL_PACE, sum(self._clock() - instant < 1 for instant in self._accepted_at))
        factor = PACE_DECREASE if self._accepted_since_decrease else BLIND_PACE_DECREASE
        with write_session(self._engine) as session:
            bucket, now = lock_bucket(session, self._relay, self._wall_clock)
            paces = filter(None, (bucket.pace, left_at and left_at * factor))  # another sender may have been told first
            self.pace = bucket.pace = max(MIN_PACE, min(paces, default=first_pace))
            bucket.available_at = max(bucket.available_at, now + timedelta(seconds=1 / self.pace))
        self._accepted, self._accepted_since_decrease = 0, False
        self._total.drop_slice()
        return True

    def _reserve(self, name: str, per_second: float, accepted: int = 0) -> RateSlice:
        with write_session(self._engine) as session:
            bucket, now = lock_bucket(session, name, self._wall_clock)
            if bucket.pace:
                pace = bucket.pace + PACE_INCREASE * accepted
                bucket.pace = pace if pace < MAX_PACE else None
            rate = min(filter(None, (per_second, bucket.pace)), default=0.0)
            start = max(bucket.available_at, now)
            if rate:
                bucket.available_at = start + timedelta(seconds=slice_size(rate) / rate)
            return RateSlice((start - now).total_seconds(), rate, bucket.pace)

    def _domain_bucket(self, domain: str) -> TokenBucket:
        if domain not in self._domains:
            if len(self._domains) >= MAX_DOMAINS:
                now = self._clock()
                self._domains = {name: bucket for name, bucket in self._domains.items() if not bucket.is_full(now)}
            self._domains[domain] = TokenBucket()
        return self._domains[domain]


def slice_size(per_second: float) -> int:
    """Return how many messages a slice allows."""
    return max(1, int(per_second * SLICE_SECONDS))


def lock_bucket(
    session: Session, name: str, wall_clock: Callable[[], datetime] | None
) -> tuple[SharedTokenBucket, datetime]:
    """Return a bucket, made if it is new, and the time: the server's where many machines may share it."""
    new = insert(session, SharedTokenBucket).values(name=name, available_at=datetime.fromtimestamp(0, UTC))
    session.execute(new.on_conflict_do_nothing())
    bucket = session.get_one(SharedTokenBucket, name, with_for_update=True)
    if wall_clock is None and is_postgresql(session):
        return bucket, session.scalars(select(func.clock_timestamp())).one()
    return bucket, wall_clock() if wall_clock else datetime.now(UTC)
