"""How fast letters may leave, by a clock that the test turns."""

import pytest

from digest.delivery.rate_limit import MAX_DOMAINS, RateLimits, TokenBucket
from digest.delivery.send_queue import CLAIM_BATCH, claim_batch_size


def taken(pace: RateLimits, domains: list[str], seconds: float, step: float = 0.01) -> list[str]:
    """Who gets a letter within so many seconds when each domain always wants one."""
    got = []
    for tick in range(round(seconds / step)):
        now = 1000 + tick * step
        for domain in domains:
            while not pace.wait(domain, now):
                pace.take(domain, now)
                got.append(domain)
                if len(got) > 100_000:
                    return got
    return got


@pytest.mark.parametrize("rate", [0.5, 1, 3, 40, 2000])
def test_in_any_time_at_most_the_rate_and_a_tenth_of_a_second_go(rate: float) -> None:
    got = len(taken(RateLimits(rate), ["a.test"], 20))
    assert 20 * rate - 1 <= got <= 20 * rate + max(1, rate / 10)


def test_after_a_long_rest_no_more_go_at_once_than_ever() -> None:
    rate = TokenBucket(20)
    for now in (0.0, 1e6):
        sent = 0
        while not rate.wait(now):
            rate.take(now)
            sent += 1
        assert sent == 2
        assert rate.wait(now) == pytest.approx(0.05)


def test_each_domain_has_a_rate_of_its_own_beneath_that_of_all() -> None:
    got = taken(RateLimits(12, 5), ["a.test", "b.test", "c.test"], 10)
    assert 119 <= len(got) <= 122
    assert all(got.count(domain) <= 51 for domain in ("a.test", "b.test", "c.test"))
    alone = taken(RateLimits(0, 5), ["a.test", "b.test"], 10)
    assert [alone.count("a.test"), alone.count("b.test")] == [pytest.approx(50, abs=1)] * 2


def test_without_a_limit_nothing_waits_and_nothing_is_kept() -> None:
    pace = RateLimits()
    for number in range(100):
        pace.take(f"{number}.test", 5)
    assert pace.wait("7.test", 5) == 0
    assert not pace._domains


def test_domains_at_rest_are_forgotten_and_busy_ones_are_not() -> None:
    pace = RateLimits(0, 1)
    for number in range(MAX_DOMAINS - 1):
        pace.take(f"{number}.test", 0)
    pace.take("busy.test", 100)
    pace.take("new.test", 100)
    assert len(pace._domains) == 2
    assert pace.wait("busy.test", 100) == pytest.approx(1)


def test_a_slow_rate_claims_only_the_next_seconds() -> None:
    assert (
        claim_batch_size(0, 0),
        claim_batch_size(1000, 0),
        claim_batch_size(3, 0),
        claim_batch_size(0, 1),
        claim_batch_size(10, 0.5),
        claim_batch_size(0.1, 0),
    ) == (
        CLAIM_BATCH,
        CLAIM_BATCH,
        15,
        5,
        3,
        1,
    )
