"""Reading an SPF record (RFC 7208) for what makes it worthless. Pure but for the names that it includes."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_network

from digest.monitoring.checks.dkim import TxtLookup

MAX_LOOKUPS = 10  # RFC 7208, 4.6.4


TERM = re.compile(r"(?P<quality>[-+~?]?)(?P<name>[a-z][a-z0-9._-]*)(?P<sign>[:=/]?)(?P<value>.*)", re.IGNORECASE)


MECHANISMS = {"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}


LOOKUP_MECHANISMS = {"include", "a", "mx", "ptr", "exists", "redirect"}


def is_spf(record: str) -> bool:
    """Whether a TXT record is one of SPF (4.5)."""
    return record.lower() == "v=spf1" or record.lower().startswith("v=spf1 ")


def merge_records(records: Sequence[str]) -> str:
    """One record with the terms of several."""
    terms = dict.fromkeys(term for record in records for term in record.split()[1:] if not re.search("all$", term))
    return " ".join(["v=spf1", *terms, "~all"])


def find_spf_problems(domain: str, record: str, lookup: TxtLookup) -> list[str]:
    """What is wrong with the record of `domain`, each in words with what to do. Raises Silent."""
    found = list(_invalid_terms(record))
    if found:
        return found
    terms = [(match["quality"], match["name"].lower()) for match in map(TERM.fullmatch, record.split()[1:]) if match]
    ends = [quality or "+" for quality, name in terms if name == "all"]
    if ends and ends[0] == "+":
        found.append("it lets everybody send in your name; let it end in ~all")
    elif ends and ends[0] == "?":
        found.append("?all says nothing about all others; let it end in ~all")
    elif not ends and "redirect" not in {name for _, name in terms}:
        found.append("it says nothing about all others; let it end in ~all")
    count, broken = _count_lookups(domain, record, lookup, {domain})
    found += broken
    if count > MAX_LOOKUPS:
        found.append(f"it makes receivers ask the DNS {count} times, and they stop at {MAX_LOOKUPS}; take includes out")
    return found


def _invalid_terms(record: str) -> Iterator[str]:
    for term in record.split()[1:]:
        match = TERM.fullmatch(term)
        name = match["name"].lower() if match else ""
        if not match or (match["sign"] != "=" and name not in MECHANISMS):
            yield f"{term!r} is no term of SPF, and receivers then take none of it; take it out"
        elif name in {"ip4", "ip6"} and not _is_network(match["value"], int(name[2])):
            yield f"{term!r} names no network, and receivers then take none of the record; correct it"


def _is_network(value: str, version: int) -> bool:
    try:
        return ip_network(value, strict=False).version == version
    except ValueError:
        return False


def _count_lookups(domain: str, record: str, lookup: TxtLookup, seen: set[str]) -> tuple[int, list[str]]:
    """How often a receiver must ask the DNS at most, and what it would not find."""
    count, broken = 0, []
    for term in record.split()[1:]:
        match = TERM.fullmatch(term)
        if not match or match["name"].lower() not in LOOKUP_MECHANISMS:
            continue
        count += 1
        target = match["value"].lower().rstrip(".")
        if match["name"].lower() not in {"include", "redirect"} or "%" in target or count > MAX_LOOKUPS:
            continue
        if target in seen:
            broken.append(f"{term} of {domain} goes round in a circle")
            continue
        found = [each for each in lookup(target) if is_spf(each)]
        if len(found) != 1:
            has = "no SPF record" if not found else f"{len(found)} SPF records"
            broken.append(f"{target} has {has}, and receivers then take none of yours; correct or take out {term}")
            continue
        inner, more = _count_lookups(target, found[0], lookup, seen | {target})
        count, broken = count + inner, broken + more
    return count, broken
