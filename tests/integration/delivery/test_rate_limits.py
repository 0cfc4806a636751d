"""Rates and the pace of a relay, kept by all senders of a store, by clocks that the test turns."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.delivery.rate_limit import INITIAL_PACE, MAX_DOMAINS, MAX_PACE, MIN_PACE, PACE_INCREASE, RateLimits
from tests.support.factories import NOW

THROTTLED_EMAILS, THROTTLED_RATE = 400, 14.0


class Time:
    """Seconds since the test began."""

    seconds = 0.0

    def limits(self, store: Engine, per_second: float = 0, per_domain: float = 0) -> RateLimits:
        return RateLimits(
            store,
            "relay:25",
            per_second,
            per_domain,
            clock=lambda: self.seconds,
            wall_clock=lambda: NOW + timedelta(seconds=self.seconds),
        )


def may_go(limits: RateLimits, domain: str = "a.test") -> bool:
    for bucket in limits.empty_buckets([domain]):
        limits.fill(bucket)
    return not limits.wait(domain)


def taken(time: Time, senders: list[RateLimits], domains: list[str], seconds: float, step: float) -> list[str]:
    """Domains of the messages that leave within so many seconds when all senders always want to."""
    got = []
    for _ in range(round(seconds / step)):
        for limits in senders:
            for domain in domains:
                while may_go(limits, domain):
                    limits.take(domain)
                    got.append(domain)
        time.seconds += step
    return got


@pytest.mark.parametrize("rate", [0.5, 3, 400])
def test_many_senders_together_keep_the_rate(store: Engine, rate: float) -> None:
    time = Time()
    seconds = max(5, 4 / rate)
    got = len(taken(time, [time.limits(store, rate) for _ in range(3)], ["a.test"], seconds, 0.05 / max(1, rate / 20)))
    assert 0.9 * rate * seconds - 1 <= got <= rate * seconds + max(1, rate / 10)


def test_a_rate_outlives_a_run(store: Engine) -> None:
    time = Time()
    hourly = 6 / 3600
    sent = 0
    for _ in range(60):  # a run a minute, for an hour
        limits = time.limits(store, hourly)
        while may_go(limits):
            limits.take("a.test")
            sent += 1
        time.seconds += 60
    assert sent <= 6


def test_each_domain_has_a_rate_of_its_own_beneath_that_of_all(store: Engine) -> None:
    time = Time()
    got = taken(time, [time.limits(store, 12, 5)], ["a.test", "b.test", "c.test"], 10, 0.05)
    assert 95 <= len(got) <= 122
    assert all(got.count(domain) <= 51 for domain in ("a.test", "b.test", "c.test"))


def test_a_pace_grows_with_what_is_accepted_until_it_is_none(sqlite_store: Engine) -> None:
    time = Time()
    limits = time.limits(sqlite_store)
    assert limits.slow_down(None)
    assert limits.pace == INITIAL_PACE
    assert not limits.slow_down(INITIAL_PACE + 1)  # it left before the pace went down
    for accepted, expected in ((3, INITIAL_PACE + 3 * PACE_INCREASE), (0, INITIAL_PACE + 3 * PACE_INCREASE)):
        for _ in range(accepted):
            limits.speed_up()
        limits.fill("")
        assert limits.pace == expected
        again = time.limits(sqlite_store)
        again.load_pace()
        assert again.pace == expected
    for _ in range(round(MAX_PACE / PACE_INCREASE)):
        limits.speed_up()
    limits.fill("")
    assert limits.is_unlimited


def test_without_a_limit_nothing_waits_and_the_store_is_not_queried(store: Engine) -> None:
    limits = Time().limits(store)
    assert not limits.empty_buckets(["a.test"])
    assert limits.wait("a.test") == 0
    assert limits.is_unlimited


def test_domains_at_rest_are_forgotten_and_busy_ones_are_not(sqlite_store: Engine) -> None:
    time = Time()
    limits = time.limits(sqlite_store, 0, 1)
    for number in range(MAX_DOMAINS - 1):
        assert may_go(limits, f"{number}.test")
        limits.take(f"{number}.test")
    time.seconds = 100
    assert may_go(limits, "busy.test")
    limits.take("busy.test")
    may_go(limits, "new.test")
    assert not may_go(limits, "busy.test")
    assert len(limits._domains) == 2


def test_a_relay_that_says_slow_down_is_believed_by_all_senders_and_remembered(store: Engine) -> None:
    time = Time()
    one, other = time.limits(store), time.limits(store)
    assert one.slow_down(None)
    assert not one.slow_down(None)  # one that left before
    assert (one.pace, one.is_unlimited) == (INITIAL_PACE, False)
    assert other.slow_down(None)
    assert other.pace == INITIAL_PACE  # it was told the same thing, not one more
    assert one.slow_down(INITIAL_PACE)
    assert one.pace == INITIAL_PACE / 2  # nothing was accepted since
    one.speed_up()
    assert one.slow_down(INITIAL_PACE / 2)
    assert one.pace == pytest.approx(0.8 * INITIAL_PACE / 2)
    later = time.limits(store)
    later.load_pace()
    assert later.pace == one.pace


def test_the_pace_has_a_floor_and_ends_when_the_relay_takes_the_most(store: Engine) -> None:
    time = Time()
    limits = time.limits(store)
    limits.slow_down(None)
    while limits.slow_down(limits.pace) and limits.pace != MIN_PACE:
        pass
    assert limits.pace == MIN_PACE
    for _ in range(100_000):
        limits.speed_up()
    time.seconds += 60
    limits.fill("")
    assert limits.is_unlimited


def test_after_a_slow_down_the_next_message_waits_for_the_new_pace(store: Engine) -> None:
    time = Time()
    limits = time.limits(store)
    limits.slow_down(None)
    assert limits.empty_buckets(["a.test"]) == [""]
    limits.fill("")
    assert limits.wait("a.test") == pytest.approx(1 / INITIAL_PACE)
    limits.take("a.test")
    assert limits.slow_down(INITIAL_PACE)
    assert limits.empty_buckets(["a.test"]) == [""], "what is left of the slice is forfeited"


def test_the_first_pace_is_what_the_relay_took_in_the_last_second(store: Engine) -> None:
    time = Time()
    limits = time.limits(store)
    for instant, count in ((0.0, 70), (9.0, 5), (9.5, 40)):
        time.seconds = instant
        for _ in range(count):
            limits.speed_up()
    time.seconds = 10.0
    assert limits.slow_down(None)
    assert limits.pace == 40


def test_each_accepted_message_raises_the_pace_a_little(store: Engine) -> None:
    time = Time()
    limits = time.limits(store)
    limits.slow_down(None)
    for _ in range(100):
        limits.speed_up()
    limits.fill("")
    assert limits.pace == pytest.approx(INITIAL_PACE + 100 * PACE_INCREASE)
    limits.fill("")
    assert limits.pace == pytest.approx(INITIAL_PACE + 100 * PACE_INCREASE), "each counts once"


def test_the_lower_of_rate_and_pace_holds(store: Engine) -> None:
    slow, quick = Time().limits(store, 5), Time().limits(store, 500)
    assert (slow.per_second, quick.per_second, slow.is_unlimited) == (5, 500, False)
    quick.slow_down(None)
    slow.load_pace()
    assert (slow.per_second, quick.per_second) == (5, INITIAL_PACE)


def test_a_domain_is_held_until_its_next_message_may_leave(store: Engine) -> None:
    time = Time()
    limits = time.limits(store, 0, 2)
    assert not limits.is_held("a.test")
    assert may_go(limits)
    limits.take("a.test")
    assert (limits.is_held("a.test"), limits.is_held("b.test")) == (True, False)
    time.seconds = 0.5
    assert not limits.is_held("a.test")
    assert limits.empty_buckets(["a.test", "b.test"]) == ["b.test"]


@dataclass
class Drain:
    """How long a list took, and what it cost."""

    seconds: float = 0.0
    refused: int = 0
    logins: int = 0


def drain(store: Engine, senders: int, connections: int, *, closes: bool) -> Drain:
    """Send a list to a relay that takes 14 messages a second, each over a connection that is busy for 50 ms."""
    time, result = Time(), Drain()
    on_wire: list[tuple[float, int, float | None, bool]] = []
    limits = [time.limits(store) for _ in range(senders)]
    waiting, idle, is_open = [THROTTLED_EMAILS // senders] * senders, [connections] * senders, [0] * senders
    tokens, counted_at = THROTTLED_RATE, 0.0
    while sum(waiting) or on_wire:
        for number, limit in enumerate(limits):
            while waiting[number] and idle[number] and may_go(limit):
                limit.take("a.test")
                tokens = min(THROTTLED_RATE, tokens + (time.seconds - counted_at) * THROTTLED_RATE)
                counted_at = time.seconds
                is_accepted = tokens >= 1
                tokens -= is_accepted
                if not is_open[number]:
                    result.logins += 1
                    is_open[number] += 1
                is_open[number] -= 1
                waiting[number] -= 1
                idle[number] -= 1
                on_wire.append((time.seconds + 0.05, number, limit.pace, is_accepted))
        time.seconds = min([end for end, *_ in on_wire] + [time.seconds + 0.01])
        for answer in [answer for answer in on_wire if answer[0] <= time.seconds]:
            on_wire.remove(answer)
            _, number, pace, is_accepted = answer
            idle[number] += 1
            is_open[number] += is_accepted or not closes
            if is_accepted:
                limits[number].speed_up()
            else:
                limits[number].slow_down(pace)
                result.refused += 1
                waiting[number] += 1
    result.seconds = time.seconds
    return result


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize(("senders", "connections"), [(1, 4), (4, 1)])
def test_a_throttled_list_drains_nearly_as_fast_as_the_relay_allows(
    store: Engine, senders: int, connections: int, *, closes: bool
) -> None:
    result = drain(store, senders, connections, closes=closes)
    assert result.seconds < 1.5 * THROTTLED_EMAILS / THROTTLED_RATE
    assert result.logins < 20
    assert result.refused < 20
