"""The way to the relay, against a real server and against one that is as rude as servers get; with and without
PIPELINING, which must make no difference to what an answer means.
"""

import asyncio

import pytest

from digest.errors import (
    DeliveryError,
    PermanentDeliveryError,
    RelayRefusedError,
    SmtpStep,
    TemporaryDeliveryError,
    UncertainDeliveryError,
)
from digest.mail import OutgoingMessage, SendCancelled, SmtpConnection
from digest.mail import RelayConfig as Way
from digest.mail.relay import MESSAGES_PER_CONNECTION
from tests.support import handing
from tests.support.handing import ADA, FROM, MESSAGE, Against, no, relay_config, send, send_error, yes
from tests.support.relay import Relay
from tests.support.rude_relay import CLOSE, HANG, RudeRelay


@pytest.fixture(params=[handing.against, handing.pipelining], ids=["in-turn", "pipelining"])
def against(request: pytest.FixtureRequest) -> Against:
    way: Against = request.param
    return way


# --- what a well-behaved server gets


@pytest.mark.parametrize(
    "raw",
    [
        MESSAGE,
        b".a dot first\r\n..two\r\n.\r\n\r\n.\r\nafter what looks like the end\r\n",
        b"Subject: 8 bits\r\n\r\n\xc3\xa9\xff\x00 and a very long line " + b"x" * 900 + b"\r\n",
        b"a\r\n" * 50_000,
    ],
)
def test_the_bytes_that_arrive_are_the_bytes_given(polite: Relay, raw: bytes) -> None:
    async def act() -> str:
        async with SmtpConnection(Way(host="127.0.0.1", port=polite.port)) as connection:
            await send(connection, raw)
            return await send(connection)

    assert asyncio.run(act()) == "250 2.0.0 queued as 1"
    assert polite.accepted == [("ada@example.org", raw), ("ada@example.org", MESSAGE)]
    assert polite.sessions == 1


def test_a_worn_out_connection_is_renewed(polite: Relay) -> None:
    async def act() -> None:
        async with SmtpConnection(Way(host="127.0.0.1", port=polite.port)) as connection:
            for _ in range(MESSAGES_PER_CONNECTION):
                await send(connection)
            assert polite.sessions == 1
            await send(connection)

    asyncio.run(act())
    assert (len(polite.accepted), polite.sessions) == (MESSAGES_PER_CONNECTION + 1, 2)


def test_the_size_is_given_to_servers_that_offer_it(against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await send(connection)
        has_size = "SIZE 1000" in rude.offers
        assert rude.heard[0][1] == "MAIL FROM:<digest@example.org>" + (f" SIZE={len(MESSAGE)}" if has_size else "")
        assert rude.heard[0][2] == "RCPT TO:<ada@example.org>"

    against(lambda: RudeRelay(offers=("SIZE 1000",)), act)
    against(RudeRelay, act)


def test_a_server_that_knows_no_ehlo_is_greeted_the_old_way(against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await send(connection)
        assert [line.split(" ")[0] for line in rude.heard[0]] == ["EHLO", "HELO", "MAIL", "RCPT", "DATA"]

    against(lambda: RudeRelay({"EHLO": ["502 unknown"]}), act)


# --- refusals before and after the message


@pytest.mark.parametrize(
    ("verb", "reply", "kind"),
    [
        ("MAIL", "451 4.3.0 later", TemporaryDeliveryError),
        ("MAIL", "550 5.1.8 bad sender", RelayRefusedError),
        ("MAIL", "552 5.3.4 too large", PermanentDeliveryError),
        ("MAIL", "530 5.7.0 log in first", RelayRefusedError),
        ("RCPT", "450 4.2.1 later", TemporaryDeliveryError),
        ("RCPT", "550 5.1.1 unknown", PermanentDeliveryError),
        ("DATA", "452 4.3.1 no room", TemporaryDeliveryError),
        ("DATA", "554 5.5.1 no", PermanentDeliveryError),
        ("dot", "451 4.7.1 later", TemporaryDeliveryError),
        ("dot", "554 5.6.0 spam", PermanentDeliveryError),
    ],
)
def test_a_refused_message_leaves_the_connection_fit_for_the_next(
    verb: str, reply: str, kind: type[DeliveryError], against: Against
) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        error = await send_error(connection)
        assert (type(error), error.code) == (kind, int(reply[:3]))
        assert reply[4:] in str(error)
        assert error.step is (SmtpStep.DATA if verb == "dot" else SmtpStep(verb.lower()))
        assert (await send(connection)).startswith("250")
        assert [len(rude.heard), rude.words.count("RSET")] == [1, 1]

    against(lambda: RudeRelay({verb: [reply]}), act)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
def test_after_421_the_next_message_takes_a_fresh_connection(verb: str, against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        error = await send_error(connection)
        assert (type(error), error.code) == (TemporaryDeliveryError, 421)
        await send(connection)
        assert len(rude.heard) == 2

    # A server that says so and does not close: whoever goes on talking to it is lost.
    against(lambda: RudeRelay({verb: ["421 4.3.2 closing"]}), act)


@pytest.mark.parametrize("reply", [CLOSE, "no number at all", "250 out of step"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_before_the_message_leaves_defers_it(verb: str, reply: str, against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        error = await send_error(connection)
        assert (type(error), error.code) == (TemporaryDeliveryError, 250 if reply.startswith("250") else 0)
        assert not rude.messages
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [2, 1]

    if verb != "DATA" and reply.startswith("250"):
        pytest.skip("that is what the others should say")
    against(lambda: RudeRelay({verb: [reply]}), act)


@pytest.mark.parametrize("reply", [CLOSE, "no number at all", "354 and now?", "42", "99 bottles"])
def test_without_a_proper_answer_after_the_dot_the_outcome_is_unknown(reply: str, against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        assert type(await send_error(connection)) is UncertainDeliveryError
        assert len(rude.messages) == 1
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [2, 2]

    against(lambda: RudeRelay({"dot": [reply]}), act)


@pytest.mark.parametrize("reply", ["250 2.0.0 ok", "251 forwarded", "200 fine", "250-two\r\n250 lines"])
def test_every_reply_that_begins_with_two_is_an_acceptance(reply: str, against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        assert (await send(connection)).startswith(reply[:3])
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [1, 2]

    against(lambda: RudeRelay({"dot": [reply]}), act)


@pytest.mark.parametrize(
    "replies",
    [{"dot": ["250 ok, close"]}, {"MAIL": ["250 ok", "421 4.3.2 closing"]}, {"RCPT": ["250 ok", CLOSE]}],
    ids=["after the dot", "421", "without a word"],
)
def test_a_server_that_closes_as_we_begin_the_next_message_costs_nothing(
    replies: dict[str, list[str]], against: Against
) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await send(connection)
        await send(connection)  # at once: the end of the connection is heard only with the answer to this
        assert [len(rude.heard), len(rude.messages)] == [2, 2]

    against(lambda: RudeRelay({verb: list(lines) for verb, lines in replies.items()}), act)


def test_a_server_that_closes_between_two_messages_costs_nothing(against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        await send(connection)
        await asyncio.sleep(0.1)
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [2, 2]

    against(lambda: RudeRelay({"dot": ["250 ok, close"]}), act)


# --- the fence, and being cancelled


def test_a_withdrawn_message_does_not_leave_and_the_next_one_does(against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        with pytest.raises(SendCancelled):
            await connection.send(OutgoingMessage(FROM, "gone@example.org", MESSAGE), no)
        await send(connection)
        assert len(rude.messages) == 1
        first, last = [line.split(" ")[0] for line in rude.heard[0]], [line.split(" ")[0] for line in rude.heard[-1]]
        if "PIPELINING" in rude.offers:  # the relay waits for the message already: closing tells it that none comes
            assert (first, last) == (["EHLO", "MAIL", "RCPT", "DATA"], ["EHLO", "MAIL", "RCPT", "DATA"])
        else:
            assert first == last == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]

    against(RudeRelay, act)


@pytest.mark.parametrize("fault", [OSError("the record is out of reach"), asyncio.CancelledError()], ids=type)
def test_a_fence_that_fails_does_not_spoil_the_next_message(fault: BaseException, against: Against) -> None:
    async def broken() -> bool:
        raise fault

    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        with pytest.raises(type(fault)):
            await connection.send(OutgoingMessage(FROM, ADA, MESSAGE), broken)
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [1 + ("PIPELINING" in rude.offers), 1]

    against(RudeRelay, act)


def test_the_fence_is_called_when_the_recipient_is_accepted_and_nothing_has_left(against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        heard: list[str] = []

        async def note() -> bool:
            await asyncio.sleep(0.05)  # what leaves too early has time to arrive
            heard.extend(rude.heard[0])
            return True

        await connection.send(OutgoingMessage(FROM, ADA, MESSAGE), note)
        words = [line.split(" ")[0] for line in heard]
        assert words == ["EHLO", "MAIL", "RCPT", *(["DATA"] if "PIPELINING" in rude.offers else [])]

    against(RudeRelay, act)


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "RCPT", "RSET", "DATA", "dot"])
def test_cancelled_at_any_word_a_message_is_either_unsent_or_unknown(verb: str, against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        if verb == "RSET":
            rude.replies["RCPT"] = ["550 no"]
            await send_error(connection)
        sending = asyncio.create_task(send(connection))
        await rude.waiting.wait()
        await asyncio.sleep(0.05)  # before 3.12, asyncio.wait_for loses a cancellation that meets the end of connecting
        sending.cancel()
        with pytest.raises(UncertainDeliveryError if verb == "dot" else asyncio.CancelledError):
            await sending
        await send(connection)
        assert [len(rude.heard), len(rude.messages)] == [2, 2 if verb == "dot" else 1]

    against(lambda: RudeRelay({verb: [HANG]}), act)


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"])
def test_a_relay_that_stalls_is_left_after_its_time(verb: str, offers: tuple[str, ...]) -> None:
    async def act() -> None:
        async with (
            RudeRelay({verb: [HANG]}, offers=offers) as rude,
            SmtpConnection(relay_config(rude, timeout=0.1)) as connection,
        ):
            error = await send_error(connection)
            assert isinstance(error, UncertainDeliveryError if verb == "dot" else TemporaryDeliveryError)
            assert error.code == 0
            await send(connection)
            assert len(rude.heard) == 2

    asyncio.run(act())


# --- addresses


@pytest.mark.parametrize(
    "to",
    [
        "jürgen@example.org",
        "ada@exämple.org",
        "a@example.org> SIZE=1",
        "a@example.org\r\nDATA",
        "a,b@x.org",
        "a b@x.org",
        "",
    ],
)
def test_an_address_that_cannot_be_written_is_refused_before_any_command(to: str, against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        with pytest.raises(PermanentDeliveryError) as caught:
            await send(connection, to=to)
        assert caught.value.step is SmtpStep.RCPT
        assert not to or to not in str(caught.value)
        assert rude.words == ""

    against(RudeRelay, act)


def test_usual_addresses_of_every_kind_are_written(against: Against) -> None:
    async def act(rude: RudeRelay, connection: SmtpConnection) -> None:
        for to in ("a.b+c_d'e@example.org", "{x}~!#$%&*/=?^`|@xn--exmple-cua.org", "root@localhost"):
            await send(connection, to=to)
            assert f"RCPT TO:<{to}>" in rude.words

    against(RudeRelay, act)


def test_a_sender_that_cannot_be_written_is_our_fault(against: Against) -> None:
    async def act(_rude: RudeRelay, connection: SmtpConnection) -> None:
        with pytest.raises(RelayRefusedError, match="DIGEST_MAIL_FROM"):
            await connection.send(OutgoingMessage("bücher@example.org", ADA, MESSAGE), yes)

    against(RudeRelay, act)
