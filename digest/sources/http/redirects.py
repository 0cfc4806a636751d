"""Where redirects may lead: within one host; those of feeds to public hosts, too, and never into a private network."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from digest.errors import MalformedAnswerError, SourceUnavailableError
from digest.sources import messages

Resolve = Callable[[str], Awaitable[Sequence[str]]]


def is_redirect_allowed(from_url: str, to_url: str) -> bool:
    """Return whether a redirect stays on its host: same scheme and port, or from http to https.

    Anything else could lead into a private network.
    """
    old, new = urlsplit(from_url), urlsplit(to_url)
    if not old.hostname or old.hostname != new.hostname or new.scheme not in {"http", "https"} or new.username:
        return False
    default_ports = {"http": 80, "https": 443}
    try:
        old_port, new_port = old.port or default_ports[old.scheme], new.port or default_ports[new.scheme]
    except (ValueError, KeyError):
        return False
    if old.scheme == new.scheme:
        return old_port == new_port
    return (old.scheme, new.scheme, old_port, new_port) == ("http", "https", 80, 443)


def is_public_address(address: str) -> bool:
    """Return whether an IP address is one of the public Internet."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_global and not ip.is_multicast


async def resolve_host(host: str) -> Sequence[str]:
    """Return the addresses of a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def find_public_address(host: str, location: str, resolve: Resolve) -> str:
    """Return an address of a host that `location` redirects to, all of whose addresses are public.

    Raises SourceUnavailableError where it has none, MalformedAnswerError where one is private.
    """
    try:
        addresses = await resolve(host)
    except OSError as error:
        raise SourceUnavailableError(messages.redirect_unknown(location, host)) from error
    if not addresses or not all(is_public_address(address) for address in addresses):
        raise MalformedAnswerError(messages.redirect_private(location, host))
    return addresses[0]
