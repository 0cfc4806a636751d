"""Sentences of `digest doctor`. Each follows the name of what was checked."""

DNS_NO_SERVER = "no server could answer"
DNS_NO_RESOLVER = "this machine has no DNS resolver configured"


def invalid_dns_server(text: str) -> str:
    return f"{text!r} is not the address of a DNS server; write it like 9.9.9.9 or [2620:fe::fe]:53"


def dns_timeout(seconds: float) -> str:
    return f"no answer within {seconds:.0f} s"
