"""Asking the DNS, with an end."""

from urllib.parse import urlsplit

import dns.exception
import dns.inet
import dns.resolver

from digest.errors import DigestError, SettingError

LIFETIME = 5.0  # seconds for one question, all servers and second tries included
PORT = 53


class Silent(DigestError):
    """No answer that says anything: the servers are out of reach, or cannot find out."""


class Names:
    """The DNS as `resolver` (an address, or address:port) knows it; else as this machine's resolvers do."""

    def __init__(self, resolver: str = "") -> None:
        self._server = server(resolver) if resolver else None

    def txt(self, name: str) -> list[str]:
        """The TXT records of `name`, each in one piece; none where there is no such name. Raises Silent."""
        try:
            answer = self._resolver().resolve(f"{name.rstrip('.')}.", "TXT", lifetime=LIFETIME, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise Silent(_reason(error)) from error
        # The DNS keeps no order; the doctor says the same of the same.
        return sorted(b"".join(each.strings).decode("utf-8", "replace") for each in answer)

    def _resolver(self) -> dns.resolver.Resolver:
        if self._server is None:
            return dns.resolver.Resolver()
        made = dns.resolver.Resolver(configure=False)
        made.nameservers, made.port = [self._server[0]], self._server[1]
        return made


def server(written: str) -> tuple[str, int]:
    """The address and port of a DNS server. Raises SettingError when it is no address."""
    bare = dns.inet.is_address(written)
    try:
        parts = urlsplit(f"//[{written}]" if bare and ":" in written else f"//{written}")
        found = parts.hostname or "", parts.port or PORT
    except ValueError:
        found = "", 0
    if not dns.inet.is_address(found[0]):
        raise SettingError(f"{written!r} is not the address of a DNS server; write it like 9.9.9.9 or [2620:fe::fe]:53")
    return found


def _reason(error: dns.exception.DNSException) -> str:
    match error:
        case dns.resolver.NoNameservers():
            return "no server could find it out"
        case dns.exception.Timeout():
            return f"nothing within {LIFETIME:.0f} s"
        case dns.resolver.NoResolverConfiguration():
            return "no resolver is set up on this machine"
    return str(error) or type(error).__name__
