"""One message handed over a connection to a server that is as rude as a test wants it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from digest.errors import DeliveryError
from digest.mail import OutgoingMessage, RawMessage, RelayConfig, SmtpConnection
from tests.support.rude_relay import RudeRelay

MESSAGE = RawMessage(b"Subject: papers\r\n\r\nSix of them.\r\n")
FROM, ADA = "digest@example.org", "ada@example.org"

Act = Callable[[RudeRelay, SmtpConnection], Coroutine[Any, Any, None]]
Against = Callable[[Callable[[], RudeRelay], Act], None]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def relay_config(server: RudeRelay, **given: Any) -> RelayConfig:
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": server.port}
    return RelayConfig(**usual | given)


async def send(connection: SmtpConnection, raw: bytes = MESSAGE, to: str = ADA) -> str:
    async with asyncio.timeout(30):
        return str(await connection.send(OutgoingMessage(FROM, to, to_raw_message(raw)), yes))


def to_raw_message(raw: bytes) -> RawMessage:
    """Any bytes as DATA wants them: with a line end, and leading dots doubled."""
    raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    return RawMessage((b"." if raw.startswith(b".") else b"") + raw.replace(b"\r\n.", b"\r\n.."))


async def send_error(connection: SmtpConnection) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await send(connection)
    return caught.value


def against(server: Callable[[], RudeRelay], act: Act) -> None:
    async def together() -> None:
        async with asyncio.timeout(60), server() as rude, SmtpConnection(relay_config(rude)) as connection:
            await act(rude, connection)

    asyncio.run(together())


def pipelining(server: Callable[[], RudeRelay], act: Act) -> None:
    """The same, with a server that takes several commands at a time."""

    def offering() -> RudeRelay:
        rude = server()
        rude.offers = (*rude.offers, "PIPELINING")
        return rude

    against(offering, act)
