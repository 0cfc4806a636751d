"""Local mailbox: where messages go while no relay is set, in the demo and in tests.

A real SMTP server (aiosmtpd) on loopback that stores each accepted message as one .eml file.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """Message in the folder; `name` is its file name without .eml."""

    name: str
    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """Subject; empty when there is none."""
        return str(self.message["Subject"] or "")

    def part(self, subtype: str) -> str:
        """Return the text of the part text/`subtype`, empty when there is none."""
        body = self.message.get_body((subtype,))
        return str(body.get_content()) if body else ""


class LocalMailbox:
    """SMTP server. Its `port` is known once it is entered, unless one is asked for."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.folder, self.host, self.port = folder, host, port
        self._sequence = count(1)

    async def __aenter__(self) -> Self:
        from aiosmtpd.smtp import SMTP

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, hostname="inbox.localhost", ident="digest inbox", loop=loop), self.host, self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def handle_DATA(self, _server: "SMTP", _session: "Session", envelope: "Envelope") -> str:  # noqa: N802  - aiosmtpd's name
        """Store a message durably before it is accepted."""
        content: Any = envelope.content
        try:
            await asyncio.to_thread(self._store, envelope.rcpt_tos, bytes(content))
        except OSError as error:  # the library would answer 500, which is final
            return f"452 4.3.1 cannot be kept: {error.strerror}"
        return "250 2.0.0 kept"

    def _store(self, recipients: list[str], content: bytes) -> None:
        name = f"{time.time_ns()}-{next(self._sequence)}"
        headers = "".join(f"Delivered-To: {recipient}\r\n" for recipient in recipients).encode()
        unfinished = self.folder / f"{name}.tmp"
        # Readable by its owner only: e-mails hold addresses, and links that are as good as a password.
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(headers + content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self.folder / f"{name}.eml")


def list_messages(folder: Path) -> list[StoredMessage]:
    """Return all messages in a folder, the oldest first."""
    return [_load_message(path) for path in sorted(folder.glob("*.eml"), key=_arrival_key)]


def find_message(folder: Path, name: str) -> StoredMessage | None:
    """Return the message of that name, if there is one. `name` may come from a URL."""
    return next((_load_message(path) for path in folder.glob("*.eml") if path.stem == name), None)


def _arrival_key(path: Path) -> tuple[int, int]:
    instant, _, number = path.stem.partition("-")
    return (int(instant), int(number)) if instant.isdigit() and number.isdigit() else (0, 0)


def _load_message(path: Path) -> StoredMessage:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    return StoredMessage(path.stem, str(message["Delivered-To"] or message["To"] or ""), message)
