"""Classification of replies and of the words of bounces."""

import pytest

from digest.errors import DeliveryError, PermanentDeliveryError, RelayRefusedError, TemporaryDeliveryError
from digest.mail.replies import ReplyClass, classify_reply, error_from_reply, is_recipient_error


@pytest.mark.parametrize(
    ("status", "reply_class"),
    [
        *((status, ReplyClass.HARD) for status in ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")),
        *(
            (status, ReplyClass.SENDER_FAULT)
            for status in ("5.7.0", "5.7.1", "5.7.26", "5.3.0", "5.3.4", "5.4.4", "5.4.7", "5.1.7", "5.1.8")
        ),
        *((status, ReplyClass.SOFT) for status in ("5.0.0", "5.2.2", "5.2.3", "5.5.0", "5.6.0", "4.2.2", "4.4.7", "")),
    ],
)
def test_the_status_decides_the_class(status: str, reply_class: ReplyClass) -> None:
    assert classify_reply(status, ["it did not work"], final=True).reply_class is reply_class


@pytest.mark.parametrize("status", ["5.7.1", "5.3.0", "5.4.4"])
def test_a_fault_of_the_sender_is_never_charged_to_the_recipient(status: str) -> None:
    assert classify_reply(status, ["550 user unknown"], final=True).reply_class is ReplyClass.SENDER_FAULT


@pytest.mark.parametrize("status", ["4.1.1", "5.1.1", "5.2.1", ""])
def test_a_delay_is_never_more_than_soft(status: str) -> None:
    assert classify_reply(status, ["user unknown"], final=False).reply_class is ReplyClass.SOFT


@pytest.mark.parametrize("status", ["5.1.0", "5.1.1", "5.1.7", "5.1.8", "5.2.1", "5.2.2", "5.3.4", "5.4.1", "5.7.1"])
def test_a_reply_at_rcpt_and_a_bounce_are_classified_alike(status: str) -> None:
    reply = classify_reply(status, [f"550 {status} refused"], final=True)
    assert is_recipient_error(550, f"{status} refused") is (reply.reply_class is ReplyClass.HARD)


@pytest.mark.parametrize(
    ("code", "subject", "error_type"),
    [
        (450, "sender", TemporaryDeliveryError),
        (550, "sender", RelayRefusedError),
        (552, "sender", PermanentDeliveryError),
        (451, "recipient", TemporaryDeliveryError),
        (550, "recipient", PermanentDeliveryError),
        (530, "recipient", RelayRefusedError),
        (554, "message", PermanentDeliveryError),
        (452, "message", TemporaryDeliveryError),
    ],
)
def test_a_reply_means_what_the_command_was_about(code: int, subject: str, error_type: type[DeliveryError]) -> None:
    error = error_from_reply(code, "no", subject=subject, relay="mx:25")
    assert (type(error), error.code) == (error_type, code)
    assert getattr(error, "recipient_refused", False) is (
        error_type is PermanentDeliveryError and subject == "recipient"
    )
