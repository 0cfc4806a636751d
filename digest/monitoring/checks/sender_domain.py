"""What the sender's domain says of itself: who may send for it (SPF, RFC 7208), and what becomes of mail that fails
both that and its signature (DMARC, RFC 7489).

Nothing is looked at while no relay is set: then no letter leaves this machine.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from digest.config import Settings
from digest.context import sender_domain
from digest.monitoring.checks.check import CheckResult
from digest.monitoring.checks.dkim import TxtLookup
from digest.monitoring.checks.dns import DnsUnavailableError
from digest.monitoring.checks.spf import find_spf_problems, is_spf, merge_records

DMARC_POLICIES = ("none", "quarantine", "reject")


def check_spf(settings: Settings, lookup: TxtLookup) -> list[CheckResult]:
    """The record of the domain that the envelope names: that of the bounce address, where one is set."""
    domain = envelope_domain(settings)
    if not settings.has_relay or "." not in domain:
        return []
    publish = f"{domain} with the TXT record: v=spf1 {_spf_term(settings)} ~all"
    provider = (
        "" if _is_local_relay(settings) else " (or with the include: that the relay's provider names, in place of a:)"
    )
    try:
        found = [each for each in lookup(domain) if is_spf(each)]
        if not found:
            says = f"{domain} names nobody who may send for it; publish {publish}{provider}"
        elif len(found) > 1:
            says = f"{domain} has {len(found)} records, and receivers then take none (RFC 7208, 4.5); keep one: "
            says += merge_records(found)
        elif wrong := find_spf_problems(domain, found[0], lookup):
            says = f"{domain} has {found[0]!r}: {'; '.join(wrong)}"
        else:
            return [CheckResult("SPF", ok=True, message=f"{domain}: {found[0]}")]
    except DnsUnavailableError as error:
        says = f"the DNS does not answer for {domain} ({error}); there should be {publish}{provider}"
    return [CheckResult("SPF", ok=False, message=says)]


def envelope_domain(settings: Settings) -> str:
    """The domain of MAIL FROM, which SPF is about."""
    return settings.bounce_address.rpartition("@")[2].lower() or sender_domain(settings.mail_from)


def _spf_term(settings: Settings) -> str:
    """The relay as a term of SPF; for one on this machine, the machine as readers know it."""
    host = (urlsplit(settings.base_url).hostname or "") if _is_local_relay(settings) else settings.smtp_host
    try:
        return f"ip{ip_address(host).version}:{host}"
    except ValueError:
        return f"a:{host}"


def _is_local_relay(settings: Settings) -> bool:
    return settings.smtp_host in {"localhost", "127.0.0.1", "::1"}


def check_dmarc(settings: Settings, lookup: TxtLookup) -> list[CheckResult]:
    """The policy of the domain that readers see, or the nearest one above it."""
    domain = sender_domain(settings.mail_from)
    if not settings.has_relay or "." not in domain:
        return []
    to = settings.contact if "@" in settings.contact and "/" not in settings.contact else f"postmaster@{domain}"
    publish = f"_dmarc.{domain} with the TXT record: v=DMARC1; p={{}}; rua=mailto:{to}"
    try:
        place, found = _find_policy(domain, lookup)
    except DnsUnavailableError as error:
        says = f"the DNS does not answer for _dmarc.{domain} ({error}); there should be {publish.format('quarantine')}"
        return [CheckResult("DMARC", ok=False, message=says)]
    policy = _requested_policy(found[0], is_same_domain=place == f"_dmarc.{domain}") if found else ""
    if not found:
        says = f"{domain} has no policy, and large providers refuse mass mail without; publish {publish.format('none')}"
        says += ", and p=quarantine when its reports show no mail but yours"
    elif len(found) > 1:
        says = f"{place} has {len(found)} policies, and receivers then take none (RFC 7489, 6.6.3); keep one: "
        says += found[0]
    elif policy not in DMARC_POLICIES:
        says = f"{place} has {found[0]!r}, whose policy is none of {', '.join(DMARC_POLICIES)}; publish "
        says += publish.format("quarantine")
    elif strict := list(_alignment_problems(settings, domain, parse_tags(found[0]))):
        says = f"{place} has {found[0]!r}: {'; '.join(strict)}"
    else:
        advice = f"; it only watches: when its reports show no mail but yours, publish {publish.format('quarantine')}"
        return [CheckResult("DMARC", ok=True, message=f"{place}: {found[0]}" + (advice if policy == "none" else ""))]
    return [CheckResult("DMARC", ok=False, message=says)]


def _requested_policy(record: str, *, is_same_domain: bool) -> str:
    """The policy for a domain: a record above it may have another one for what lies below."""
    said = parse_tags(record)
    return said.get("p", "") if is_same_domain else said.get("sp", said.get("p", ""))


def _find_policy(domain: str, lookup: TxtLookup) -> tuple[str, list[str]]:
    """Where the policy stands, and what stands there. Above, as near as one gets without a list of public suffixes."""
    labels = domain.split(".")
    for above in range(len(labels) - 1):
        place = "_dmarc." + ".".join(labels[above:])
        if found := [each for each in lookup(place) if each.partition(";")[0].replace(" ", "") == "v=DMARC1"]:
            return place, found
    return "", []


def parse_tags(record: str) -> dict[str, str]:
    """The tags of a record and what they say, in lower case."""
    pairs = (each.partition("=") for each in record.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def _alignment_problems(settings: Settings, domain: str, policy_tags: dict[str, str]) -> Iterator[str]:
    envelope, signing = envelope_domain(settings), settings.signing_domain
    if policy_tags.get("aspf") == "s" and envelope != domain:
        yield f"aspf=s asks for the very same domain, and bounces go to {envelope}: SPF will not count; take it out"
    if policy_tags.get("adkim") == "s" and settings.dkim_key and signing != domain:
        yield f"adkim=s asks for the very same domain, and {signing} signs: DKIM will not count; take it out"
