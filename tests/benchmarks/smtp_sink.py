"""SMTP server that accepts and discards every message, cheaply: python -m tests.benchmarks.smtp_sink SECONDS

Prints the port that it listens on. Each reply is delayed by so many seconds, as from far away.

Postfix's smtp-sink looks at each character by itself, which takes 0.3 ms of a processor a message. That is fair where
smtp-source has to bear it, too; where senders share two cores with it, it would be what is measured.
"""

import asyncio
import sys
from typing import cast

import uvloop

END_OF_DATA = b"\r\n.\r\n"
REPLIES = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 2.0.0 goodbye\r\n",
}
OK = b"250 2.0.0 Ok\r\n"


class SinkProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._buffer = b""
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._reply(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = []
        while reply := self._read_message() if self._in_data else self._read_command():
            replies.append(reply)
        if replies:
            self._reply(b"".join(replies))

    def _read_command(self) -> bytes:
        line, line_end, rest = self._buffer.partition(b"\r\n")
        if not line_end:
            return b""
        verb = line[:4].upper()
        self._buffer, self._in_data = rest, verb == b"DATA"
        return REPLIES.get(verb, OK)

    def _read_message(self) -> bytes:
        _, end, rest = self._buffer.partition(END_OF_DATA)
        if not end:
            self._buffer = self._buffer[1 - len(END_OF_DATA) :]
            return b""
        self._buffer, self._in_data = rest, False
        return OK

    def _reply(self, text: bytes) -> None:
        if self._delay_seconds:
            asyncio.get_running_loop().call_later(self._delay_seconds, self._transport.write, text)
        else:
            self._transport.write(text)


async def serve(delay_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SinkProtocol(delay_seconds), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1])))
