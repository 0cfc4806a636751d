"""Problems of an SPF record (RFC 7208). Pure but for the DNS lookups of what the record includes."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from digest.monitoring.checks import messages
from digest.monitoring.checks.dkim import TxtLookup

MAX_LOOKUPS = 10  # RFC 7208, 4.6.4
TERM = re.compile(r"(?P<qualifier>[-+~?]?)(?P<name>[a-z][a-z0-9._-]*)(?P<sign>[:=/]?)(?P<value>.*)", re.IGNORECASE)
MECHANISMS = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}
LOOKUP_TERMS = {"include", "a", "mx", "ptr", "exists", "redirect"}


def is_spf(record: str) -> bool:
    """Return whether a TXT record is one of SPF (4.5)."""
    return record.lower() == "v=spf1" or record.lower().startswith("v=spf1 ")


def merge_records(records: Sequence[str]) -> str:
    """Merge the terms of several records into one."""
    terms = dict.fromkeys(term for record in records for term in record.split()[1:] if not re.search("all$", term))
    return " ".join(["v=spf1", *terms, "~all"])


def find_spf_errors(domain: str, record: str, lookup: TxtLookup) -> list[str]:
    """Find what is wrong with the record of `domain`: sentences with advice. Raises DnsUnavailableError."""
    problems = list(_invalid_terms(record))
    if problems:
        return problems
    terms = [(match["qualifier"], match["name"].lower()) for match in map(TERM.fullmatch, record.split()[1:]) if match]
    ends = [qualifier or "+" for qualifier, name in terms if name == "all"]
    if ends and ends[0] == "+":
        problems.append(messages.SPF_ALLOWS_ALL)
    elif ends and ends[0] == "?":
        problems.append(messages.SPF_NEUTRAL_ALL)
    elif not ends and "redirect" not in {name for _, name in terms}:
        problems.append(messages.SPF_WITHOUT_ALL)
    count, broken = _count_lookups(domain, record, lookup, {domain})
    problems += broken
    if count > MAX_LOOKUPS:
        problems.append(messages.spf_too_many_lookups(count, MAX_LOOKUPS))
    return problems


def _invalid_terms(record: str) -> Iterator[str]:
    for term in record.split()[1:]:
        match = TERM.fullmatch(term)
        name = match["name"].lower() if match else ""
        if not match or (match["sign"] != "=" and name not in MECHANISMS):
            yield messages.spf_invalid_term(term)
        elif name in {"ip4", "ip6"}:
            try:
                is_valid = ip_network(match["value"], strict=False).version == int(name[2])
            except ValueError:
                is_valid = False
            if not is_valid:
                yield messages.spf_invalid_network(term)


def _count_lookups(domain: str, record: str, lookup: TxtLookup, seen: set[str]) -> tuple[int, list[str]]:
    """Count how often a receiver must ask the DNS at most, and find what it would not find."""
    count, problems = 0, []
    for term in record.split()[1:]:
        match = TERM.fullmatch(term)
        if not match or match["name"].lower() not in LOOKUP_TERMS:
            continue
        count += 1
        target = match["value"].lower().rstrip(".")
        if match["name"].lower() not in {"include", "redirect"} or "%" in target or count > MAX_LOOKUPS:
            continue
        if target in seen:
            problems.append(messages.spf_includes_itself(term, domain))
            continue
        records = [record for record in lookup(target) if is_spf(record)]
        if len(records) != 1:
            problems.append(messages.spf_include_failed(target, len(records), term))
            continue
        included, more = _count_lookups(target, records[0], lookup, seen | {target})
        count, problems = count + included, problems + more
    return count, problems
