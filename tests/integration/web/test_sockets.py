"""Sockets of the server: opened before anything begins."""

import socket

import pytest

from digest.errors import DigestError, UsageError
from digest.web import open_sockets
from tests.support.ports import free_port


def test_a_port_in_use_is_named_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"cannot listen on 127.0.0.1 port {port}: another program listens there; choose another one"
        with pytest.raises(DigestError, match=message):
            open_sockets("127.0.0.1", port)


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(UsageError, match=r"--host no-such-host\.invalid has no address"):
        open_sockets("no-such-host.invalid", 8000)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_the_address_of_everything_takes_both_versions_of_ip() -> None:
    port = free_port()
    sockets = open_sockets("::", port)
    try:
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=5).close()
    finally:
        for opened in sockets:
            opened.close()
