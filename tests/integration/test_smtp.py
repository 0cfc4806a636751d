"""The way to the relay, against a real server and against one that is as rude as servers get."""

import asyncio
import base64
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.errors import Deferred, LaneClosed, Rejected, RelayDown, SendError, Unknown
from digest.mail.smtp import LETTERS_A_CONNECTION, Connection, Withdrawn, connect, wire
from digest.mail.smtp import Relay as Way
from tests.relay import Relay, relay
from tests.rude import CLOSE, HANG, Rude

LETTER = b"Subject: papers\r\n\r\nSix of them.\r\n"
PASSWORD = "a password that nobody must read"


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def way(server: Rude, **given: Any) -> Way:
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": server.port}
    return Way(**usual | given)


async def send(connection: Connection, raw: bytes = LETTER, to: str = "ada@example.org") -> str:
    async with asyncio.timeout(30):
        return await connection.send("digest@example.org", to, raw, yes)


async def fate(connection: Connection) -> SendError:
    with pytest.raises(SendError) as caught:
        await send(connection)
    return caught.value


def against(server: Callable[[], Rude], act: Callable[[Rude, Connection], Coroutine[Any, Any, None]]) -> None:
    async def together() -> None:
        async with asyncio.timeout(60), server() as rude, Connection(way(rude)) as connection:
            await act(rude, connection)

    asyncio.run(together())


@pytest.fixture
def polite() -> Iterator[Relay]:
    with relay() as running:
        yield running


# --- what a well-behaved server gets


@pytest.mark.parametrize(
    "raw",
    [
        LETTER,
        b".a dot first\r\n..two\r\n.\r\n\r\n.\r\nafter what looks like the end\r\n",
        b"Subject: 8 bits\r\n\r\n\xc3\xa9\xff\x00 and a very long line " + b"x" * 900 + b"\r\n",
        b"a\r\n" * 50_000,
    ],
)
def test_the_bytes_that_arrive_are_the_bytes_given(polite: Relay, raw: bytes) -> None:
    async def act() -> str:
        async with Connection(Way(host="127.0.0.1", port=polite.port)) as connection:
            await send(connection, raw)
            return await send(connection)

    assert asyncio.run(act()) == "250 2.0.0 queued as 1"
    assert polite.accepted == [("ada@example.org", raw), ("ada@example.org", LETTER)]
    assert polite.sessions == 1


@pytest.mark.parametrize(
    ("raw", "wired"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n.\r\n"),
        (b"no end", b"no end\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
        (b".\r\n.b\r\n", b"..\r\n..b\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<x@y>\r.\r\r\n", b"a\r\n..\r\nMAIL FROM:<x@y>\r\n..\r\n\r\n.\r\n"),
        (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
    ],
)
def test_nothing_in_a_letter_can_end_it_early(raw: bytes, wired: bytes) -> None:
    assert wire(raw) == wired


def test_a_worn_out_connection_is_renewed(polite: Relay) -> None:
    async def act() -> None:
        async with Connection(Way(host="127.0.0.1", port=polite.port)) as connection:
            for _ in range(LETTERS_A_CONNECTION):
                await send(connection)
            assert polite.sessions == 1
            await send(connection)

    asyncio.run(act())
    assert (len(polite.accepted), polite.sessions) == (LETTERS_A_CONNECTION + 1, 2)


def test_the_size_is_told_to_who_asks_for_it() -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        await send(connection)
        asked = "SIZE 1000" in rude.offers
        assert rude.heard[0][1] == "MAIL FROM:<digest@example.org>" + (f" size={len(LETTER)}" if asked else "")
        assert rude.heard[0][2] == "RCPT TO:<ada@example.org>"

    against(lambda: Rude(offers=("SIZE 1000",)), act)
    against(Rude, act)


def test_a_server_that_knows_no_ehlo_is_greeted_the_old_way() -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        await send(connection)
        assert [each.split(" ")[0] for each in rude.heard[0]] == ["EHLO", "HELO", "MAIL", "RCPT", "DATA"]

    against(lambda: Rude({"EHLO": ["502 unknown"]}), act)


# --- refusals before and after the letter


@pytest.mark.parametrize(
    ("verb", "reply", "kind"),
    [
        ("MAIL", "451 4.3.0 later", Deferred),
        ("MAIL", "550 5.1.8 bad sender", LaneClosed),
        ("MAIL", "552 5.3.4 too large", Rejected),
        ("MAIL", "530 5.7.0 log in first", LaneClosed),
        ("RCPT", "450 4.2.1 later", Deferred),
        ("RCPT", "550 5.1.1 unknown", Rejected),
        ("DATA", "452 4.3.1 no room", Deferred),
        ("DATA", "554 5.5.1 no", Rejected),
        ("dot", "451 4.7.1 later", Deferred),
        ("dot", "554 5.6.0 spam", Rejected),
    ],
)
def test_a_refused_letter_leaves_the_connection_fit_for_the_next(verb: str, reply: str, kind: type[SendError]) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        error = await fate(connection)
        assert (type(error), error.code) == (kind, int(reply[:3]))
        assert reply[4:] in str(error)
        assert getattr(error, "recipient", False) is (verb == "RCPT" and kind is Rejected)
        assert (await send(connection)).startswith("250")
        assert [len(rude.heard), rude.words.count("RSET")] == [1, 1]

    against(lambda: Rude({verb: [reply]}), act)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
def test_after_421_the_next_letter_takes_a_fresh_connection(verb: str) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        error = await fate(connection)
        assert (type(error), error.code) == (Deferred, 421)
        await send(connection)
        assert len(rude.heard) == 2

    # A server that says so and does not close: whoever goes on talking to it is lost.
    against(lambda: Rude({verb: ["421 4.3.2 closing"]}), act)


@pytest.mark.parametrize("reply", [CLOSE, "no number at all", "250 out of step"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_before_the_letter_leaves_defers_it(verb: str, reply: str) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        error = await fate(connection)
        assert (type(error), error.code) == (Deferred, 250 if reply.startswith("250") else 0)
        assert not rude.letters
        await send(connection)
        assert [len(rude.heard), len(rude.letters)] == [2, 1]

    if verb != "DATA" and reply.startswith("250"):
        pytest.skip("that is what the others should say")
    against(lambda: Rude({verb: [reply]}), act)


@pytest.mark.parametrize("reply", [CLOSE, "no number at all", "354 and now?", "42", "99 bottles"])
def test_without_a_proper_answer_after_the_dot_nobody_knows(reply: str) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        assert type(await fate(connection)) is Unknown
        assert len(rude.letters) == 1
        await send(connection)
        assert [len(rude.heard), len(rude.letters)] == [2, 2]

    against(lambda: Rude({"dot": [reply]}), act)


@pytest.mark.parametrize("reply", ["250 2.0.0 ok", "251 forwarded", "200 fine", "250-two\r\n250 lines"])
def test_every_reply_that_begins_with_two_is_an_acceptance(reply: str) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        assert (await send(connection)).startswith(reply[:3])
        await send(connection)
        assert [len(rude.heard), len(rude.letters)] == [1, 2]

    against(lambda: Rude({"dot": [reply]}), act)


def test_a_server_that_closes_between_two_letters_costs_nothing() -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        await send(connection)
        await asyncio.sleep(0.1)
        await send(connection)
        assert [len(rude.heard), len(rude.letters)] == [2, 2]

    against(lambda: Rude({"dot": ["250 ok, close"]}), act)


# --- the fence, and being cancelled


def test_a_withdrawn_letter_does_not_leave_and_the_connection_goes_on() -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        with pytest.raises(Withdrawn):
            await connection.send("digest@example.org", "gone@example.org", LETTER, no)
        assert "DATA" not in rude.words
        await send(connection)
        assert [each.split(" ")[0] for each in rude.heard[0][3:]] == ["RSET", "MAIL", "RCPT", "DATA"]
        assert [len(rude.heard), len(rude.letters)] == [1, 1]

    against(Rude, act)


def test_a_fence_that_fails_does_not_spoil_the_next_letter() -> None:
    async def broken() -> bool:
        raise OSError("the record is out of reach")

    async def act(rude: Rude, connection: Connection) -> None:
        with pytest.raises(OSError, match="record"):
            await connection.send("digest@example.org", "ada@example.org", LETTER, broken)
        await send(connection)
        assert [len(rude.heard), len(rude.letters)] == [1, 1]

    against(Rude, act)


def test_the_fence_is_asked_when_the_recipient_is_accepted_and_nothing_has_left() -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        heard: list[str] = []

        async def note() -> bool:
            heard.extend(rude.heard[0])
            return True

        await connection.send("digest@example.org", "ada@example.org", LETTER, note)
        assert [each.split(" ")[0] for each in heard] == ["EHLO", "MAIL", "RCPT"]

    against(Rude, act)


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "RCPT", "RSET", "DATA", "dot"])
def test_cancelled_at_any_word_a_letter_is_either_unsent_or_unknown(verb: str) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        if verb == "RSET":
            rude.replies["RCPT"] = ["550 no"]
            await fate(connection)
        sending = asyncio.create_task(send(connection))
        await rude.waiting.wait()
        await asyncio.sleep(0.05)  # before 3.12, asyncio.wait_for loses a cancellation that meets the end of connecting
        sending.cancel()
        with pytest.raises(Unknown if verb == "dot" else asyncio.CancelledError):
            await sending
        await send(connection)
        assert [len(rude.heard), len(rude.letters)] == [2, 2 if verb == "dot" else 1]

    against(lambda: Rude({verb: [HANG]}), act)


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"])
def test_a_relay_that_stalls_is_left_after_its_time(verb: str) -> None:
    async def act() -> None:
        async with Rude({verb: [HANG]}) as rude, Connection(way(rude, timeout=0.1)) as connection:
            error = await fate(connection)
            assert isinstance(error, Unknown if verb == "dot" else Deferred)
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
def test_an_address_that_cannot_be_written_is_refused_before_a_word_is_said(to: str) -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        with pytest.raises(Rejected) as caught:
            await send(connection, to=to)
        assert caught.value.recipient
        assert not to or to not in str(caught.value)
        assert rude.words == ""

    against(Rude, act)


def test_usual_addresses_of_every_kind_are_written() -> None:
    async def act(rude: Rude, connection: Connection) -> None:
        for to in ("a.b+c_d'e@example.org", "{x}~!#$%&*/=?^`|@xn--exmple-cua.org", "root@localhost"):
            await send(connection, to=to)
            assert f"RCPT TO:<{to}>" in rude.words

    against(Rude, act)


def test_a_sender_that_cannot_be_written_is_our_fault() -> None:
    async def act(_rude: Rude, connection: Connection) -> None:
        with pytest.raises(LaneClosed, match="DIGEST_MAIL_FROM"):
            await connection.send("bücher@example.org", "ada@example.org", LETTER, yes)

    against(Rude, act)


# --- connecting


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ({"greeting": ["421 4.3.2 not now"]}, RelayDown, 421),
        ({"greeting": ["554 5.7.1 not you"]}, LaneClosed, 554),
        ({"greeting": [CLOSE]}, RelayDown, 0),
        ({"greeting": ["SSH-2.0-server"]}, RelayDown, 0),
        ({"EHLO": ["421 4.3.2 not now"]}, RelayDown, 421),
        ({"EHLO": ["450 4.3.2 not now"]}, RelayDown, 450),
        ({"EHLO": ["550 5.7.1 no"], "HELO": ["550 5.7.1 no"]}, LaneClosed, 550),
        ({"EHLO": [CLOSE]}, RelayDown, 0),
    ],
)
def test_a_refusal_at_the_door_is_about_us(replies: dict[str, list[str]], kind: type[SendError], code: int) -> None:
    async def act(_rude: Rude, connection: Connection) -> None:
        error = await fate(connection)
        assert (type(error), error.code) == (kind, code)
        await send(connection)

    against(lambda: Rude({verb: list(each) for verb, each in replies.items()}), act)


def test_where_nobody_listens_the_relay_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(RelayDown, match=f"127.0.0.1:{port} cannot be reached"):
        asyncio.run(connect(Way(host="127.0.0.1", port=port)))


@pytest.mark.parametrize("given", [{"host": "two..dots"}, {"local_hostname": "a name of words"}])
def test_a_name_that_cannot_be_a_host_closes_the_lane(given: dict[str, str]) -> None:
    with pytest.raises(LaneClosed, match="DIGEST_SMTP"):
        asyncio.run(connect(way(Rude(), **given)))


LOGIN = ("AUTH PLAIN LOGIN",)


def secrets_in(words: str) -> bool:
    token = base64.b64encode(f"\0digest\0{PASSWORD}".encode()).decode()
    return "AUTH" in words or token in words or PASSWORD in words


@pytest.mark.parametrize(
    ("reply", "kind"), [("535 5.7.8 wrong", LaneClosed), ("454 4.7.0 try later", RelayDown), ("421 closing", RelayDown)]
)
def test_a_refused_login_is_about_us_and_a_postponed_one_passes(reply: str, kind: type[SendError]) -> None:
    async def act() -> None:
        async with Rude({"AUTH": [reply] * 2}, offers=LOGIN) as rude:
            with pytest.raises(SendError) as caught:
                await connect(way(rude, username="digest", password=PASSWORD))
            assert type(caught.value) is kind
            assert PASSWORD not in str(caught.value)

    asyncio.run(act())


def test_without_a_login_on_offer_the_lane_closes() -> None:
    async def act() -> None:
        async with Rude() as rude:
            with pytest.raises(LaneClosed, match="AUTH"):
                await connect(way(rude, username="digest", password=PASSWORD))

    asyncio.run(act())


# --- TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of our own for localhost, in one file."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command = ["openssl", *made.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", "key", "-out", "cert"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return both


def secured(rude: Rude, certificate: Path, tls: str) -> Rude:
    rude.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    rude.tls.load_cert_chain(certificate)
    rude.tls_at_once = tls == "tls"
    rude.offers = (*LOGIN, "STARTTLS") if tls == "starttls" else LOGIN
    return rude


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_the_password_goes_to_a_relay_that_proves_who_it_is(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def act() -> None:
        async with secured(Rude({"AUTH": ["235 welcome"]}), certificate, tls) as rude:
            known = way(rude, host="localhost", tls=tls, username="digest", password=PASSWORD)
            async with Connection(known) as connection:
                await send(connection)
            spoken = [each.split(" ")[0] for each in rude.heard[0]]
            assert spoken == (["EHLO", "STARTTLS"] if tls == "starttls" else []) + [
                "EHLO",
                "AUTH",
                "MAIL",
                "RCPT",
                "DATA",
                "QUIT",
            ]

    asyncio.run(act())


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_relay_that_does_not_prove_who_it_is_hears_no_password(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str, *, trusted: bool
) -> None:
    if trusted:  # by that certificate it is localhost, yet we asked for 127.0.0.1
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def act() -> None:
        async with secured(Rude(), certificate, tls) as rude:
            with pytest.raises(LaneClosed, match="no safe connection"):
                await connect(way(rude, tls=tls, username="digest", password=PASSWORD))
            assert not secrets_in(rude.words)

    asyncio.run(act())


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (Rude(offers=LOGIN), LaneClosed),
        (Rude({"STARTTLS": ["502 unknown"]}, offers=(*LOGIN, "STARTTLS")), LaneClosed),
        (Rude({"STARTTLS": ["454 4.7.0 not now"]}, offers=(*LOGIN, "STARTTLS")), RelayDown),
        (Rude({"STARTTLS": [CLOSE]}, offers=(*LOGIN, "STARTTLS")), RelayDown),
    ],
)
def test_where_starttls_fails_no_password_is_sent_in_the_clear(server: Rude, kind: type[SendError]) -> None:
    async def act() -> None:
        async with server as rude:
            with pytest.raises(SendError) as caught:
                await connect(way(rude, tls="starttls", username="digest", password=PASSWORD))
            assert type(caught.value) is kind
            assert not secrets_in(rude.words)

    asyncio.run(act())


def test_a_server_without_tls_is_no_place_for_a_tls_connection() -> None:
    async def act() -> None:
        async with Rude() as rude:
            with pytest.raises(LaneClosed, match="no safe connection"):
                await connect(way(rude, tls="tls"))

    asyncio.run(act())
