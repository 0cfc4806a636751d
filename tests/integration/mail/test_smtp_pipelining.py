"""Several commands in one write, and however the replies come back."""

import asyncio

import pytest

from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    TemporaryDeliveryError,
    UncertainDeliveryError,
)
from digest.mail import OutgoingMessage, SendCancelled, SmtpConnection
from digest.mail.smtp_protocol import MAX_REPLY_LINE, SmtpStream
from tests.support.handing import ADA, FROM, MESSAGE, no, pipelining, send, send_error
from tests.support.rude_relay import CLOSE, RudeRelay

DOTS = b".a dot first\r\n..two\r\n.\r\nMAIL FROM:<eve@example.org>\r\n.\r\nafter what looks like the end\r\n"
STUFFED = (
    b"..a dot first\r\n...two\r\n..\r\nMAIL FROM:<eve@example.org>\r\n..\r\nafter what looks like the end\r\n.\r\n"
)


@pytest.mark.parametrize("manner", ["one by one", "together", "split", "slow"])
def test_the_bytes_that_arrive_are_the_bytes_given_however_the_replies_come(manner: str) -> None:
    def server() -> RudeRelay:
        lines = "250-2.1.0 this\r\n250-2.1.0 takes\r\n250 2.1.0 long"
        rude = RudeRelay({"MAIL": [lines] * 2, "RCPT": ["250-to\r\n250 them"], "DATA": ["354-go\r\n354 on"]})
        rude.together, rude.split, rude.slow = manner == "together", manner == "split", 0.02 * (manner == "slow")
        return rude

    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        for raw in (DOTS, MESSAGE, b"a\r\n" * 50_000):
            assert await send(connection, raw) == "250 2.0.0 ok"
        assert rude.messages == [STUFFED, MESSAGE + b".\r\n", b"a\r\n" * 50_000 + b".\r\n"]
        assert len(rude.heard) == 1

    pipelining(server, act)


def test_a_message_needs_two_round_trips() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await send(connection)  # and the greeting
        loop = asyncio.get_running_loop()
        rude.together, rude.slow, begun = True, 0.1, loop.time()
        await send(connection)
        # The server takes 0.1 s before each of four answers, but is asked twice: it reads on while it answers.
        assert [line.split(" ")[0] for line in rude.heard[0][-3:]] == ["MAIL", "RCPT", "DATA"]
        assert 0.4 <= loop.time() - begun < 0.6

    pipelining(RudeRelay, act)


@pytest.mark.parametrize(
    ("refusals", "kind", "code"),
    [
        ({"RCPT": "550 5.1.1 unknown", "DATA": "354 go ahead"}, PermanentDeliveryError, 550),
        ({"RCPT": "450 4.2.1 later", "DATA": "354 go ahead"}, TemporaryDeliveryError, 450),
        ({"MAIL": "550 5.1.8 you", "RCPT": "250 ok", "DATA": "354 go ahead"}, RelayRefusedError, 550),
        ({"MAIL": "451 4.3.0 later", "RCPT": "550 5.1.1 unknown", "DATA": "554 no"}, TemporaryDeliveryError, 451),
    ],
)
def test_the_first_refusal_counts_and_no_message_goes_to_a_relay_that_waits_for_it(
    refusals: dict[str, str], kind: type[DeliveryError], code: int
) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        error = await send_error(connection)
        assert (type(error), error.code) == (kind, code)
        await send(connection)
        assert rude.messages == [MESSAGE + b".\r\n"]
        # A server that waits for a message reads whatever comes as one: that connection is not used again.
        assert len(rude.heard) == 1 + refusals["DATA"].startswith("354")

    pipelining(lambda: RudeRelay({verb: [reply] for verb, reply in refusals.items()}), act)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("421 4.3.2 closing", 421),  # and then says no more, or whatever it likes
        ("421 4.3.2 closing\r\n250 ok\r\n250 ok", 421),
        (f"450 4.2.1 later{CLOSE}", 450),
        (CLOSE, 0),
        ("HTTP/1.1 400 Bad Request", 0),
        ("250-half\r\n354 of it", 0),
        (" ", 0),
        ("2" * 10_000, 0),
        ("\r\n".join(["250-more"] * 5_000), 0),
    ],
    ids=["421", "421 and more", "4xx, close", "close", "no SMTP", "two codes", "empty", "long line", "many lines"],
)
def test_what_breaks_the_order_in_the_middle_defers_the_message(verb: str, reply: str, code: int) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        error = await send_error(connection)
        assert (type(error), error.code) == (TemporaryDeliveryError, code)
        await send(connection)
        assert [len(rude.heard), rude.messages] == [2, [MESSAGE + b".\r\n"]]

    pipelining(lambda: RudeRelay({verb: [reply]}), act)


@pytest.mark.parametrize("reply", ["2" * 10_000, "250-half\r\n451 of it", "\r\n".join(["250-more"] * 5_000)])
def test_after_the_dot_what_is_no_proper_answer_leaves_it_unknown(reply: str) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        assert type(await send_error(connection)) is UncertainDeliveryError
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [2, 2]

    pipelining(lambda: RudeRelay({"dot": [reply]}), act)


@pytest.mark.parametrize("more", ["250 2.0.0 ok", "421 4.4.2 too many letters", "gibberish"])
def test_a_reply_too_many_is_never_taken_for_the_answer_to_the_next_message(more: str) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        assert await send(connection) == "250 2.0.0 the first"
        error: list[DeliveryError] = []
        try:
            await send(connection)
        except TemporaryDeliveryError as late:  # it came only now, between our words and their answer
            error.append(late)
            await send(connection)
        assert not error or "550" not in str(error[0])
        assert [len(rude.heard), len(rude.messages)] == [2, 2]

    pipelining(lambda: RudeRelay({"dot": [f"250 2.0.0 the first\r\n{more}"]}), act)


def test_a_relay_that_never_answers_is_given_up() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await send(connection)
        one = connection._stream
        assert one
        rude.slow = 3600
        assert await one.request(b"NOOP\r\n", seconds=0.05) == []
        assert one.closed_reason == "no answer within 0.05 seconds"
        rude.slow = 0
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [2, 2]

    pipelining(RudeRelay, act)


def test_the_fence_is_not_called_for_a_message_that_is_refused() -> None:
    async def fence() -> bool:
        raise AssertionError("nobody may put this letter on the wire")

    async def act(_rude: RudeRelay, connection: SmtpConnection) -> None:
        with pytest.raises(PermanentDeliveryError):
            await connection.send(OutgoingMessage(FROM, ADA, MESSAGE), fence)

    pipelining(lambda: RudeRelay({"DATA": ["554 5.5.1 no"]}), act)


def test_a_connection_that_breaks_while_the_fence_is_called_defers_the_message() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        async def slow() -> bool:
            await asyncio.sleep(0.05)
            return True

        with pytest.raises(TemporaryDeliveryError):
            await connection.send(OutgoingMessage(FROM, ADA, MESSAGE), slow)
        assert rude.messages == []

    pipelining(lambda: RudeRelay({"DATA": [f"354 go ahead{CLOSE}"]}), act)


def test_a_withdrawn_message_leaves_nothing_behind_when_it_was_the_last() -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        with pytest.raises(SendCancelled):
            await connection.send(OutgoingMessage(FROM, ADA, MESSAGE), no)
        await connection.close()
        await asyncio.sleep(0.05)
        assert (rude.messages, rude.heard[0][-1]) == ([], "DATA")

    pipelining(RudeRelay, act)


@pytest.mark.parametrize(("came", "why"), [([b"250 ok\r\n"], "250 ok"), ([b"2", b"5" * MAX_REPLY_LINE], "without end")])
def test_what_comes_unasked_ends_the_connection(came: list[bytes], why: str) -> None:
    class Wire(asyncio.WriteTransport):
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    wire = Wire()
    one = SmtpStream(wire)
    for data in came:
        one.data_received(data)
    assert wire.aborted
    assert why in one.closed_reason
