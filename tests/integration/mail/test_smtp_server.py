"""How a connection to the relay begins: greeting, EHLO, TLS, login."""

import asyncio
import base64
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from digest.errors import DeliveryError, RelayRefusedError, RelayUnavailableError
from digest.mail import RelayConfig as Way
from digest.mail import SmtpConnection, connect
from tests.support.handing import against, relay_config, send, send_error
from tests.support.rude_relay import CLOSE, RudeRelay

PASSWORD = "a password that nobody must read"


@pytest.mark.parametrize(
    ("replies", "kind", "code"),
    [
        ({"greeting": ["421 4.3.2 not now"]}, RelayUnavailableError, 421),
        ({"greeting": ["554 5.7.1 not you"]}, RelayRefusedError, 554),
        ({"greeting": [CLOSE]}, RelayUnavailableError, 0),
        ({"greeting": ["SSH-2.0-server"]}, RelayUnavailableError, 0),
        ({"EHLO": ["421 4.3.2 not now"]}, RelayUnavailableError, 421),
        ({"EHLO": ["450 4.3.2 not now"]}, RelayUnavailableError, 450),
        ({"EHLO": ["550 5.7.1 no"], "HELO": ["550 5.7.1 no"]}, RelayRefusedError, 550),
        ({"EHLO": [CLOSE]}, RelayUnavailableError, 0),
    ],
)
def test_a_refusal_in_the_greeting_is_about_us(
    replies: dict[str, list[str]], kind: type[DeliveryError], code: int
) -> None:
    async def act(_rude: RudeRelay, connection: SmtpConnection) -> None:
        error = await send_error(connection)
        assert (type(error), error.code) == (kind, code)
        await send(connection)

    against(lambda: RudeRelay({verb: list(lines) for verb, lines in replies.items()}), act)


def test_where_no_server_listens_the_relay_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(RelayUnavailableError, match=f"127.0.0.1:{port} cannot be reached"):
        asyncio.run(connect(Way(host="127.0.0.1", port=port)))


@pytest.mark.parametrize("given", [{"host": "two..dots"}, {"local_hostname": "a name of words"}])
def test_a_name_that_cannot_be_a_host_opens_the_circuit(given: dict[str, str]) -> None:
    with pytest.raises(RelayRefusedError, match="DIGEST_SMTP"):
        asyncio.run(connect(relay_config(RudeRelay(), **given)))


LOGIN = ("AUTH PLAIN LOGIN",)


def secrets_in(words: str) -> bool:
    token = base64.b64encode(f"\0digest\0{PASSWORD}".encode()).decode()
    return "AUTH" in words or token in words or PASSWORD in words


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("535 5.7.8 wrong", RelayRefusedError),
        ("454 4.7.0 try later", RelayUnavailableError),
        ("421 closing", RelayUnavailableError),
    ],
)
def test_a_refused_login_is_about_us_and_a_postponed_one_passes(reply: str, kind: type[DeliveryError]) -> None:
    async def act() -> None:
        async with RudeRelay({"AUTH": [reply] * 2}, offers=LOGIN) as rude:
            with pytest.raises(DeliveryError) as caught:
                await connect(relay_config(rude, username="digest", password=PASSWORD))
            assert type(caught.value) is kind
            assert PASSWORD not in str(caught.value)

    asyncio.run(act())


def test_without_a_login_on_offer_the_circuit_opens() -> None:
    async def act() -> None:
        async with RudeRelay() as rude:
            with pytest.raises(RelayRefusedError, match="AUTH"):
                await connect(relay_config(rude, username="digest", password=PASSWORD))

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


def secured(rude: RudeRelay, certificate: Path, tls: str) -> RudeRelay:
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
        async with secured(RudeRelay({"AUTH": ["235 welcome"]}), certificate, tls) as rude:
            known = relay_config(rude, host="localhost", tls=tls, username="digest", password=PASSWORD)
            async with SmtpConnection(known) as connection:
                await send(connection)
            spoken = [line.split(" ")[0] for line in rude.heard[0]]
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
        async with secured(RudeRelay(), certificate, tls) as rude:
            with pytest.raises(RelayRefusedError, match="no safe connection"):
                await connect(relay_config(rude, tls=tls, username="digest", password=PASSWORD))
            assert not secrets_in(rude.words)

    asyncio.run(act())


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (RudeRelay(offers=LOGIN), RelayRefusedError),
        (RudeRelay({"STARTTLS": ["502 unknown"]}, offers=(*LOGIN, "STARTTLS")), RelayRefusedError),
        (RudeRelay({"STARTTLS": ["454 4.7.0 not now"]}, offers=(*LOGIN, "STARTTLS")), RelayUnavailableError),
        (RudeRelay({"STARTTLS": [CLOSE]}, offers=(*LOGIN, "STARTTLS")), RelayUnavailableError),
    ],
)
def test_where_starttls_fails_no_password_is_sent_in_the_clear(server: RudeRelay, kind: type[DeliveryError]) -> None:
    async def act() -> None:
        async with server as rude:
            with pytest.raises(DeliveryError) as caught:
                await connect(relay_config(rude, tls="starttls", username="digest", password=PASSWORD))
            assert type(caught.value) is kind
            assert not secrets_in(rude.words)

    asyncio.run(act())


def test_a_server_without_tls_is_no_place_for_a_tls_connection() -> None:
    async def act() -> None:
        async with RudeRelay() as rude:
            with pytest.raises(RelayRefusedError, match="no safe connection"):
                await connect(relay_config(rude, tls="tls"))

    asyncio.run(act())
