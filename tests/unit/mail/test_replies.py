"""Classification of replies and of the words of bounces."""

import pytest

from digest.mail.replies import RefusalClass, classify_refusal, is_recipient_error


@pytest.mark.parametrize(
    ("status", "refusal_class"),
    [
        *((status, RefusalClass.HARD) for status in ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")),
        *(
            (status, RefusalClass.SENDER_FAULT)
            for status in ("5.7.0", "5.7.1", "5.7.26", "5.3.0", "5.3.4", "5.4.4", "5.4.7", "5.1.7", "5.1.8")
        ),
        *(
            (status, RefusalClass.SOFT)
            for status in ("5.0.0", "5.2.2", "5.2.3", "5.5.0", "5.6.0", "4.2.2", "4.4.7", "")
        ),
    ],
)
def test_the_status_decides_the_class(status: str, refusal_class: RefusalClass) -> None:
    assert classify_refusal(status, ["it did not work"], final=True).refusal_class is refusal_class


@pytest.mark.parametrize("status", ["5.7.1", "5.3.0", "5.4.4"])
def test_a_fault_of_the_sender_is_never_charged_to_the_recipient(status: str) -> None:
    assert classify_refusal(status, ["550 user unknown"], final=True).refusal_class is RefusalClass.SENDER_FAULT


@pytest.mark.parametrize("status", ["4.1.1", "5.1.1", "5.2.1", ""])
def test_a_delay_is_never_more_than_soft(status: str) -> None:
    assert classify_refusal(status, ["user unknown"], final=False).refusal_class is RefusalClass.SOFT


@pytest.mark.parametrize("status", ["5.1.0", "5.1.1", "5.1.7", "5.1.8", "5.2.1", "5.2.2", "5.3.4", "5.4.1", "5.7.1"])
def test_a_reply_at_rcpt_and_a_bounce_are_classified_alike(status: str) -> None:
    refusal = classify_refusal(status, [f"550 {status} refused"], final=True)
    assert is_recipient_error(550, f"{status} refused") is (refusal.refusal_class is RefusalClass.HARD)
