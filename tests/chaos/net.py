"""Senders on machines of their own, as far as the network goes: a namespace each, and a line that can be cut."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
WHERE = Path("/run/netns")


class Net:
    """`host` is where all of them reach us; `places`, one each, are names for `enter`."""

    def __init__(self, host: str, places: Sequence[str]) -> None:
        self.host, self.places = host, places

    def cut(self, place: str) -> None:
        """Nothing goes through any more, and nobody is told."""
        ip("link", "set", _line(place), "down")

    def mend(self, place: str) -> None:
        """As it was."""
        ip("link", "set", _line(place), "up")


@contextmanager
def net(number: int) -> Iterator[Net]:
    """So many places. Needs root."""
    own = os.getpid() % 250
    host = f"10.231.{own}.1"
    places = [f"chaos{own}-{each}" for each in range(number)]
    with ExitStack() as stack:
        for each, place in enumerate(places, 10):
            there = f"10.231.{own}.{each}"
            ip("netns", "add", place)
            stack.callback(ip, "netns", "del", place)
            ip("link", "add", _line(place), "type", "veth", "peer", "name", "eth0", "netns", place)
            stack.callback(ip, "link", "del", _line(place))  # the namespace would take it along, but later
            ip("addr", "add", host, "peer", there, "dev", _line(place))
            ip("link", "set", _line(place), "up")
            ip("-n", place, "addr", "add", there, "peer", host, "dev", "eth0")
            ip("-n", place, "link", "set", "eth0", "up")
            ip("-n", place, "link", "set", "lo", "up")
        yield Net(host, places)


def possible() -> bool:
    """Whether this machine lets us."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    try:
        with net(1):
            return True
    except RuntimeError:
        return False


def enter(place: str) -> None:
    """This thread, and those that it starts, go there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (WHERE / place).open("rb") as door:
        if libc.setns(door.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot go to {place}")


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _line(place: str) -> str:
    return f"{place}-h"
