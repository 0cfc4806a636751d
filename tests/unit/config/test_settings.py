"""What a setting may be, and what is said when it may not."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from digest.config import (
    DEFAULT_KEY,
    ENV_PREFIX,
    EXAMPLES,
    SECRET_SETTINGS,
    Settings,
    TlsMode,
    load_settings,
    unknown_variables,
)
from digest.errors import SettingError

RELAY = {"smtp_host": "smtp.example.org", "secret_key": "x" * 43}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the settings nor the `.env` of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{ENV_PREFIX}{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def refused(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(f"{ENV_PREFIX}{name.upper()}", value)
    with pytest.raises(SettingError) as error:
        load_settings()
    return str(error.value)


def test_without_any_setting_it_starts(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.database_url == "sqlite:///var/digest.db"
    assert (settings.uses_sqlite, settings.has_relay, settings.data_directory) == (True, False, Path("var"))


BAD = [
    ("database_url", "nonsense", "must be the address of a database"),
    ("database_url", "mysql://db/digest", "must be sqlite or postgresql+psycopg, not 'mysql'"),
    ("database_url", "postgresql://db/digest", "must be sqlite or postgresql+psycopg, not 'postgresql'"),
    ("database_url", "sqlite://", "must name a database"),
    ("database_url", "sqlite:///:memory:", "must name a database"),
    ("database_url", "sqlite:///file:x?mode=memory&uri=true", "must name a database"),
    ("database_url", "sqlite:///var/digest.db?timeout=soon", "because SQLite takes none"),
    ("database_url", "postgresql+psycopg://db", "must name a database"),
    ("database_url", "postgresql+psycopg://db:port/digest", "must be the address of a database"),
    ("base_url", "digest.example.org", "must be an address that starts with http:// or https://"),
    ("base_url", "ftp://digest.example.org", "must be an address that starts with http:// or https://"),
    ("base_url", "https://", "must be an address that starts with http:// or https://"),
    ("base_url", "https://digest.example.org/?a=b", "must have only a scheme, host, port and path"),
    ("base_url", "https://digest.example.org:port", "must be an address that starts with"),
    ("base_url", "https://[::1", "must be an address that starts with"),
    ("base_url", "https://exa_*.example.org", "must be a domain name"),
    ("base_url", "https://b\u00fc..cher.example", "must be a domain name"),
    ("base_url", f"https://{'b' * 64}.example", "must be a domain name"),
    ("base_url", "https://${HOST}/", "because variables are not replaced here"),
    ("base_url", "https://exa mple.org", "must be an address that starts with"),
    ("smtp_host", "smtp.example.org:587", "set the port with DIGEST_SMTP_PORT"),
    ("smtp_host", "smtp://smtp.example.org", "must be the name or IP address of a host only"),
    ("smtp_port", "mail", "should be a valid integer"),
    ("smtp_port", "0", "should be greater than or equal to 1"),
    ("smtp_port", "65536", "should be less than or equal to 65535"),
    ("smtp_username", "a\rb", "must be on one line"),
    ("smtp_tls", "ssl", "should be 'starttls', 'tls' or 'none'"),
    ("smtp_rate", "-1", "should be greater than or equal to 0"),
    ("smtp_rate", "0.00001", "must be at least one e-mail per day, or 0"),
    ("smtp_rate", "200/fortnight", "should be a valid number"),
    ("smtp_rate", "nan", "should be greater than or equal to 0"),
    ("smtp_domain_rate", "-0.5", "should be greater than or equal to 0"),
    ("smtp_connections", "0", "should be greater than or equal to 1"),
    ("smtp_reuse", "0", "should be greater than or equal to 1"),
    ("smtp_timeout", "0", "should be greater than or equal to 0.1"),
    ("mail_from", "nobody", "must be an e-mail address"),
    ("bounce_address", "bounces", "must be a plain e-mail address"),
    ("bounce_address", "Bounces <bounces@example.org>", "must be a plain e-mail address"),
    ("bounce_address", "bounces@-example.org", "must be an e-mail address"),
    ("bounce_address", "b" * 25 + "@example.org", "at most 24 characters before the @"),
    ("imap_host", "imap.example.org:993", "set the port with DIGEST_IMAP_PORT"),
    ("imap_port", "0", "should be greater than or equal to 1"),
    ("imap_username", "a\rb", "must be on one line"),
    ("imap_folder", "INBOX\x07", "must be on one line"),
    ("imap_tls", "ssl", "should be 'starttls', 'tls' or 'none'"),
    ("mail_from", "Me, Myself <me@example.org>", "quote a name that contains a comma"),
    ("mail_from", "a@b@c", "must be an e-mail address"),
    ("mail_from", "Büro <büro@example.org>", "must have only ASCII letters before the @"),
    ("mail_from", "a..b@example.org", "must be an e-mail address"),
    ("mail_from", "me@exa*mple.org", "must be an e-mail address"),
    ("mail_from", "Digest <me@example.org>\nBcc: you@example.org", "must be on one line"),
    ("dkim_key", "/etc/dkim.pem\n", "must be on one line"),
    ("bounces_ses_topic", "digest-bounces", "must be the ARN of an Amazon SNS topic"),
    ("bounces_ses_topic", "arn:aws:sqs:eu-west-1:123456789012:digest", "must be the ARN of an Amazon SNS topic"),
    ("bounces_sendgrid_key", "MFkwEwYHKoZIzj0CAQ", "must be the verification key"),
    ("dkim_selector", "mail_1", "must be a domain name"),
    ("dkim_selector", "mail.", "must be a domain name"),
    ("dkim_domain", "@example.org", "must be a domain name"),
    ("postal_address", "Street\nTown", "must be on one line"),
    ("contact", "me\x1b[1m", "must be on one line"),
    ("sources", "huggingface,arxvi", "huggingface, pubmed), and 'arxvi' is not one"),
    ("sources", ",", "must name at least one source"),
    ("host_gaps", "api.example.org", "must name hosts, each with the seconds between two requests to it"),
    ("host_gaps", "api.example.org=-1", "3600 at most"),
    ("site_name", "N" * 81, "must have at most 80 characters, and this has 81"),
    ("site_name", "Papers\x1b[1m", "must be on one line"),
    ("intro", "i" * 301, "must have at most 300 characters, and this has 301"),
    ("intro", "Hello\x07", "must be on one line"),
    ("logo", "logo\x07.svg", "must be on one line"),
    ("templates", "templates\x07", "must be on one line"),
    ("accent", "crimson", "must be a color written as #rrggbb"),
    ("accent", "#9c1", "must be a color written as #rrggbb"),
    ("accent", "#777777", "must have a contrast of at least 4.5:1 on white, and this has 4.47:1; take a darker color"),
    ("accent", "#ffd400", "and this has 1.43:1"),
    ("footer_links", "a=https://a.b," * 6, "must have at most 5 links, and these are 6"),
    (
        "footer_links",
        "https://example.org",
        "must have a label and an address for each link, and link 1 lacks one",
    ),
    ("footer_links", "Imprint=", "and link 1 lacks one"),
    ("documentation_url", "javascript:alert(1)", "must be an address that starts with"),
    ("footer_links", "L" * 41 + "=https://a.b", "must have labels of at most 40 characters"),
    ("footer_links", "Imprint=javascript:alert(1)", "and 'Imprint' does not"),
    ("footer_links", "Imprint=//example.org", "must lead to addresses that start with https:// or http://"),
    ("footer_links", "Imprint=https://a.b/c d", "must lead to addresses that start with"),
    ("default_timezone", "Berlin", "must be a time zone, and 'Berlin' is not one"),
    ("default_timezone", "../../etc/passwd", "must be a time zone, and '../../etc/passwd' is not one"),
    ("send_hour", "24", "should be less than or equal to 23"),
    ("send_hour", "-1", "should be greater than or equal to 0"),
    ("send_hour", "8.5", "should be a valid integer"),
    ("most_keywords", "0", "should be greater than or equal to 1"),
    ("most_keywords", "1001", "should be less than or equal to 1000"),
    ("longest_keyword", "49", "should be greater than or equal to 50"),
    ("longest_keyword", "10001", "should be less than or equal to 10000"),
    ("most_terms", "0", "should be greater than or equal to 1"),
    ("deepest_nesting", "51", "should be less than or equal to 50"),
    ("thumbnails", "some", "should be a valid boolean"),
    ("web_copy_days", "0", "should be greater than or equal to 1"),
    ("web_copy_days", "3651", "should be less than or equal to 3650"),
    ("keep_papers_days", "89", "must be at least 90 days"),
    ("keep_papers_days", "-1", "should be greater than or equal to 0"),
    ("overdue_minutes", "4", "should be greater than or equal to 5"),
    ("trusted_proxies", "proxy.example.org", "must list IP addresses or networks, and 'proxy.example.org' is not one"),
    ("trusted_proxies", "*", "must list IP addresses or networks, and '*' is not one"),
    ("trusted_proxies", "0.0.0.0/0", "must not contain 0.0.0.0/0"),
    ("log_format", "xml", "should be 'auto', 'console' or 'json'"),
]


@pytest.mark.parametrize(("name", "value", "fault"), BAD)
def test_a_bad_value_is_answered_with_name_fault_and_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    message = refused(monkeypatch, **{name: value})
    assert message.startswith(f"DIGEST_{name.upper()}: ")
    assert fault in message
    assert f"(it is {value!r})" in message
    assert message.endswith(f" Example: DIGEST_{name.upper()}={EXAMPLES[name]}")
    assert "\n" not in message


def test_every_setting_that_can_be_bad_is_tried() -> None:
    assert {name for name, _, _ in BAD} == set(Settings.model_fields) - SECRET_SETTINGS


@pytest.mark.parametrize("name", ["operator_token", "metrics_token"])
def test_a_token_that_could_be_guessed_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for token, fault in (
        ("fifteen-letters", "must have at least 16 characters, because a shorter one could be guessed"),
        ("with a space in between", "must have only ASCII letters, digits and punctuation, without spaces"),
        ("ein-schönes-langes-Wort", "must have only ASCII letters, digits and punctuation, without spaces"),
    ):
        message = refused(monkeypatch, **{name: token})
        assert message.startswith(f"DIGEST_{name.upper()}: {fault}. Example: ")
        assert token not in message
    assert getattr(load_settings(**{name: "sixteen-letters!"}), name).get_secret_value() == "sixteen-letters!"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_example_would_be_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"DIGEST_{name.upper()}", EXAMPLES[name])
    assert getattr(load_settings(**{key: value for key, value in together(name).items() if key != name}), name)


def together(name: str) -> dict[str, str]:
    """What must be set beside `name`."""
    needs = {
        "smtp_host": {"secret_key": "x" * 43},
        "smtp_password": {"smtp_username": "digest"},
        "imap_host": {"bounce_address": "bounces@example.org", "imap_username": "bounces"},
        "dkim_key": {"dkim_selector": "digest"},
        "dkim_selector": {"dkim_key": "dkim.pem"},
    }
    return needs.get(name, {})


def test_every_setting_has_an_example() -> None:
    assert set(EXAMPLES) == set(Settings.model_fields)


def test_every_fault_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(monkeypatch, send_hour="25", smtp_tls="yes").splitlines()
    assert [line.partition(":")[0] for line in message] == ["DIGEST_SMTP_TLS", "DIGEST_SEND_HOUR"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"smtp_host": "smtp.example.org"}, "DIGEST_SECRET_KEY"),
        ({"smtp_host": "smtp.example.org", "secret_key": DEFAULT_KEY}, "DIGEST_SECRET_KEY"),
        ({"dkim_key": "dkim.pem"}, "DIGEST_DKIM_SELECTOR"),
        ({"dkim_selector": "digest"}, "DIGEST_DKIM_KEY"),
        (RELAY | {"smtp_password": "hunter2"}, "DIGEST_SMTP_USERNAME"),
        (RELAY | {"smtp_username": "digest", "smtp_password": "hunter2", "smtp_tls": "none"}, "DIGEST_SMTP_TLS"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], names: str
) -> None:
    message = refused(monkeypatch, **given)
    name = names.removeprefix("DIGEST_").lower()
    assert message.startswith(f"{names} ")
    assert message.endswith(f" Example: {names}={EXAMPLES[name]}")
    assert "hunter2" not in message


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_password_may_stay_in_the_clear_on_this_machine(host: str) -> None:
    assert (
        load_settings(**RELAY | {"smtp_host": host, "smtp_username": "digest", "smtp_tls": "none"}).smtp_tls
        is TlsMode.NONE
    )


SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    "given",
    [
        {"smtp_password": SECRET, "smtp_port": "x"},
        {"secret_key": SECRET, "smtp_port": "x"},
        {"secret_key": SECRET, "smtp_host": "smtp.example.org", "smtp_password": SECRET},
        {"database_url": f"mysql://digest:{SECRET}@db/digest"},
        {"database_url": f"mysql://db/digest?user=digest&password={SECRET}"},
        {"database_url": f"postgresql+psycopg://digest:{SECRET}@db:port/digest"},
        {"base_url": f"https://digest:{SECRET}@digest.example.org"},
        {"footer_links": f"Imprint=https://digest:{SECRET}@example.org"},
        {"smtp_host": f"smtp://digest:{SECRET}@smtp.example.org"},
    ],
)
def test_a_secret_is_never_in_a_message_or_its_trace(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"DIGEST_{name.upper()}", value)
    with pytest.raises(SettingError) as error:
        load_settings()
    assert SECRET not in "".join(traceback.format_exception(error.value))


def test_a_secret_is_never_in_the_settings_as_text() -> None:
    url = f"postgresql+psycopg://digest:{SECRET}@db/digest"
    settings = load_settings(database_url=url, secret_key=SECRET, smtp_username="digest", smtp_password=SECRET)
    assert settings.database_url == url
    assert SECRET not in f"{settings!r} {settings}"


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usual = load_settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"DIGEST_{name.upper()}", "")
    (tmp_path / ".env").write_text("".join(f"DIGEST_{name.upper()}=\n" for name in Settings.model_fields))
    assert load_settings() == usual


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DIGEST_SEND_HOUR=6\nDIGEST_SMTP_PORT=2525\n")
    monkeypatch.setenv("DIGEST_SEND_HOUR", "7")
    assert (load_settings().send_hour, load_settings().smtp_port) == (7, 2525)


def test_a_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DIGEST_CONTACT=\xff\xfe\n")
    with pytest.raises(SettingError, match=r"^\.env cannot be read as text"):
        load_settings()


@pytest.mark.parametrize("written", ["huggingface,arxiv", "huggingface arxiv", "huggingface, arxiv,huggingface"])
def test_a_list_is_written_with_commas_or_spaces(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("DIGEST_SOURCES", written)
    assert load_settings().sources == ("huggingface", "arxiv")


def test_a_link_of_the_footer_may_have_a_query_and_spaces_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "DIGEST_FOOTER_LINKS", " Über uns = https://example.org/?a=b%2Cc&d=e#f , Help=http://localhost:8080 ,"
    )
    assert load_settings().footer_links == (
        ("Über uns", "https://example.org/?a=b%2Cc&d=e#f"),
        ("Help", "http://localhost:8080"),
    )


@pytest.mark.parametrize("written", ["#9C1C2E", "9c1c2e", "'#9c1c2e '"])
def test_an_accent_may_be_written_in_every_usual_way(tmp_path: Path, written: str) -> None:
    (tmp_path / ".env").write_text(f"DIGEST_ACCENT={written}\n")
    assert load_settings().accent == "#9c1c2e"


def test_an_intro_may_be_written_in_lines() -> None:
    assert load_settings(intro=" Papers\nfor  us. ").intro == "Papers for us."


def test_a_slash_at_the_end_of_an_address_is_dropped() -> None:
    assert load_settings(base_url="https://digest.example.org/papers/").base_url == "https://digest.example.org/papers"


@pytest.mark.parametrize("value", ["me@example.org", "digest@localhost", '"Me, Myself" <me@example.org>', "É <e@e.fr>"])
def test_a_sender_may_be_written_in_every_usual_way(value: str) -> None:
    assert load_settings(mail_from=value).mail_from == value


@pytest.mark.parametrize(
    ("name", "written", "used"),
    [
        ("base_url", "https://Bücher.example", "https://xn--bcher-kva.example"),
        ("base_url", "https://bücher.example:8443/λ/", "https://xn--bcher-kva.example:8443/%CE%BB"),
        ("base_url", 'https://example.org/a"b%20c', "https://example.org/a%22b%20c"),
        ("base_url", "http://[2001:DB8::1]:8000", "http://[2001:db8::1]:8000"),
        ("base_url", "https://例え。テスト", "https://xn--r8jz45g.xn--zckzah"),
        ("mail_from", "Bücherei <post@bücher.example>", "Bücherei <post@xn--bcher-kva.example>"),
        ("mail_from", "post@bücher.example", "post@xn--bcher-kva.example"),
        ("bounce_address", "bounces@bücher.example", "bounces@xn--bcher-kva.example"),
        ("smtp_host", "mail.bücher.example", "mail.xn--bcher-kva.example"),
        ("smtp_host", "my_relay", "my_relay"),
        ("dkim_domain", "bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_names_of_other_scripts_become_what_the_wire_takes(name: str, written: str, used: str) -> None:
    others = together(name) | {"secret_key": "x" * 43}
    assert getattr(load_settings(**others | {name: written}), name) == used


@pytest.mark.parametrize(
    ("written", "per_second"),
    [
        ("10", 10.0),
        ("0.5", 0.5),
        ("200/hour", 200 / 3600),
        ("30 per minute", 0.5),
        ("1/Day", 1 / 86_400),
        ("2/seconds", 2),
    ],
)
def test_a_rate_is_a_number_a_second_or_names_its_unit(
    monkeypatch: pytest.MonkeyPatch, written: str, per_second: float
) -> None:
    monkeypatch.setenv("DIGEST_SMTP_RATE", written)
    assert load_settings().smtp_rate == pytest.approx(per_second)


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("'ab${cd}e'", "ab${cd}e"),
        ('"ab${HOME}e"', "ab${HOME}e"),
        ("ab${HOME:-x}$HOME$e", "ab${HOME:-x}$HOME$e"),
        ("$$", "$$"),
    ],
)
def test_a_dollar_in_the_file_is_a_dollar(tmp_path: Path, line: str, password: str) -> None:
    (tmp_path / ".env").write_text(f"DIGEST_SMTP_USERNAME=digest\nDIGEST_SMTP_PASSWORD={line}\n")
    assert load_settings().smtp_password.get_secret_value() == password


def test_our_files_go_beside_the_embedded_store_or_into_var(tmp_path: Path) -> None:
    assert load_settings(database_url=f"sqlite:///{tmp_path}/here/digest.db").data_directory == tmp_path / "here"
    assert load_settings(database_url="postgresql+psycopg://db/digest").data_directory == Path("var")


def test_a_typo_is_named_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DIGEST_SMTP_PASWORD=hunter2\nDIGEST_SEND_HOUR=8\nPATH=/bin\n")
    environ: dict[str, Any] = {"DIGEST_SMTP_HOTS": "smtp.example.org", "DIGEST_COLOUR": "blue", "HOME": "/"}
    assert unknown_variables(environ, Path(".env")) == [
        "DIGEST_COLOUR in the environment is not a setting.",
        "DIGEST_SMTP_HOTS in the environment is not a setting. Did you mean DIGEST_SMTP_HOST?",
        "DIGEST_SMTP_PASWORD in .env is not a setting. Did you mean DIGEST_SMTP_PASSWORD?",
    ]


def test_known_names_are_no_typos_however_they_are_cased(tmp_path: Path) -> None:
    assert unknown_variables({"digest_send_hour": "8", "DIGEST_SMTP_HOST": ""}, tmp_path / "absent") == []


def test_a_mailbox_needs_an_address_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "DIGEST_BOUNCE_ADDRESS is missing" in refused(monkeypatch, imap_host="imap.example.org")
    assert "DIGEST_IMAP_USERNAME is missing" in refused(monkeypatch, bounce_address="bounces@example.org")
    message = refused(monkeypatch, imap_username="bounces", imap_tls="none")
    assert message.startswith("DIGEST_IMAP_TLS must not be none, because the password")
    monkeypatch.setenv("DIGEST_IMAP_HOST", "127.0.0.1")
    assert load_settings().has_mailbox
