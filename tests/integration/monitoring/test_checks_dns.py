"""What the doctor says of the sender's domain, from the answers of a real name server."""

import socket
from pathlib import Path
from typing import Any

import dns.rcode
import pytest

from digest.config import Settings
from digest.context import load_dkim_signer
from digest.errors import SettingError
from digest.monitoring.checks.dkim import check_dkim
from digest.monitoring.checks.dns import DnsResolver, parse_server
from digest.monitoring.checks.result import CheckResult
from digest.monitoring.checks.sender_domain import check_dmarc, check_spf
from tests.support.command import Command
from tests.support.nameserver import Zone, name_server

KEYS = Path(__file__).parents[2] / "data" / "dkim"
RELAY = "v=spf1 a:smtp.example.net ~all"


def chosen(**given: Any) -> Settings:
    usual: dict[str, Any] = {
        "smtp_host": "smtp.example.net",
        "secret_key": "a key for the tests that is long enough",
        "mail_from": "Paper Digest <digest@lab.example.org>",
        "contact": "ada@example.org",
        "base_url": "https://digest.example.org",
    }
    return Settings(_env_file=None, **usual | given)


def spf(zone: Zone, **given: Any) -> CheckResult:
    with name_server(zone) as ctx:
        (found,) = check_spf(chosen(**given), DnsResolver(ctx).txt_records)
    return found


def dmarc(zone: Zone, **given: Any) -> CheckResult:
    with name_server(zone) as ctx:
        (found,) = check_dmarc(chosen(**given), DnsResolver(ctx).txt_records)
    return found


def test_a_domain_that_says_who_sends_for_it_is_well() -> None:
    zone = {
        "lab.example.org": ["something else", "v=spf1 include:_spf.example.net ip6:2001:db8::/32 -all"],
        "_spf.example.net": ["v=spf1 ip4:192.0.2.0/24 -all"],
    }
    assert spf(zone) == CheckResult("SPF", ok=True, message=f"lab.example.org: {zone['lab.example.org'][1]}")
    assert spf({"lab.example.org": ["v=spf1 redirect=_spf.example.net"], **zone_of("_spf.example.net")}).ok
    assert spf(zone_of("bounces.example.org"), bounce_address="b@bounces.example.org").ok
    assert check_spf(chosen(smtp_host=""), DnsResolver("127.0.0.1:9").txt_records) == []


def zone_of(name: str, *records: str) -> dict[str, list[str]]:
    return {name: list(records) or [RELAY]}


PUBLISH = "publish lab.example.org with the TXT record: v=spf1 "


@pytest.mark.parametrize(
    ("zone", "given", "says"),
    [
        ({}, {}, PUBLISH + "a:smtp.example.net ~all (or with the include:"),
        ({"lab.example.org": []}, {}, PUBLISH + "a:smtp.example.net ~all"),
        ({}, {"smtp_host": "2001:db8::25"}, PUBLISH + "ip6:2001:db8::25 ~all"),
        ({}, {"smtp_host": "localhost"}, PUBLISH + "a:digest.example.org ~all"),
        ({}, {"smtp_host": "127.0.0.1", "base_url": "http://127.0.0.1:8000"}, PUBLISH + "a:lab.example.org ~all"),
        ({}, {"bounce_address": "b@bounces.example.org"}, "publish bounces.example.org with the TXT record: v=spf1 a:"),
        (
            zone_of("lab.example.org", "v=spf1 mx -all", RELAY),
            {},
            "has 2 records, so receivers ignore them all (RFC 7208, 4.5); keep one: v=spf1 a:smtp.example.net mx ~all",
        ),
        (zone_of("lab.example.org", "v=spf1 mx +all"), {}, "it lets everyone send in your name; end it with ~all"),
        (zone_of("lab.example.org", "v=spf1 all"), {}, "it lets everyone send in your name"),
        (zone_of("lab.example.org", "v=spf1 mx ?all"), {}, "?all says nothing about other servers"),
        (zone_of("lab.example.org", "v=spf1 mx"), {}, "it says nothing about other servers; end it with ~all"),
        (zone_of("lab.example.org", "v=spf1 ipv4:192.0.2.1 ~all"), {}, "'ipv4:192.0.2.1' is not an SPF term"),
        (zone_of("lab.example.org", "v=spf1 ip4:192.0.2.300 ~all"), {}, "'ip4:192.0.2.300' is not a network"),
        (zone_of("lab.example.org", "v=spf1 include:gone.example ~all"), {}, "gone.example has no SPF record"),
        (zone_of("lab.example.org", "v=spf1 include:lab.example.org ~all"), {}, "includes itself"),
        (
            zone_of("lab.example.org", f"v=spf1 {'a mx ' * 5}exists:x ~all"),
            {},
            "ask the DNS 11 times, and they stop",
        ),
        ({"lab.example.org": dns.rcode.SERVFAIL}, {}, "the DNS does not answer for lab.example.org (no server could"),
    ],
)
def test_a_domain_that_does_not_say_who_sends_for_it(zone: Zone, given: dict[str, Any], says: str) -> None:
    found = spf(zone, **given)
    assert not found.ok
    assert says in found.message


def test_a_policy_may_stand_above_the_domain_and_may_only_watch() -> None:
    watching = dmarc(zone_of("_dmarc.lab.example.org", "v=DMARC1; p=none"))
    assert watching.ok
    assert watching.message == (
        "_dmarc.lab.example.org: v=DMARC1; p=none; it only reports: when the reports show no e-mail but yours, publish "
        "_dmarc.lab.example.org with the TXT record: v=DMARC1; p=quarantine; rua=mailto:ada@example.org"
    )
    above = dmarc(zone_of("_dmarc.example.org", "v=DMARC1;p=reject"))
    assert above == CheckResult("DMARC", ok=True, message="_dmarc.example.org: v=DMARC1;p=reject")
    assert "it only reports" in dmarc(zone_of("_dmarc.example.org", "v=DMARC1; p=reject; sp=none")).message


HERE = "_dmarc.lab.example.org"


@pytest.mark.parametrize(
    ("zone", "given", "says"),
    [
        ({}, {}, f"publish {HERE} with the TXT record: v=DMARC1; p=none; rua=mailto:ada@example.org"),
        ({}, {"contact": "https://example.org"}, "rua=mailto:postmaster@lab.example.org"),
        (zone_of(HERE, "v=DMARC1; p=none", "v=DMARC1; p=reject"), {}, "has 2 policies, so receivers ignore them all"),
        (
            zone_of(HERE, "v=DMARC1; p=block"),
            {},
            "whose policy is not one of none, quarantine, reject; publish _dmarc.",
        ),
        (
            zone_of(HERE, "v=DMARC1; rua=mailto:x@example.org"),
            {},
            "whose policy is not one of none, quarantine, reject",
        ),
        (
            zone_of(HERE, "v=DMARC1; p=reject; aspf=s"),
            {"bounce_address": "b@bounces.example.org"},
            "aspf=s requires exactly the same domain, and bounces go to bounces.example.org: SPF will not count",
        ),
        (
            zone_of(HERE, "v=DMARC1; p=reject; adkim=s"),
            {"dkim_key": "x.pem", "dkim_selector": "s1", "dkim_domain": "example.org"},
            "adkim=s requires exactly the same domain, and example.org signs: DKIM will not count",
        ),
        ({HERE: dns.rcode.REFUSED}, {}, f"the DNS does not answer for {HERE} (no server could answer)"),
    ],
)
def test_a_policy_that_is_missing_or_wrong(zone: Zone, given: dict[str, Any], says: str) -> None:
    found = dmarc(zone, **given)
    assert not found.ok
    assert says in found.message


def test_a_key_in_the_dns_is_ours_or_reported(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes((KEYS / "rsa-2048.pem").read_bytes())
    key.chmod(0o600)
    settings = chosen(dkim_key=str(key), dkim_selector="s1")
    signs = load_dkim_signer(settings)
    assert signs is not None
    for records, says in (
        ([signs.record], "signs with 2048 bits, verified by s1._domainkey.lab.example.org"),
        (
            [signs.record, "v=DKIM1; p="],
            "the DNS has 2 records there, and receivers may use any of them; keep one: s1._",
        ),
        (["v=DKIM1; k=rsa; p="], "the DNS has another key; publish s1._domainkey.lab.example.org with the TXT record"),
        ([], "nothing is in the DNS yet; publish s1._domainkey"),
    ):
        with name_server({signs.record_name: records}) as ctx:
            (found,) = check_dkim(settings, DnsResolver(ctx).txt_records)
        assert found.message.startswith(says)
        assert found.ok is (records == [signs.record])


def test_a_server_that_is_silent_is_not_waited_for(tmp_path: Path) -> None:
    command = Command(
        tmp_path,
        {
            "DIGEST_SMTP_HOST": "127.0.0.1",
            "DIGEST_SMTP_PORT": "9",
            "DIGEST_SMTP_TLS": "none",
            "DIGEST_SECRET_KEY": "a key for the tests that is long enough",
            "DIGEST_MAIL_FROM": "digest@lab.example.org",
            "DIGEST_SOURCES": "huggingface",
            "DIGEST_HUGGINGFACE_URL": "http://127.0.0.1:9",
        },
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        ctx = f"127.0.0.1:{silent.getsockname()[1]}"
        output = {row["check"]: row for row in command.json("doctor", "--resolver", ctx, status=1)}
    assert "does not answer for lab.example.org (no answer within 5 s); there should be" in output["SPF"]["message"]
    assert "does not answer for _dmarc.lab.example.org (no answer within 5 s)" in output["DMARC"]["message"]
    done = command.run("doctor", "--resolver", "dns.example.org", status=2)
    assert "'dns.example.org' is not the address of a DNS server" in done.stderr


def test_a_resolver_is_an_address_with_or_without_a_port() -> None:
    assert parse_server("9.9.9.9") == ("9.9.9.9", 53)
    assert parse_server("127.0.0.1:5353") == ("127.0.0.1", 5353)
    assert parse_server("2620:fe::fe") == ("2620:fe::fe", 53)
    assert parse_server("[2620:fe::fe]:853") == ("2620:fe::fe", 853)
    for wrong in ("dns.example.org", "9.9.9.9:x", "9.9.9.9:99999", "[::1"):
        with pytest.raises(SettingError, match="not the address of a DNS server"):
            parse_server(wrong)
