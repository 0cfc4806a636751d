"""A relay that keeps a log and misbehaves.

python -m tests.chaos.server LOG --seed 7    prints its port and serves until its standard input ends

It accepts an email by writing it down: Message-ID and recipient are on the disk before a byte of the 250 leaves.
Lines on its standard input change it: "polite" ends all faults, "end" all connections that are open, "kill" has it
ask, in its log, that the client of the next email be killed at a place that it rolls dice for.
"""

import argparse
import asyncio
import contextlib
import random
import re
import ssl
import sys
from pathlib import Path

from tests.chaos import faults
from tests.chaos.faults import FaultPlan
from tests.chaos.log import AcceptedMessage, BrokenConnection, FaultEntry, KillRequest, LogWriter

MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
PART = re.compile(rb"\bpart[\s=]+(\d)")  # how the titles of the papers end
ADDRESS = re.compile(r"<([^>]*)>")
LARGEST = 8_000_000  # bytes of an email
HELD = 5.0  # seconds to wait for the kill that was asked for
KILL_AT = ("RCPT", "DATA", "body", "dot", "logged", "replied")
USUAL = {"MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "RSET": "250 2.0.0 ok", "QUIT": "221 2.0.0 bye"}


class ConnectionEnded(Exception):
    """This connection is over."""


class RudeServer:
    """What all connections share."""

    def __init__(self, log: LogWriter, seed: int, rate: float, tls: ssl.SSLContext | None, late: float) -> None:
        self.log, self.seed, self.rate, self.tls, self.late = log, seed, rate, tls, late
        self.connections = 0
        self.kill_at = ""
        self._talks: set[asyncio.StreamWriter] = set()
        self._dice = random.Random(seed)

    async def talk(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._talks.add(writer)
        talk = Conversation(self, self.connections, stream, writer)
        try:
            await talk.run()
        except (OSError, ConnectionEnded, asyncio.IncompleteReadError):
            pass
        finally:
            talk.end()
            self._talks.discard(writer)

    def handle_line(self, line: str) -> None:
        """An order from whoever started us."""
        if line == "polite":
            self.rate, self.kill_at = 0, ""
        elif line == "end":
            for session in self._talks:
                session.transport.abort()
        elif line == "kill":
            self.kill_at = self._dice.choice(KILL_AT)


class Conversation:
    """One connection. `doubt`: recipients whose emails the client may hold for sent, unsent, or neither."""

    def __init__(
        self, server: RudeServer, number: int, stream: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._number, self._stream, self._writer = server, number, stream, writer
        self._faults = FaultPlan(server.seed, number, server.rate)
        self._client, self._recipient, self._why = "", "", "the client went"
        self._secure = self._polite = False
        self._doubt: list[str] = []

    async def run(self) -> None:
        await self._answer("greeting", "220 chaos ESMTP")
        while line := await self._stream.readline():
            words = line.decode("utf-8", "replace").rstrip("\r\n")
            await self._hear(words.split(" ")[0].upper(), words)

    def end(self) -> None:
        if not self._polite:
            self._server.log.write(BrokenConnection(self._number, tuple(self._doubt[-2:]), self._why))
        self._writer.close()

    async def _hear(self, verb: str, words: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                self._client = words.partition(" ")[2]
                await self._answer(verb, "250 chaos" if verb == "HELO" else self._offers())
            case "STARTTLS":
                await self._start_tls()
            case "RCPT":
                found = ADDRESS.search(words)
                self._recipient = found[1] if found else ""
                if await self._answer(verb, USUAL[verb]):
                    self._doubt.append(self._recipient)
                await self._kill(verb)
            case "DATA":
                await self._data()
            case "QUIT":
                self._polite = True
                await self._answer(verb, USUAL[verb])
                raise ConnectionEnded
            case _:
                await self._answer(verb, USUAL.get(verb, "502 5.5.1 what"))

    def _offers(self) -> str:
        pipelining = ["PIPELINING"] if self._faults.pipelining else []
        starttls = ["STARTTLS"] if self._server.tls and not self._secure else []
        lines = ["chaos", "SIZE 10000000", "8BITMIME", *pipelining, *starttls, "ENHANCEDSTATUSCODES"]
        return "\r\n".join(f"250{' ' if line == lines[-1] else '-'}{line}" for line in lines)

    async def _start_tls(self) -> None:
        if self._server.tls is None:
            await self._answer("other", "502 5.5.1 what")
            return
        fault = self._struck("STARTTLS")
        if fault[:3].isdigit():
            await self._reply(fault)
            return
        await self._reply("220 2.0.0 go ahead")
        if fault == faults.STALL:
            await self._gone()
        if fault:
            await self._stream.read(64)  # the client's hello; half a handshake is all it gets
            if fault == faults.JUNK:
                await self._write(b"\x16\x03\x01 this is no handshake\r\n" * 9)
            elif fault == faults.HALF:
                await self._write(b"\x16\x03\x03\x00\x7a\x02\x00")
            self._cut(fault)
        try:
            await self._writer.start_tls(self._server.tls)
        except (OSError, ssl.SSLError) as error:
            raise ConnectionEnded from error
        self._secure = True

    async def _data(self) -> None:
        await self._kill("DATA")
        if not await self._answer("DATA", "354 go ahead"):
            return
        if self._struck("body"):
            await self._stream.read(int(self._faults.share() * 8000))
            self._cut("body")
        if self._server.kill_at == "body":
            await self._stream.read(100)
            await self._kill("body")
        raw = await self._stream.readuntil(b"\r\n.\r\n")
        await self._kill("dot")
        found = MESSAGE_ID.search(raw)
        assert found, "an e-mail without a Message-ID"
        parts = sorted({int(part) for part in PART.findall(raw)})
        await self._after(AcceptedMessage(found[1].decode(), self._recipient, tuple(parts)))

    async def _after(self, message: AcceptedMessage) -> None:
        fault = self._struck("dot")
        if fault and fault not in faults.ACCEPTING:
            await self._act(fault)
            return
        self._server.log.write(message)
        self._server.log.sync()
        await self._kill("logged")
        match fault:
            case faults.LOST:
                self._cut(fault)
            case faults.MUTE:
                await self._gone()
            case faults.GARBLED:
                await self._write(b"25")
                self._cut(fault)
            case faults.LATE:
                await asyncio.sleep(self._server.late * self._faults.share())
        await self._reply("250 2.0.0 queued")
        await self._kill("replied")
        if fault == faults.BYE:
            await self._act(faults.AWAY)

    async def _answer(self, place: str, usual: str) -> bool:
        """The usual answer, or a fault; whether it was the usual."""
        if fault := self._struck(place):
            await self._act(fault)
        else:
            await self._reply(usual)
        return not fault

    async def _act(self, fault: str) -> None:
        if fault == faults.STALL:
            await self._gone()
        if fault == faults.HALF:
            await self._write(b"2")
        if not fault[:3].isdigit():
            self._cut(fault)
        await self._reply(fault)
        if fault == faults.AWAY:
            self._cut(fault)

    def _struck(self, place: str) -> str:
        fault = self._faults.at(place) if self._server.rate else ""
        if fault:
            self._server.log.write(FaultEntry(place, fault))
        return fault

    async def _kill(self, place: str) -> None:
        if self._server.kill_at == place:
            self._server.kill_at = ""
            self._server.log.write(KillRequest(place, self._client))
            self._why = f"killed: {place}"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HELD):
                    await self._gone()

    async def _gone(self) -> None:
        """Wait, without a word, until the client has gone."""
        while await self._stream.read(65536):
            pass
        raise ConnectionEnded

    def _cut(self, why: str) -> None:
        self._why = why
        if self._faults.rudely():
            self._writer.transport.abort()
        raise ConnectionEnded

    async def _reply(self, reply: str) -> None:
        await self._write(reply.encode() + b"\r\n")

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


async def serve(arguments: argparse.Namespace) -> None:
    tls = None
    if arguments.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(arguments.certificate)
    state = RudeServer(LogWriter(arguments.log), arguments.seed, arguments.rate, tls, arguments.late)
    server = await asyncio.start_server(state.talk, arguments.host, 0, limit=LARGEST)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        state.handle_line(line.decode().strip())


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("log", type=Path)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--rate", type=float, default=1.0, help="how often things go wrong; 0 is never")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--late", type=float, default=0.2, help="seconds that a late reply may take")
    arguments.add_argument("--certificate", default="", help="key and certificate in one file, for STARTTLS")
    asyncio.run(serve(arguments.parse_args()))


if __name__ == "__main__":
    main()
