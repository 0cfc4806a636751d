"""A relay that takes every letter and keeps none, as cheaply as may be: python -m tests.benchmarks.lean SECONDS

Says on which port it listens. Whatever it answers comes so many seconds later, as from far away.

smtp-sink looks at each character by itself, which takes 0.3 ms of a processor a letter. That is no matter where
smtp-source has to bear it, too; where senders share two cores with it, it would be what is measured.
"""

import asyncio
import sys
from typing import cast

import uvloop

END = b"\r\n.\r\n"
ANSWERS = {
    b"EHLO": b"250-lean\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 2.0.0 goodbye\r\n",
}
OK = b"250 2.0.0 Ok\r\n"


class Taking(asyncio.Protocol):
    """One connection."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._unread = b""
        self._in_letter = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.Transport", transport)
        self._answer(b"220 lean ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._unread += data
        answers = []
        while answer := self._letter() if self._in_letter else self._command():
            answers.append(answer)
        if answers:
            self._answer(b"".join(answers))

    def _command(self) -> bytes:
        line, ended, rest = self._unread.partition(b"\r\n")
        if not ended:
            return b""
        verb = line[:4].upper()
        self._unread, self._in_letter = rest, verb == b"DATA"
        return ANSWERS.get(verb, OK)

    def _letter(self) -> bytes:
        _, ended, rest = self._unread.partition(END)
        if not ended:
            self._unread = self._unread[1 - len(END) :]
            return b""
        self._unread, self._in_letter = rest, False
        return OK

    def _answer(self, said: bytes) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._out.write, said)
        else:
            self._out.write(said)


async def serve(seconds: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Taking(seconds), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1])))
