"""Senders in network namespaces, with a link each that can be cut."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
WHERE = Path("/run/netns")


class Network:
    """`host` is where all of them reach us; `places`, one each, are names for `enter`."""

    def __init__(self, host: str, places: Sequence[str]) -> None:
        self.host, self.places = host, places

    def cut(self, place: str) -> None:
        """Nothing goes through any more, and nobody is told."""
        run_ip("link", "set", _line(place), "down")

    def mend(self, place: str) -> None:
        """As it was."""
        run_ip("link", "set", _line(place), "up")


@contextmanager
def create_network(number: int) -> Iterator[Network]:
    """So many places. Needs root."""
    own = os.getpid() % 250
    host = f"10.231.{own}.1"
    places = [f"chaos{own}-{n}" for n in range(number)]
    with ExitStack() as stack:
        for suffix, place in enumerate(places, 10):
            there = f"10.231.{own}.{suffix}"
            run_ip("netns", "add", place)
            stack.callback(run_ip, "netns", "del", place)
            run_ip("link", "add", _line(place), "type", "veth", "peer", "name", "eth0", "netns", place)
            stack.callback(run_ip, "link", "del", _line(place))  # the namespace would take it along, but later
            run_ip("addr", "add", host, "peer", there, "dev", _line(place))
            run_ip("link", "set", _line(place), "up")
            run_ip("-n", place, "addr", "add", there, "peer", host, "dev", "eth0")
            run_ip("-n", place, "link", "set", "eth0", "up")
            run_ip("-n", place, "link", "set", "lo", "up")
        yield Network(host, places)


def is_available() -> bool:
    """Whether this machine lets us."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    try:
        with create_network(1):
            return True
    except RuntimeError:
        return False


def enter_namespace(place: str) -> None:
    """This thread, and those that it starts, go there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (WHERE / place).open("rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot go to {place}")


def run_ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _line(place: str) -> str:
    return f"{place}-h"
