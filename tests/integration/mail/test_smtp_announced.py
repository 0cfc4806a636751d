"""The next message's envelope in one write with the end of the one before (RFC 2920 3.1), and relays that mind."""

import asyncio
from collections.abc import Callable
from itertools import zip_longest

import pytest

from digest.errors import DeliveryError, PermanentDeliveryError, RelayRefusedError
from digest.mail import OutgoingMessage, SmtpConnection
from tests.support.handing import ADA, FROM, MESSAGE, pipelining, relay_config, to_raw_message, yes
from tests.support.rude_relay import CLOSE, RudeRelay

AHEAD = "MAIL RCPT DATA"


def outgoing_messages(many: int) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(FROM, ADA, to_raw_message(b"Subject: %d\r\n\r\nSix papers.\r\n" % number))
        for number in range(many)
    ]


def then(following: OutgoingMessage | None) -> Callable[[], OutgoingMessage | None]:
    return lambda: following


async def hand_over(connection: SmtpConnection, messages: list[OutgoingMessage]) -> list[str]:
    """What becomes of each, the next one always being known."""
    outcomes = []
    async with asyncio.timeout(30):
        for message, following in zip_longest(messages, messages[1:]):
            try:
                outcomes.append(str(await connection.send(message, yes, then(following))))
            except DeliveryError as error:
                outcomes.append(type(error).__name__)
    return outcomes


def arrived(rude: RudeRelay) -> list[bytes]:
    return [raw.removesuffix(b".\r\n") for raw in rude.messages]


@pytest.mark.parametrize("manner", ["one by one", "together", "split"])
def test_a_message_needs_one_round_trip(manner: str) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        rude.together, rude.split = manner == "together", manner == "split"
        messages = outgoing_messages(5)
        assert await hand_over(connection, messages) == ["250 2.0.0 ok"] * 5
        assert arrived(rude) == [message.raw for message in messages]
        assert rude.ahead == [AHEAD] * 4 + [""]
        assert len(rude.heard) == 1

    pipelining(RudeRelay, act)


def test_the_answer_to_a_message_does_not_wait_for_those_about_the_next() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        one, two = outgoing_messages(2)
        rude.replies["RCPT"] = ["250 ok", "never"]
        async with asyncio.timeout(5):
            assert str(await connection.send(one, yes, then(two))) == "250 2.0.0 ok"
        assert rude.ahead == [AHEAD]

    pipelining(RudeRelay, act)


def test_a_relay_without_pipelining_gets_one_command_at_a_time() -> None:
    async def act() -> None:
        async with RudeRelay() as rude, SmtpConnection(relay_config(rude)) as connection:
            assert await hand_over(connection, outgoing_messages(3)) == ["250 2.0.0 ok"] * 3
            assert rude.ahead == ["", "", ""]

    asyncio.run(act())


def test_nothing_goes_ahead_over_a_worn_out_connection() -> None:
    async def act() -> None:
        async with (
            RudeRelay(offers=("PIPELINING",)) as rude,
            SmtpConnection(relay_config(rude, max_messages=2)) as connection,
        ):
            await hand_over(connection, outgoing_messages(5))
            assert rude.ahead == [AHEAD, "", AHEAD, "", ""]
            assert [lines[-1] for lines in rude.heard] == ["QUIT", "QUIT", "DATA"]

    asyncio.run(act())


@pytest.mark.parametrize(
    ("replies", "outcomes", "connections"),
    [
        ({"dot": ["451 4.3.0 later"]}, ["TemporaryDeliveryError", "ok", "ok"], 1),
        ({"dot": ["554 5.6.0 spam"]}, ["PermanentDeliveryError", "ok", "ok"], 1),
        ({"dot": [CLOSE]}, ["UncertainDeliveryError", "ok", "ok"], 2),
        ({"dot": ["gibberish"]}, ["UncertainDeliveryError", "ok", "ok"], 2),
        ({"dot": ["421 4.3.2 closing"]}, ["TemporaryDeliveryError", "ok", "ok"], 2),
        ({"dot": [f"250 2.0.0 ok, {CLOSE}"]}, ["ok", "ok", "ok"], 2),
        ({"dot": ["250 2.0.0 ok\r\n421 4.4.2 enough"]}, ["ok", "ok", "ok"], 2),
        ({"MAIL": ["250 ok", "421 4.3.2 closing"]}, ["ok", "ok", "ok"], 2),
        ({"MAIL": ["250 ok", "451 4.3.0 later"]}, ["ok", "TemporaryDeliveryError", "ok"], 1),
        ({"MAIL": ["250 ok", "552 5.3.4 too large"]}, ["ok", "PermanentDeliveryError", "ok"], 1),
        ({"RCPT": ["250 ok", "550 5.1.1 unknown"]}, ["ok", "PermanentDeliveryError", "ok"], 1),
        ({"RCPT": ["250 ok", "550 5.1.1 no"], "DATA": ["354 go", "354 go"]}, ["ok", "PermanentDeliveryError", "ok"], 2),
        ({"RCPT": ["250 ok", CLOSE]}, ["ok", "ok", "ok"], 2),
        ({"DATA": ["354 go", "554 5.5.1 no"]}, ["ok", "PermanentDeliveryError", "ok"], 1),
    ],
)
def test_each_message_has_its_own_answer(replies: dict[str, list[str]], outcomes: list[str], connections: int) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        messages = outgoing_messages(3)
        found = [outcome.replace("250 2.0.0 ", "") for outcome in await hand_over(connection, messages)]
        assert (found, len(rude.heard)) == (outcomes, connections)
        accepted = [message.raw for message, outcome in zip(messages, outcomes, strict=True) if outcome == "ok"]
        assert [raw for raw in arrived(rude) if raw in accepted] == accepted

    pipelining(lambda: RudeRelay(replies), act)


def test_a_relay_that_objects_gets_the_usual_order_and_never_an_early_command_again() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        messages = outgoing_messages(4)
        assert await hand_over(connection, messages) == ["250 2.0.0 ok"] * 4
        assert rude.ahead == [AHEAD, "", "", ""]
        assert (arrived(rude), len(rude.heard)) == ([message.raw for message in messages], 2)

    pipelining(lambda: RudeRelay({"MAIL": ["250 ok", "554 5.5.0 synchronization error"]}), act)


def test_a_relay_that_ignores_it_gets_the_command_again() -> None:
    async def act() -> None:
        async with (
            RudeRelay(offers=("PIPELINING",)) as rude,
            SmtpConnection(relay_config(rude, timeout=0.1)) as connection,
        ):
            rude.deaf, messages = True, outgoing_messages(4)
            assert await hand_over(connection, messages) == ["250 2.0.0 ok"] * 4
            assert rude.ahead == [AHEAD, "", "", ""]
            assert (arrived(rude), len(rude.heard)) == ([message.raw for message in messages], 2)

    asyncio.run(act())


@pytest.mark.parametrize("fault", [CLOSE, "421 4.3.2 closing", "gibberish"])
def test_a_connection_that_breaks_after_a_message_says_nothing_against_it(fault: str) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await hand_over(connection, outgoing_messages(4))
        assert rude.ahead == [AHEAD, AHEAD, AHEAD, ""]

    pipelining(lambda: RudeRelay({"dot": [fault]}), act)


def test_a_sender_that_is_refused_is_refused() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        one, two = outgoing_messages(2)
        await connection.send(one, yes, then(two))
        with pytest.raises(RelayRefusedError):
            await connection.send(two, yes)
        assert len(rude.heard) == 2

    pipelining(lambda: RudeRelay({"MAIL": ["250 ok", *["550 5.1.8 not you"] * 2]}), act)


def test_no_recipient_gets_the_message_of_another() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        one, two, other = outgoing_messages(3)
        await connection.send(one, yes, then(two))
        assert str(await connection.send(other, yes)) == "250 2.0.0 ok"
        assert arrived(rude) == [one.raw, other.raw]
        assert len(rude.heard) == 2

    pipelining(RudeRelay, act)


def test_what_was_announced_and_is_not_sent_costs_the_connection_and_no_message() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        one, two = outgoing_messages(2)
        await connection.send(one, yes, then(two))
        async with asyncio.timeout(1):  # nobody waits for an answer to QUIT
            await connection.close()
        await asyncio.sleep(0.05)
        assert (arrived(rude), rude.heard[0][-1]) == ([one.raw], "DATA")

    pipelining(RudeRelay, act)


def test_a_recipient_that_cannot_be_written_is_not_announced() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        one = OutgoingMessage(FROM, ADA, MESSAGE)
        odd = OutgoingMessage(FROM, "ada>@example.org", MESSAGE)
        await connection.send(one, yes, then(odd))
        with pytest.raises(PermanentDeliveryError):
            await connection.send(odd, yes)
        assert (rude.ahead, rude.words.count("RCPT")) == ([""], 1)

    pipelining(RudeRelay, act)
