"""An SMTP server that answers what a test tells it to, however rude, and writes down every word it hears. It is strict
about turns: who talks on before the answer, unless PIPELINING is on offer and RFC 2920 lets them, fails the test.
"""

import asyncio
import contextlib
import ssl
from collections import defaultdict
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HANG = "never"  # no reply, and the connection stays
CLOSE = "close"  # no reply, and the connection ends; after a reply: "250 ok, close"
TAKING_TURNS = {
    "EHLO",
    "HELO",
    "DATA",
    "QUIT",
    "STARTTLS",
    "AUTH",
}  # nothing may follow before the answer: RFC 2920 3.1
VERBS = {*TAKING_TURNS, "greeting", "MAIL", "RCPT", "RSET", "NOOP", "dot"}
USUAL = {"greeting": "220 rude.test", "DATA": "354 go ahead", "QUIT": "221 bye", "STARTTLS": "220 go ahead"}


class RudeRelay:
    """`replies` by verb; "greeting" is the first line and "dot" the answer after a message. A list answers one by one,
    and when it is used up the server is polite again.
    """

    def __init__(self, replies: dict[str, list[str]] | None = None, *, offers: tuple[str, ...] = ()) -> None:
        self.replies = defaultdict(list, replies or {})
        self.offers = offers
        self.port = 0
        self.heard: list[list[str]] = []  # the commands, by connection
        self.messages: list[bytes] = []  # as they were on the wire, with the final dot
        self.waiting = asyncio.Event()  # a reply is being withheld
        self.out_of_turn: list[str] = []
        self.together = False  # replies wait for one another until nothing more has been asked, as Postfix does it
        self.split = False  # each byte of a reply is a packet
        self.slow = 0.0  # seconds before each reply
        self.deaf = False  # to what comes together with the end of a message
        self.ahead: list[str] = []  # what had come so, first words, by message
        self.tls: ssl.SSLContext | None = None
        self.tls_at_once = False
        self._talks: set[asyncio.Task[None]] = set()
        self._turns: dict[asyncio.StreamWriter, _Turn] = {}

    async def __aenter__(self) -> Self:
        context = self.tls if self.tls_at_once else None
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        assert not self.out_of_turn

    @property
    def words(self) -> str:
        """All commands of all connections."""
        return "\n".join(line for lines in self.heard for line in lines)

    async def _talk(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._talks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._listen(stream, writer)
        finally:
            writer.close()

    async def _listen(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands: list[str] = []
        self.heard.append(commands)
        turn = self._turns[writer] = _Turn(stream)
        more = await self._reply("greeting", writer)
        while more and (line := await stream.readline()):
            commands.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            verb = commands[-1].split(" ")[0].upper()
            more = await self._reply(verb, writer)
            if more and verb == "DATA" and turn.last.startswith("354"):
                self.messages.append(await stream.readuntil(b"\r\n.\r\n"))
                self.ahead.append(" ".join(line[:4].decode() for line in turn.ahead.splitlines()))
                if self.deaf:
                    await stream.read(len(turn.ahead))
                more = await self._reply("dot", writer)
            elif verb == "STARTTLS" and turn.last.startswith("220"):
                assert self.tls
                await writer.start_tls(self.tls)
            more = more and verb != "QUIT"

    async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(self.slow)
        turn = self._turns[writer]
        ahead = turn.ahead
        spoken = verb in VERBS and ahead[:1].isalpha()  # anything else is TLS where we speak none
        if spoken and (verb in TAKING_TURNS or "PIPELINING" not in self.offers):
            self.out_of_turn.append(f"{ahead[:80]!r} before the answer to {verb}")
        turn.last = self.replies[verb].pop(0) if self.replies[verb] else self._polite(verb, turn)
        if turn.last == HANG:
            self.waiting.set()
            await asyncio.sleep(3600)
        turn.answered(verb)
        reply, _, end = turn.last.partition(CLOSE)
        if reply:
            turn.held += reply.removesuffix(", ").encode("latin-1") + b"\r\n"
        close = bool(end) or turn.last.endswith(CLOSE)
        if close or not (self.together and ahead):
            await self._send(turn, writer)
        return not close

    def _polite(self, verb: str, turn: "_Turn") -> str:
        if verb == "EHLO":
            return "\r\n".join(["250-rude.test", *(f"250-{offer}" for offer in self.offers), "250 HELP"])
        if (verb == "RCPT" and not turn.mailed) or (verb == "DATA" and not turn.named):
            return "503 5.5.1 not yet"
        return USUAL.get(verb, "250 2.0.0 ok")

    async def _send(self, turn: "_Turn", writer: asyncio.StreamWriter) -> None:
        for packet in [bytes([byte]) for byte in turn.held] if self.split else [turn.held]:
            writer.write(packet)
            await writer.drain()
            if self.split:
                await asyncio.sleep(0.001)
        turn.held = b""


@dataclass
class _Turn:
    """How far one connection is."""

    stream: asyncio.StreamReader
    mailed: bool = False  # MAIL has been accepted, and RCPT
    named: bool = False
    held: bytes = b""  # replies not yet sent
    last: str = ""

    @property
    def ahead(self) -> bytes:
        """What has come and was not read yet."""
        return bytes(self.stream._buffer)  # type: ignore[attr-defined]

    def answered(self, verb: str) -> None:
        well = self.last.startswith("2")
        self.mailed = well if verb == "MAIL" else self.mailed and verb not in {"RSET", "dot"}
        self.named = self.mailed and (self.named or (verb == "RCPT" and well))
