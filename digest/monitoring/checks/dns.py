"""Asking the DNS, with an end."""

from urllib.parse import urlsplit

import dns.exception
import dns.inet
import dns.resolver

from digest.errors import DigestError, SettingError

DNS_TIMEOUT = 5.0  # seconds for one question, all servers and second tries included


DNS_PORT = 53


class DnsUnavailableError(DigestError):
    """No answer that says anything: the servers are out of reach, or cannot find out."""


class DnsResolver:
    """The DNS as `resolver` (an address, or address:port) knows it; else as this machine's resolvers do."""

    def __init__(self, resolver: str = "") -> None:
        self._server = parse_server(resolver) if resolver else None

    def txt_records(self, name: str) -> list[str]:
        """The TXT records of `name`, each in one piece; none where there is no such name. Raises Silent."""
        try:
            answer = self._create_resolver().resolve(f"{name.rstrip('.')}.", "TXT", lifetime=DNS_TIMEOUT, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise DnsUnavailableError(_describe_dns_error(error)) from error
        # The DNS keeps no order; the doctor says the same of the same.
        return sorted(b"".join(each.strings).decode("utf-8", "replace") for each in answer)

    def _create_resolver(self) -> dns.resolver.Resolver:
        if self._server is None:
            return dns.resolver.Resolver()
        made = dns.resolver.Resolver(configure=False)
        made.nameservers, made.port = [self._server[0]], self._server[1]
        return made


def parse_server(address: str) -> tuple[str, int]:
    """The address and port of a DNS server. Raises SettingError when it is no address."""
    bare = dns.inet.is_address(address)
    try:
        parts = urlsplit(f"//[{address}]" if bare and ":" in address else f"//{address}")
        found = parts.hostname or "", parts.port or DNS_PORT
    except ValueError:
        found = "", 0
    if not dns.inet.is_address(found[0]):
        raise SettingError(f"{address!r} is not the address of a DNS server; write it like 9.9.9.9 or [2620:fe::fe]:53")
    return found


def _describe_dns_error(error: dns.exception.DNSException) -> str:
    match error:
        case dns.resolver.NoNameservers():
            return "no server could find it out"
        case dns.exception.Timeout():
            return f"nothing within {DNS_TIMEOUT:.0f} s"
        case dns.resolver.NoResolverConfiguration():
            return "no resolver is set up on this machine"
    return str(error) or type(error).__name__
