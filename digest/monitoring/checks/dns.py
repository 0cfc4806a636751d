"""Queries of the DNS, with a timeout."""

from urllib.parse import urlsplit

import dns.exception
import dns.inet
import dns.resolver

from digest.errors import DnsUnavailableError, SettingError
from digest.monitoring.checks import messages

DNS_TIMEOUT = 5.0  # seconds for one query, all servers and retries included
DNS_PORT = 53


class DnsResolver:
    """Resolver that asks one server (`address` or `address:port`), else those of this machine."""

    def __init__(self, server: str = "") -> None:
        self._server = parse_server(server) if server else None

    def txt_records(self, name: str) -> list[str]:
        """Return the TXT records of `name`; none where there is no such name. Raises DnsUnavailableError."""
        try:
            resolver = dns.resolver.Resolver(configure=self._server is None)
            if self._server is not None:
                resolver.nameservers, resolver.port = [self._server[0]], self._server[1]
            answer = resolver.resolve(f"{name.rstrip('.')}.", "TXT", lifetime=DNS_TIMEOUT, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise DnsUnavailableError(describe_dns_error(error)) from error
        # The DNS keeps no order; equal records shall give equal results.
        return sorted(b"".join(record.strings).decode("utf-8", "replace") for record in answer)


def parse_server(text: str) -> tuple[str, int]:
    """Parse the address and port of a DNS server. Raises SettingError."""
    is_bare_ipv6 = ":" in text and dns.inet.is_address(text)
    try:
        parts = urlsplit(f"//[{text}]" if is_bare_ipv6 else f"//{text}")
        address, port = parts.hostname or "", parts.port or DNS_PORT
    except ValueError:
        address, port = "", 0
    if not dns.inet.is_address(address):
        raise SettingError(messages.invalid_dns_server(text))
    return address, port


def describe_dns_error(error: dns.exception.DNSException) -> str:
    """Return the reason of a failed query, for an operator."""
    match error:
        case dns.resolver.NoNameservers():
            return messages.DNS_NO_SERVER
        case dns.exception.Timeout():
            return messages.dns_timeout(DNS_TIMEOUT)
        case dns.resolver.NoResolverConfiguration():
            return messages.DNS_NO_RESOLVER
    return str(error) or type(error).__name__
