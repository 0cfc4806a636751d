"""Classification of replies by code, status, words and step; `test_reply_rules` has the wordings."""

import pytest

from digest.errors import DeliveryError, PermanentDeliveryError, RelayRefusedError, SmtpStep, TemporaryDeliveryError
from digest.mail.replies import ReplyTopic, asks_to_slow_down, classify_bounce, classify_reply, error_from_reply

SENDER_TOPICS = {ReplyTopic.SENDER, ReplyTopic.RATE}


@pytest.mark.parametrize(
    ("status", "topics", "is_dead"),
    [
        *((status, {ReplyTopic.MAILBOX}, True) for status in ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")),
        ("5.2.1", {ReplyTopic.MAILBOX}, True),
        ("5.2.2", {ReplyTopic.MAILBOX}, False),
        *((status, {ReplyTopic.SENDER}, False) for status in ("5.7.0", "5.7.1", "5.7.26", "5.3.0", "5.3.5", "5.4.4")),
        *((status, {ReplyTopic.SENDER}, False) for status in ("5.4.7", "5.1.7", "5.1.8")),
        *((status, {ReplyTopic.MESSAGE}, False) for status in ("5.2.3", "5.3.4", "5.6.0")),
        *((status, {ReplyTopic.UNKNOWN}, False) for status in ("5.0.0", "5.5.0", "")),
    ],
)
def test_a_status_decides_the_topic(status: str, topics: set[ReplyTopic], is_dead: bool) -> None:
    bounce = classify_bounce(status, ["it did not work"], final=True)
    reply = classify_reply(550, f"{status} it did not work", SmtpStep.RCPT)
    assert {bounce.topic, reply.topic} == topics
    assert (bounce.is_dead, reply.is_dead) == (is_dead, is_dead)


@pytest.mark.parametrize("status", ["5.7.1", "5.3.0", "5.4.4"])
def test_a_fault_of_the_sender_is_never_charged_to_the_mailbox(status: str) -> None:
    assert classify_bounce(status, ["550 user unknown"], final=True).topic is ReplyTopic.SENDER
    assert classify_reply(550, f"{status} user unknown", SmtpStep.RCPT).topic is ReplyTopic.SENDER


@pytest.mark.parametrize("status", ["4.1.1", "5.1.1", "5.2.1", ""])
def test_a_delay_ends_no_subscription(status: str) -> None:
    assert not classify_bounce(status, ["user unknown"], final=False).is_dead
    assert not classify_reply(450, f"{status} user unknown", SmtpStep.RCPT).is_dead


@pytest.mark.parametrize("code", [500, 550, 551, 553, 554, 571])
def test_words_that_no_rule_knows_are_charged_to_no_mailbox(code: int) -> None:
    reply = classify_reply(code, "the moon is in the wrong house", SmtpStep.RCPT)
    assert (reply.topic, reply.reason, reply.is_dead) == (ReplyTopic.UNKNOWN, "", False)


@pytest.mark.parametrize("step", [SmtpStep.CONNECT, SmtpStep.AUTH, SmtpStep.MAIL])
@pytest.mark.parametrize("text", ["5.1.1 user unknown", "5.2.2 mailbox full", "no", "4.2.2 mailbox full"])
@pytest.mark.parametrize("code", [550, 450])
def test_before_a_recipient_is_named_no_reply_is_about_a_mailbox(step: SmtpStep, text: str, code: int) -> None:
    assert classify_reply(code, text, step).topic not in {ReplyTopic.MAILBOX, ReplyTopic.MESSAGE}


def test_a_user_who_is_unknown_only_after_the_message_is_dead_by_a_precise_status_alone() -> None:
    assert classify_reply(550, "5.1.1 user unknown", SmtpStep.DATA).is_dead
    reply = classify_reply(550, "user unknown", SmtpStep.DATA)
    assert (reply.topic, reply.reason, reply.is_dead) == (ReplyTopic.MAILBOX, "refused after the message", False)


def test_equal_refusals_of_different_recipients_have_one_key() -> None:
    first = classify_reply(554, "<ada@example.org>: the moon says 17 (id A1B2)", SmtpStep.RCPT)
    second = classify_reply(554, "<bob@example.net>: the moon says 9 (id C3D4)", SmtpStep.RCPT)
    assert first.key == second.key
    assert first.key != classify_reply(554, "<ada@example.org>: the sun says 17 (id A1B2)", SmtpStep.RCPT).key


@pytest.mark.parametrize(
    ("code", "step", "error_type"),
    [
        (450, SmtpStep.MAIL, TemporaryDeliveryError),
        (550, SmtpStep.MAIL, RelayRefusedError),
        (552, SmtpStep.MAIL, PermanentDeliveryError),
        (451, SmtpStep.RCPT, TemporaryDeliveryError),
        (550, SmtpStep.RCPT, PermanentDeliveryError),
        (530, SmtpStep.RCPT, RelayRefusedError),
        (554, SmtpStep.DATA, PermanentDeliveryError),
        (452, SmtpStep.DATA, TemporaryDeliveryError),
    ],
)
def test_an_error_names_the_step_of_its_reply(code: int, step: SmtpStep, error_type: type[DeliveryError]) -> None:
    error = error_from_reply(code, "no", step=step, relay="mx:25")
    assert (type(error), error.code, error.step) == (error_type, code, step)


def test_a_reply_that_asks_for_patience_is_temporary_whatever_its_code() -> None:
    error = error_from_reply(550, "5.7.1 too many messages, slow down", step=SmtpStep.MAIL, relay="mx:25")
    assert type(error) is TemporaryDeliveryError


@pytest.mark.parametrize(
    ("reply", "slows_down"),
    [
        ("421 4.7.0 bye", True),
        ("421 4.3.2 shutting down", True),
        ("421 Service not available, closing transmission channel", True),
        ("454 4.7.0 Maximum sending rate exceeded", True),
        ("421 4.7.1 the address of your server is on a blocklist", False),
        ("421 4.7.0 you must log in first", False),
        ("451 4.3.2 shutting down", False),
    ],
)
def test_the_end_of_a_session_asks_for_less_unless_it_says_what_is_wrong_with_us(reply: str, slows_down: bool) -> None:
    error = error_from_reply(int(reply[:3]), reply[4:], step=SmtpStep.DATA, relay="relay")
    assert asks_to_slow_down(error) is slows_down
