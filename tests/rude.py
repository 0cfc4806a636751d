"""An SMTP server that answers what a test tells it to, however rude, and writes down every word it hears."""

import asyncio
import contextlib
import ssl
from collections import defaultdict
from types import TracebackType
from typing import Self

HANG = "never"  # no reply, and the connection stays
CLOSE = "close"  # no reply, and the connection ends; after a reply: "250 ok, close"
USUAL = {"greeting": "220 rude.test", "DATA": "354 go ahead", "QUIT": "221 bye", "STARTTLS": "220 go ahead"}


class Rude:
    """`replies` by verb; "greeting" is the first line and "dot" the answer after a letter. A list answers one by one,
    and when it is used up the server is polite again.
    """

    def __init__(self, replies: dict[str, list[str]] | None = None, *, offers: tuple[str, ...] = ()) -> None:
        self.replies = defaultdict(list, replies or {})
        self.offers = offers
        self.port = 0
        self.heard: list[list[str]] = []  # the commands, by connection
        self.letters: list[bytes] = []  # as they were on the wire, with the final dot
        self.waiting = asyncio.Event()  # a reply is being withheld
        self.tls: ssl.SSLContext | None = None
        self.tls_at_once = False
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        context = self.tls if self.tls_at_once else None
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    @property
    def words(self) -> str:
        """All commands of all connections."""
        return "\n".join(line for each in self.heard for line in each)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._talks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._listen(reader, writer)
        finally:
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said: list[str] = []
        self.heard.append(said)
        more = await self._say("greeting", writer)
        while more and (line := await reader.readline()):
            said.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            verb = said[-1].split(" ")[0].upper()
            more = await self._say(verb, writer)
            if verb == "DATA" and self._last.startswith("354"):
                self.letters.append(await reader.readuntil(b"\r\n.\r\n"))
                more = await self._say("dot", writer)
            elif verb == "STARTTLS" and self._last.startswith("220"):
                assert self.tls
                await writer.start_tls(self.tls)
            more = more and verb != "QUIT"

    async def _say(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        usual = "\r\n".join(["250-rude.test", *(f"250-{each}" for each in self.offers), "250 HELP"])
        polite = usual if verb == "EHLO" else USUAL.get(verb, "250 2.0.0 ok")
        self._last = self.replies[verb].pop(0) if self.replies[verb] else polite
        if self._last == HANG:
            self.waiting.set()
            await asyncio.sleep(3600)
        reply, _, end = self._last.partition(CLOSE)
        if reply:
            writer.write(reply.removesuffix(", ").encode("latin-1") + b"\r\n")
            await writer.drain()
        return not end and not self._last.endswith(CLOSE)
