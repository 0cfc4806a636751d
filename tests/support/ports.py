"""Ports of loopback: one that is free, and the wait until a server has come up at one."""

import socket
import time


def free_port() -> int:
    """A port that nobody listens on, for servers that must know their own address before they start."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listening(port: int, seconds: float = 30) -> None:
    """Wait until somebody answers at `port`. Raises OSError when nobody does within so many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
