"""What an answer of the relay means for an email."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from digest.database.models import DeliveryState
from digest.delivery.retry import (
    INITIAL_BACKOFF,
    MAX_BACKOFF,
    DeliveryOutcome,
    backoff,
    outcome_from_error,
)
from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    RelayUnavailableError,
    SmtpStep,
    TemporaryDeliveryError,
    UncertainDeliveryError,
)
from digest.mail import replies

NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)


def meaning(error: DeliveryError, attempts: int = 1) -> DeliveryOutcome:
    return outcome_from_error(error, attempts=attempts, now=NOW, rng=random.Random(1))


@pytest.mark.parametrize("error", [RelayUnavailableError("no answer"), RelayRefusedError("no", code=535)])
def test_what_the_relay_says_of_us_costs_the_email_nothing(error: DeliveryError) -> None:
    assert meaning(error) == DeliveryOutcome(DeliveryState.QUEUED, error.code, str(error), counts_as_attempt=False)


def test_what_may_be_otherwise_later_is_tried_again() -> None:
    outcome = meaning(TemporaryDeliveryError("4.2.0 later", code=451))
    assert (outcome.state, outcome.code, outcome.suppress, outcome.counts_as_attempt) == (
        DeliveryState.QUEUED,
        451,
        False,
        True,
    )
    assert outcome.retry_at is not None
    assert timedelta(minutes=3, seconds=45) <= outcome.retry_at - NOW <= timedelta(minutes=6, seconds=15)


def test_a_refusal_is_final_and_silence_after_the_dot_is_uncertain() -> None:
    assert meaning(PermanentDeliveryError("5.6.0 no", code=554)) == DeliveryOutcome(
        DeliveryState.FAILED, 554, "5.6.0 no"
    )
    assert meaning(UncertainDeliveryError("no answer")) == DeliveryOutcome(DeliveryState.UNCERTAIN, 0, "no answer")


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (550, "5.1.1 <a@example.org>: Recipient address rejected: User unknown"),
        (550, "5.1.10 no mail server there"),
        (550, "5.2.1 mailbox disabled"),
        (550, "#5.1.0 Address rejected."),
        (550, "5.1.1 The account does not exist.\n5.1.1 Look for typos."),
        (550, "No such user here"),
        (551, "User not local"),
        (553, "mailbox name not allowed"),
        (0, "this address cannot be written"),
    ],
)
def test_a_refused_address_ends_its_subscription(code: int, reply: str) -> None:
    assert meaning(PermanentDeliveryError(reply, code=code, step=SmtpStep.RCPT)).suppress


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (550, "5.1.8 <us@example.org>: Sender address rejected: Domain not found"),
        (553, "5.1.7 bad sender address"),
        (550, "5.7.1 blocked by policy, see 5.1.1 of our rules"),
        (550, "#5.7.1 blocked"),
        (554, "5.7.1 Relay access denied"),
        (552, "5.2.2 mailbox full"),
        (552, "mailbox full"),
        (554, "transaction failed"),
        (503, "bad sequence of commands"),
        (550, "5.3.0 other"),
        (550, "5.4.1 no route"),
    ],
)
def test_a_refusal_that_is_about_us_ends_nobodys_subscription(code: int, reply: str) -> None:
    assert not meaning(PermanentDeliveryError(reply, code=code, step=SmtpStep.RCPT)).suppress


def test_numbers_of_a_host_are_no_enhanced_code() -> None:
    assert meaning(PermanentDeliveryError("5.188.1.2 says: no such user", code=550, step=SmtpStep.RCPT)).suppress


def test_waits_double_up_to_eight_hours_and_spread() -> None:
    dice = random.Random(7)
    for attempts in (1, 2, 3, 7, 8, 50, 10_000):
        usual = min(INITIAL_BACKOFF * 2 ** min(attempts - 1, 20), MAX_BACKOFF)
        waits = [backoff(attempts, dice) for _ in range(200)]
        assert usual * 0.75 <= min(waits) < usual * 0.85
        assert usual * 1.15 < max(waits) <= usual * 1.25


def test_an_email_that_was_never_counted_waits_like_a_first_one() -> None:
    assert backoff(0, random.Random(1)) == backoff(1, random.Random(1))


def test_the_record_keeps_no_address_no_line_breaks_and_nothing_that_is_no_text() -> None:
    odd = b"5.1.1 <ada@example.org>:\r\nno\xe9\x00 such\tuser".decode("utf-8", "surrogateescape")
    assert replies.redact_addresses(odd) == "5.1.1 (address) no such user"
    assert len(replies.redact_addresses("word " * 1000)) == 300
