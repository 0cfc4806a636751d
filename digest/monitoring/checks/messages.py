"""Sentences of `digest doctor`, each whole. They follow the name of what was checked."""

from collections.abc import Collection, Sequence
from datetime import datetime

from digest.formatting import join_words

SETTINGS_VALID = "all DIGEST_* values are valid"
NO_POSTAL_ADDRESS = "set DIGEST_POSTAL_ADDRESS, because many countries require one in bulk e-mail"
SENDER_IS_LOCALHOST = "set DIGEST_MAIL_FROM to an address of your own domain"
NO_CONTACT = "set DIGEST_CONTACT, so that the sources can contact you instead of blocking you"
NO_DATABASE_YET = "does not exist yet; the first command creates it"
NO_RELAY = "none, so e-mails are kept in the local mailbox; to send them, set DIGEST_SMTP_HOST"
NO_SIZE_LIMIT = "none announced"
RELAY_OFFERS_STARTTLS = "the relay offers STARTTLS: set DIGEST_SMTP_TLS=starttls"
CHECK_SMTP = "check DIGEST_SMTP_*"
ASK_PROVIDER = "ask your relay provider what this means"
NO_BOUNCE_ADDRESS = "none, so bounces are not noticed; set DIGEST_BOUNCE_ADDRESS (see docs/bounces.md)"
BOUNCES_BY_PIPE = "arrive through a pipe (digest bounces pipe); no mailbox is set"
DNS_NO_SERVER = "no server could answer"
DNS_NO_RESOLVER = "this machine has no DNS resolver configured"
SPF_ALLOWS_ALL = "it lets everyone send in your name; end it with ~all"
SPF_NEUTRAL_ALL = "?all says nothing about other servers; end it with ~all"
SPF_WITHOUT_ALL = "it says nothing about other servers; end it with ~all"


def short_key(length: int) -> str:
    return f"DIGEST_SECRET_KEY has {length} characters; use 32 or more"


def insecure_base_url(url: str) -> str:
    return f"DIGEST_BASE_URL is {url}: links in e-mails should start with https://"


def disk_space(free_mib: int, *, is_enough: bool) -> str:
    if is_enough:
        return f"{free_mib:,} MiB free"
    return f"{free_mib:,} MiB free; free some space, or the database cannot grow"


def folder_not_writable(folder: object) -> str:
    return f"{folder} is not writable; change its owner"


def database_not_writable(error: object) -> str:
    return f"is not writable: {error}"


def file_is_readable(path: object) -> str:
    return f"other users of this machine can read {path}, which contains e-mail addresses; run: chmod 600 {path}"


def schema_mismatch(schema: str, required: str) -> str:
    if not schema:
        return f"has no schema and needs {required}; run: digest migrate"
    return f"has schema {schema} and needs {required}; run: digest migrate"


def database_ready(dialect: str, schema: str) -> str:
    return f"{dialect}, schema {schema}, writable"


def quarantined_row(table: str, number: object, reason: str) -> str:
    return f"{table} {number}: {reason}; repair it, and the next run reads it again; see: digest quarantine list"


def chosen_sources_unread(count: int, names: Collection[str]) -> str:
    listed = join_words(sorted(names))
    if count == 1:
        return (
            f"1 subscriber chose only sources that are not read: {listed}. They get no papers. Name the sources in "
            "DIGEST_SOURCES again."
        )
    return (
        f"{count:,} subscribers chose only sources that are not read: {listed}. They get no papers. Name the sources "
        "in DIGEST_SOURCES again."
    )


def sender_refused(days: int, reasons: str, advice: str) -> str:
    if not advice:
        return (
            f"in the last {days} days e-mails were refused because of their sender: {reasons}; see: digest bounces list"
        )
    return (
        f"in the last {days} days e-mails were refused because of their sender: {reasons}; see: digest bounces list; "
        f"{advice}"
    )


def sending_stopped(since: datetime, reply: str, retry_at: datetime) -> str:
    return (
        f"no e-mails have been sent since {since:%Y-%m-%d %H:%M} UTC; the relay says: {reply}; next attempt at "
        f"{retry_at:%H:%M:%S} UTC, or now with: digest run"
    )


def relay_failed(error: object, advice: str) -> str:
    return f"{error}; {advice or CHECK_SMTP}"


def host_silent(address: str, seconds: float) -> str:
    return f"{address} does not answer within {seconds:.0f} s; check the firewall"


def command_timeout(address: str, seconds: float) -> str:
    return f"{address} answers, but not to MAIL and RCPT within {seconds:.0f} s"


def relay_ready(address: str, encryption: str, size: str) -> str:
    return f"{address} accepts the sender; encryption: {encryption}; size limit: {size}"


def size_limit(kib: int) -> str:
    return f"{kib:,} KiB per e-mail"


def size_limit_too_low(kib: int) -> str:
    return f"it accepts only {kib:,} KiB per e-mail; raise the relay's size limit to 1 MiB or more"


def command_refused(address: str, command: str, reply: str, reason: str, advice: str) -> str:
    if not reason:
        return f"{address} answers {command} with: {reply} (unknown reply); {advice or ASK_PROVIDER}"
    return f"{address} answers {command} with: {reply} ({reason}); {advice or ASK_PROVIDER}"


def recipient_refused(address: str, command: str, reply: str, reason: str) -> str:
    return f"{address} answers {command} with: {reply} ({reason}), which concerns this address only"


def relay_is_slow(address: str, command: str, reply: str, reason: str) -> str:
    return f"{address} answers {command} with: {reply} ({reason}), so sending will be slow"


def bounces_by_webhooks(providers: Sequence[str], base_url: str) -> str:
    return f"reported by {join_words(providers)} to {base_url}/bounces/"


def bounce_domain_differs(address: str) -> str:
    return f"{address} is on another domain than the sender, so SPF does not count for DMARC"


def mailbox_ready(folder: str, waiting: int) -> str:
    if waiting == 1:
        return f"{folder} can be read, and 1 message is waiting"
    return f"{folder} can be read, and {waiting:,} messages are waiting"


def host_unreachable(host: str, reason: str) -> str:
    return f"{host} cannot be reached ({reason}); check the network, any proxy, and DIGEST_*_URL"


def host_status(host: str, status: int) -> str:
    return f"{host} answers {status}"


def host_status_error(host: str, status: int) -> str:
    return f"{host} answers {status}; the next run tries again"


def clock_not_compared(now: datetime) -> str:
    return f"{now:%Y-%m-%d %H:%M} UTC, not compared, because no host answered"


def clock_compared(now: datetime, seconds: float, *, is_right: bool) -> str:
    if is_right:
        return f"{now:%Y-%m-%d %H:%M} UTC, {seconds:.0f} s from the hosts' clocks"
    return f"{now:%Y-%m-%d %H:%M} UTC, {seconds:.0f} s from the hosts' clocks; set up NTP"


def invalid_dns_server(text: str) -> str:
    return f"{text!r} is not the address of a DNS server; write it like 9.9.9.9 or [2620:fe::fe]:53"


def dns_timeout(seconds: float) -> str:
    return f"no answer within {seconds:.0f} s"


def dkim_key_short(bits: int, recommended: int) -> str:
    return f"DIGEST_DKIM_KEY has {bits} bits; make one of {recommended} and publish it under a new selector"


def dkim_key_readable(path: str) -> str:
    return f"all users of this machine can read {path}; run: chmod 600 {path}"


def dkim_not_aligned(domain: str, sender: str) -> str:
    return f"{domain} does not cover the sender {sender}, so DMARC fails; set DIGEST_DKIM_DOMAIN"


def dkim_dns_failed(error: object, name: str, record: str) -> str:
    return f"the DNS does not answer ({error}); there should be {name} with the TXT record: {record}"


def dkim_missing(name: str, record: str) -> str:
    return f"nothing is in the DNS yet; publish {name} with the TXT record: {record}"


def dkim_repeated(count: int, name: str, record: str) -> str:
    return (
        f"the DNS has {count} records there, and receivers may use any of them; keep one: {name} with the TXT record: "
        f"{record}"
    )


def dkim_differs(name: str, record: str) -> str:
    return f"the DNS has another key; publish {name} with the TXT record: {record}"


def dkim_ready(bits: int, name: str) -> str:
    return f"signs with {bits} bits, verified by {name}"


def spf_record(domain: str, term: str, *, by_provider: bool) -> str:
    if not by_provider:
        return f"{domain} with the TXT record: v=spf1 {term} ~all"
    return (
        f"{domain} with the TXT record: v=spf1 {term} ~all (or with the include: that the relay's provider names, "
        "instead of a:)"
    )


def spf_missing(domain: str, publish: str) -> str:
    return f"{domain} has no SPF record; publish {publish}"


def spf_repeated(domain: str, count: int, merged: str) -> str:
    return f"{domain} has {count} records, so receivers ignore them all (RFC 7208, 4.5); keep one: {merged}"


def invalid_record(name: str, record: str, problems: Sequence[str]) -> str:
    return f"{name} has {record!r}: {'; '.join(problems)}"


def record_found(name: str, record: str) -> str:
    return f"{name}: {record}"


def dns_failed(name: str, error: object, publish: str) -> str:
    return f"the DNS does not answer for {name} ({error}); there should be {publish}"


def spf_too_many_lookups(count: int, limit: int) -> str:
    return f"it makes receivers ask the DNS {count} times, and they stop at {limit}; remove some includes"


def spf_invalid_term(term: str) -> str:
    return f"{term!r} is not an SPF term, so receivers ignore the whole record; remove it"


def spf_invalid_network(term: str) -> str:
    return f"{term!r} is not a network, so receivers ignore the whole record; correct it"


def spf_includes_itself(term: str, domain: str) -> str:
    return f"{term} of {domain} includes itself"


def spf_include_failed(target: str, count: int, term: str) -> str:
    if not count:
        return f"{target} has no SPF record, so receivers ignore yours; correct or remove {term}"
    return f"{target} has {count} SPF records, so receivers ignore yours; correct or remove {term}"


def dmarc_record(domain: str, policy: str, reports_to: str) -> str:
    return f"_dmarc.{domain} with the TXT record: v=DMARC1; p={policy}; rua=mailto:{reports_to}"


def dmarc_missing(domain: str, publish: str) -> str:
    return (
        f"{domain} has no policy, and large providers refuse bulk e-mail without one; publish {publish}, and "
        "p=quarantine when its reports show no e-mail but yours"
    )


def dmarc_repeated(name: str, count: int, record: str) -> str:
    return f"{name} has {count} policies, so receivers ignore them all (RFC 7489, 6.6.3); keep one: {record}"


def dmarc_policy_unknown(name: str, record: str, policies: Sequence[str], publish: str) -> str:
    return f"{name} has {record!r}, whose policy is not one of {', '.join(policies)}; publish {publish}"


def dmarc_only_watches(name: str, record: str, publish: str) -> str:
    return f"{name}: {record}; it only reports: when the reports show no e-mail but yours, publish {publish}"


def dmarc_strict_spf(envelope: str) -> str:
    return f"aspf=s requires exactly the same domain, and bounces go to {envelope}: SPF will not count; remove it"


def dmarc_strict_dkim(domain: str) -> str:
    return f"adkim=s requires exactly the same domain, and {domain} signs: DKIM will not count; remove it"
