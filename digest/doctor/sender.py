"""What the sender's domain says of itself: who may send for it (SPF, RFC 7208), and what becomes of mail that fails
both that and its signature (DMARC, RFC 7489).

Nothing is looked at while no relay is set: then no letter leaves this machine.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from digest.doctor.check import Check
from digest.doctor.names import Silent
from digest.doctor.signing import LookUp
from digest.doctor.spf import faults, is_spf, merged
from digest.house import sender_domain
from digest.settings import Settings

POLICIES = ("none", "quarantine", "reject")


def check_spf(chosen: Settings, look_up: LookUp) -> list[Check]:
    """The record of the domain that the envelope names: that of the bounce address, where one is set."""
    domain = envelope_domain(chosen)
    if not chosen.relay or "." not in domain:
        return []
    publish = f"{domain} with the TXT record: v=spf1 {_ours(chosen)} ~all"
    provider = "" if _is_here(chosen) else " (or with the include: that the relay's provider names, in place of a:)"
    try:
        found = [each for each in look_up(domain) if is_spf(each)]
        if not found:
            says = f"{domain} names nobody who may send for it; publish {publish}{provider}"
        elif len(found) > 1:
            says = f"{domain} has {len(found)} records, and receivers then take none (RFC 7208, 4.5); keep one: "
            says += merged(found)
        elif wrong := faults(domain, found[0], look_up):
            says = f"{domain} has {found[0]!r}: {'; '.join(wrong)}"
        else:
            return [Check("SPF", ok=True, says=f"{domain}: {found[0]}")]
    except Silent as error:
        says = f"the DNS does not answer for {domain} ({error}); there should be {publish}{provider}"
    return [Check("SPF", ok=False, says=says)]


def envelope_domain(chosen: Settings) -> str:
    """The domain of MAIL FROM, which SPF is about."""
    return chosen.bounce_address.rpartition("@")[2].lower() or sender_domain(chosen.mail_from)


def _ours(chosen: Settings) -> str:
    """The relay as a term of SPF; for one on this machine, the machine as readers know it."""
    host = (urlsplit(chosen.base_url).hostname or "") if _is_here(chosen) else chosen.smtp_host
    try:
        return f"ip{ip_address(host).version}:{host}"
    except ValueError:
        return f"a:{host}"


def _is_here(chosen: Settings) -> bool:
    return chosen.smtp_host in {"localhost", "127.0.0.1", "::1"}


def check_dmarc(chosen: Settings, look_up: LookUp) -> list[Check]:
    """The policy of the domain that readers see, or the nearest one above it."""
    domain = sender_domain(chosen.mail_from)
    if not chosen.relay or "." not in domain:
        return []
    to = chosen.contact if "@" in chosen.contact and "/" not in chosen.contact else f"postmaster@{domain}"
    publish = f"_dmarc.{domain} with the TXT record: v=DMARC1; p={{}}; rua=mailto:{to}"
    try:
        place, found = _policy(domain, look_up)
    except Silent as error:
        says = f"the DNS does not answer for _dmarc.{domain} ({error}); there should be {publish.format('quarantine')}"
        return [Check("DMARC", ok=False, says=says)]
    policy = _asked_for(found[0], exact=place == f"_dmarc.{domain}") if found else ""
    if not found:
        says = f"{domain} has no policy, and large providers refuse mass mail without; publish {publish.format('none')}"
        says += ", and p=quarantine when its reports show no mail but yours"
    elif len(found) > 1:
        says = f"{place} has {len(found)} policies, and receivers then take none (RFC 7489, 6.6.3); keep one: "
        says += found[0]
    elif policy not in POLICIES:
        says = f"{place} has {found[0]!r}, whose policy is none of {', '.join(POLICIES)}; publish "
        says += publish.format("quarantine")
    elif strict := list(_too_strict(chosen, domain, tags(found[0]))):
        says = f"{place} has {found[0]!r}: {'; '.join(strict)}"
    else:
        advice = f"; it only watches: when its reports show no mail but yours, publish {publish.format('quarantine')}"
        return [Check("DMARC", ok=True, says=f"{place}: {found[0]}" + (advice if policy == "none" else ""))]
    return [Check("DMARC", ok=False, says=says)]


def _asked_for(record: str, *, exact: bool) -> str:
    """The policy for a domain: a record above it may have another one for what lies below."""
    said = tags(record)
    return said.get("p", "") if exact else said.get("sp", said.get("p", ""))


def _policy(domain: str, look_up: LookUp) -> tuple[str, list[str]]:
    """Where the policy stands, and what stands there. Above, as near as one gets without a list of public suffixes."""
    labels = domain.split(".")
    for above in range(len(labels) - 1):
        place = "_dmarc." + ".".join(labels[above:])
        if found := [each for each in look_up(place) if each.partition(";")[0].replace(" ", "") == "v=DMARC1"]:
            return place, found
    return "", []


def tags(record: str) -> dict[str, str]:
    """The tags of a record and what they say, in lower case."""
    pairs = (each.partition("=") for each in record.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def _too_strict(chosen: Settings, domain: str, said: dict[str, str]) -> Iterator[str]:
    envelope, signing = envelope_domain(chosen), chosen.signing_domain
    if said.get("aspf") == "s" and envelope != domain:
        yield f"aspf=s asks for the very same domain, and bounces go to {envelope}: SPF will not count; take it out"
    if said.get("adkim") == "s" and chosen.dkim_key and signing != domain:
        yield f"adkim=s asks for the very same domain, and {signing} signs: DKIM will not count; take it out"
