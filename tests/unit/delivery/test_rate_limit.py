"""How fast messages of one bucket may leave, by a clock that the test turns."""

import pytest

from digest.delivery.rate_limit import BURST_SECONDS, TokenBucket, slice_size
from digest.delivery.send_queue import CLAIM_BATCH, claim_batch_size


def test_after_a_rest_a_tenth_of_a_second_goes_at_once() -> None:
    bucket = TokenBucket()
    bucket.add_slice(0.0, 20)
    for now, burst in ((0.0, 1), (0.9, 2)):  # not at the beginning: the slice before may be somebody else's
        sent = 0
        while not bucket.wait(now):
            bucket.take(now)
            sent += 1
        assert sent == burst
        assert bucket.wait(now) == pytest.approx(0.05)


def test_what_was_not_sent_in_its_slice_is_forfeited() -> None:
    bucket = TokenBucket()
    assert bucket.needs_slice(0.0)
    bucket.add_slice(0.0, 10)
    assert not bucket.needs_slice(1.9)
    assert bucket.needs_slice(2.1)
    bucket.add_slice(3.0, 10)
    bucket.drop_slice()
    assert bucket.needs_slice(3.0)


def test_messages_of_a_slice_are_spread_evenly() -> None:
    bucket = TokenBucket()
    bucket.add_slice(5.0, 5)
    assert (bucket.wait(4.0), bucket.wait(5.0)) == (1.0, 0.0)
    bucket.take(5.0)
    assert [bucket.wait(5.0), bucket.wait(5.2)] == pytest.approx([0.2, 0.0])
    assert [bucket.is_full(5.0), bucket.is_full(5.2)] == [False, True]
    for _ in range(4):
        assert not bucket.needs_slice(5.2)
        bucket.take(5.2)
    assert (bucket.needs_slice(5.2), bucket.wait(5.2)) == (True, BURST_SECONDS)


def test_a_slice_is_worth_a_second_and_one_message_at_least() -> None:
    assert [slice_size(rate) for rate in (0.1, 1, 2.5, 14)] == [1, 1, 2, 14]


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
