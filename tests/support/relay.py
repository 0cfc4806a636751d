"""A real SMTP server for tests, which keeps its own log of what it accepted and can be told to misbehave."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class Relay:
    """What the relay does and has seen. Set the attributes at any time; the server thread reads them."""

    def __init__(self) -> None:
        self.port = 0
        self.accepted: list[tuple[str, bytes]] = []  # the log: recipient and message, once accepted for good
        self.senders: dict[str, list[str]] = defaultdict(list)  # by recipient: the envelope's senders
        self.refuse: dict[str, str] = {}  # recipient -> reply to RCPT
        self.refuse_data: str | None = None  # reply to the final dot
        self.stall_from: int | None = None  # from the email of this number on (0 is the first) DATA is never answered
        self.stalled: list[str] = []  # recipients whose emails hang
        self.takes = 0.0  # seconds for each email
        self.hanging = threading.Event()
        self.seen = 0
        self.sessions = 0

    async def handle_EHLO(  # noqa: N802  - aiosmtpd's name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.sessions += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if reply := self.refuse.get(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        number, self.seen = self.seen, self.seen + 1
        if self.stall_from is not None and number >= self.stall_from:
            self.stalled += envelope.rcpt_tos
            self.hanging.set()
            await asyncio.sleep(3600)
        if self.takes:
            await asyncio.sleep(self.takes)
        if self.refuse_data:
            return self.refuse_data
        content: Any = envelope.content
        for recipient in envelope.rcpt_tos:
            self.senders[recipient].append(str(envelope.mail_from))
        self.accepted += [(recipient, bytes(content)) for recipient in envelope.rcpt_tos]
        return f"250 2.0.0 queued as {number}"

    def mails(self) -> dict[str, list[EmailMessage]]:
        """What each recipient got, in order."""
        return self.mails_of(self.accepted)

    @staticmethod
    def mails_of(accepted: list[tuple[str, bytes]]) -> dict[str, list[EmailMessage]]:
        """As `mails`, of a part of the log."""
        got: dict[str, list[EmailMessage]] = defaultdict(list)
        for recipient, content in accepted:
            got[recipient].append(message_from_bytes(content, policy=policy.default))
        return got


def text_of(message: EmailMessage, subtype: str = "plain") -> str:
    """The text of one of a message's alternatives."""
    body = message.get_body((subtype,))
    assert body is not None
    return str(body.get_content())


@contextmanager
def relay() -> Iterator[Relay]:
    """A relay on loopback, in a thread of its own."""
    state = Relay()
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: SMTP(state, hostname="relay.test", loop=loop), "127.0.0.1", 0)
        state.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield state
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
