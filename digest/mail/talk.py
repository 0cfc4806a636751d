"""What is said on a connection to the relay: commands go out, alone or several at a time (RFC 2920), and each gets its
reply (RFC 5321 4.2), in the order in which they were said.

aiosmtplib makes the connection; it knows one question at a time and throws away what comes behind its answer. So when
the relay is ready for MAIL, the transport is taken over here. A line that answers no question, that is no reply, or
that never ends puts us out of step: then the connection is `lost`, whatever else may come.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import NamedTuple, Self, cast

import aiosmtplib

from digest.errors import RelayDown

LONGEST_LINE = 8192  # bytes; RFC 5321 4.5.3.1.5 says 512, and many say more
LONGEST_REPLY = 4 * LONGEST_LINE
GOING_AWAY = 421
REPLY = re.compile(rb"(\d{3})(?:([ -])(.*))?", re.DOTALL)


class Reply(NamedTuple):
    """`text` has the lines of the reply without their code."""

    code: int
    text: str


class Talk(asyncio.Protocol):
    """One connection after its EHLO. One task at a time talks. `lost`: why nothing can be said any more."""

    def __init__(self, transport: asyncio.WriteTransport, offers: Iterable[str] = ()) -> None:
        self.lost = ""
        self.offers = frozenset(offers)  # the extensions that the relay named, in small letters
        self.pipelines = "pipelining" in self.offers
        self._transport = transport
        self._rest = b""  # of a line that goes on in the next packet
        self._lines: list[bytes] = []  # of a reply that goes on
        self._got: list[Reply] = []  # and not heard yet
        self._due = 0  # replies to what was said
        self._wanted = 0  # so many make who waits go on
        self._waiter: asyncio.Future[None] | None = None

    @classmethod
    def take_over(cls, smtp: aiosmtplib.SMTP) -> Self:
        """The connection that the library has made. Raises RelayDown where it is gone already."""
        transport = smtp.transport
        if transport is None or transport.is_closing():
            raise RelayDown("the relay closed the connection after its greeting")
        talk = cls(cast("asyncio.WriteTransport", transport), smtp.esmtp_extensions)
        transport.set_protocol(talk)
        return talk

    async def ask(self, said: bytes, *, replies: int = 1, seconds: float) -> list[Reply]:
        """`say` and `hear`."""
        self.say(said, replies)
        return await self.hear(replies, seconds)

    def say(self, said: bytes, replies: int) -> None:
        """Send `said` in one write. So many replies to it have to be heard."""
        if not self.lost:
            self._due += replies
            self._transport.write(said)

    async def hear(self, replies: int, seconds: float) -> list[Reply]:
        """Wait for the next replies; fewer come back where the connection is lost meanwhile.

        A 421 is the last (RFC 5321 3.8), though the relay may leave the connection open. `seconds` are those of all
        replies together. Cancelled, the connection is lost: the next reply would answer the wrong question.
        """
        if len(self._got) < replies and not self.lost:
            await self._wait(replies, seconds)
        heard, self._got = self._got[:replies], self._got[replies:]
        return heard

    async def _wait(self, replies: int, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._wanted, self._waiter = replies, loop.create_future()
        late = loop.call_later(seconds, self._lose, f"no answer within {seconds:g} seconds")
        try:
            await self._waiter
        except asyncio.CancelledError:
            self._lose("cancelled while the relay was about to answer")
            raise
        finally:
            late.cancel()
            self._waiter = None

    def close(self) -> None:
        """End the connection, without a word."""
        self._transport.close()
        self.lost = self.lost or "closed"

    def data_received(self, data: bytes) -> None:
        """Whatever the relay sends: half a line, or many."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hear(line.rstrip(b" \t\r"))
        if len(self._rest) > LONGEST_LINE:
            self._lose("the relay sends a line without end")

    def eof_received(self) -> None:
        """The relay has closed its side: the transport closes ours."""
        self._lose("the relay closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        """It broke."""
        self._lose(f"the connection broke: {error}" if error else "the connection was closed")

    def _hear(self, line: bytes) -> None:
        if self.lost:
            return
        found = REPLY.fullmatch(line)
        if not self._due or not found:
            self._lose(f"the relay said what is no answer: {line[:200].decode('utf-8', 'replace')}")
            return
        self._lines.append(line)
        if sum(map(len, self._lines)) > LONGEST_REPLY or line[:3] != self._lines[0][:3]:
            self._lose("the relay gave a reply without end, or of several codes")
        elif found[2] != b"-":
            self._answered(int(found[1]))

    def _answered(self, code: int) -> None:
        text = b"\n".join(line[4:].strip() for line in self._lines)
        self._lines = []
        self._got.append(Reply(code, text.decode("utf-8", "surrogateescape")))
        self._due -= 1
        if code == GOING_AWAY:
            self._lose("the relay is closing the connection")
        elif self._waiter and len(self._got) == self._wanted and not self._waiter.done():
            self._waiter.set_result(None)

    def _lose(self, why: str) -> None:
        if self.lost:
            return
        self.lost = why
        self._transport.abort()
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
