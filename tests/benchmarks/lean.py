"""A relay that is far away: python -m tests.benchmarks.far PORT SECONDS

Takes connections for the server at PORT and holds what it answers for so many seconds. Says on which port it listens.
"""

import asyncio
import sys

import uvloop


async def talk(port: int, seconds: float, here: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    there, on = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()

    async def forth() -> None:
        while said := await here.read(1 << 18):
            on.write(said)
            await on.drain()
        on.close()

    async def back() -> None:
        while said := await there.read(1 << 16):
            loop.call_later(seconds, out.write, said)
        loop.call_later(seconds, out.close)

    await asyncio.gather(forth(), back(), return_exceptions=True)


async def serve(port: int, seconds: float) -> None:
    server = await asyncio.start_server(lambda here, out: talk(port, seconds, here, out), "127.0.0.1", 0, limit=1 << 18)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
