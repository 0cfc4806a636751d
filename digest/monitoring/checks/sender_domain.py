"""Records of the sender's domain: SPF (RFC 7208), and DMARC (RFC 7489) for mail that fails both SPF and DKIM.

Nothing is checked while no relay is set: then no e-mail leaves this machine.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from digest.config import Settings
from digest.context import sender_domain
from digest.errors import DnsUnavailableError
from digest.monitoring.checks import messages
from digest.monitoring.checks.dkim import TxtLookup
from digest.monitoring.checks.result import CheckResult
from digest.monitoring.checks.spf import find_spf_errors, is_spf, merge_records

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
DMARC_POLICIES = ("none", "quarantine", "reject")


def check_spf(settings: Settings, lookup: TxtLookup) -> list[CheckResult]:
    """Check the record of the envelope's domain: that of the bounce address, where one is set."""
    domain = envelope_domain(settings)
    if not settings.has_relay or "." not in domain:
        return []
    # For a relay on this machine, the name of the machine as subscribers know it.
    is_local = settings.smtp_host in LOOPBACK_HOSTS
    host = (urlsplit(settings.base_url).hostname or "") if is_local else settings.smtp_host
    if host in LOOPBACK_HOSTS:  # the base address is not set yet: no receiver sees mail come from there
        host = domain
    try:
        term = f"ip{ip_address(host).version}:{host}"
    except ValueError:
        term = f"a:{host}"
    publish = messages.spf_record(domain, term, by_provider=not is_local)
    try:
        records = [record for record in lookup(domain) if is_spf(record)]
        if not records:
            text = messages.spf_missing(domain, publish)
        elif len(records) > 1:
            text = messages.spf_repeated(domain, len(records), merge_records(records))
        elif problems := find_spf_errors(domain, records[0], lookup):
            text = messages.invalid_record(domain, records[0], problems)
        else:
            return [CheckResult("SPF", ok=True, message=messages.record_found(domain, records[0]))]
    except DnsUnavailableError as error:
        text = messages.dns_failed(domain, error, publish)
    return [CheckResult("SPF", ok=False, message=text)]


def envelope_domain(settings: Settings) -> str:
    """Return the domain of MAIL FROM, which SPF is about."""
    return settings.bounce_address.rpartition("@")[2].lower() or sender_domain(settings.mail_from)


def check_dmarc(settings: Settings, lookup: TxtLookup) -> list[CheckResult]:
    """Check the policy of the sender's domain, or of the nearest domain above that has one."""
    domain = sender_domain(settings.mail_from)
    if not settings.has_relay or "." not in domain:
        return []
    contact = settings.contact
    reports_to = contact if "@" in contact and "/" not in contact else f"postmaster@{domain}"
    publish = messages.dmarc_record(domain, "quarantine", reports_to)
    try:
        name, records = find_policy(domain, lookup)
    except DnsUnavailableError as error:
        text = messages.dns_failed(f"_dmarc.{domain}", error, publish)
        return [CheckResult("DMARC", ok=False, message=text)]
    tags = parse_tags(records[0]) if records else {}
    policy = tags.get("p", "")
    if name != f"_dmarc.{domain}":  # a record above may have another policy for subdomains
        policy = tags.get("sp", policy)
    if not records:
        text = messages.dmarc_missing(domain, messages.dmarc_record(domain, "none", reports_to))
    elif len(records) > 1:
        text = messages.dmarc_repeated(name, len(records), records[0])
    elif policy not in DMARC_POLICIES:
        text = messages.dmarc_policy_unknown(name, records[0], DMARC_POLICIES, publish)
    elif problems := find_alignment_errors(settings, domain, tags):
        text = messages.invalid_record(name, records[0], problems)
    elif policy == "none":
        return [CheckResult("DMARC", ok=True, message=messages.dmarc_only_watches(name, records[0], publish))]
    else:
        return [CheckResult("DMARC", ok=True, message=messages.record_found(name, records[0]))]
    return [CheckResult("DMARC", ok=False, message=text)]


def find_policy(domain: str, lookup: TxtLookup) -> tuple[str, list[str]]:
    """Find the name and the records of the policy of a domain.

    Domains above are asked, too: as near as one gets without a list of public suffixes.
    """
    labels = domain.split(".")
    for level in range(len(labels) - 1):
        name = "_dmarc." + ".".join(labels[level:])
        records = [record for record in lookup(name) if record.partition(";")[0].replace(" ", "") == "v=DMARC1"]
        if records:
            return name, records
    return "", []


def parse_tags(record: str) -> dict[str, str]:
    """Parse the tags of a record, in lower case."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def find_alignment_errors(settings: Settings, domain: str, tags: dict[str, str]) -> list[str]:
    """Find modes of alignment that are too strict for the settings."""
    envelope, signing = envelope_domain(settings), settings.signing_domain
    problems = []
    if tags.get("aspf") == "s" and envelope != domain:
        problems.append(messages.dmarc_strict_spf(envelope))
    if tags.get("adkim") == "s" and settings.dkim_key and signing != domain:
        problems.append(messages.dmarc_strict_dkim(signing))
    return problems
