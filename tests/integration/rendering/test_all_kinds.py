"""The emails that `make check-mail` shows to other judges, before those that PyPI has: two parsers and dkimpy."""

import json
from pathlib import Path

import dkim
import fast_mail_parser
import pytest

from tests.checks import judges
from tests.checks.emails import ReceivedEmail, running_service, send_all_kinds
from tests.support.relay import relay

TESTS = Path(__file__).parents[2]
KEY = TESTS / "data" / "dkim" / "rsa-1024.pem"
LONGEST = 95_000  # bytes of encoded HTML


@pytest.fixture(scope="module")
def sent() -> tuple[str, dict[str, ReceivedEmail]]:
    """What the relay got, by name, and the record that verifies it."""
    with relay() as running, running_service(running.port, KEY) as at:
        number = send_all_kinds(at)
        assert at.dkim_signer is not None
        mails = [ReceivedEmail(raw) for _, raw in running.accepted]
    assert len(mails) == number
    return at.dkim_signer.record, {mail.name: mail for mail in mails}


def test_every_kind_is_among_them_and_of_every_size(sent: tuple[str, dict[str, ReceivedEmail]]) -> None:
    _, mails = sent
    digests = {
        "digest-0",
        "digest-1",
        "digest-6",
        "digest-25",
        "digest-200",
        "weekly",
        "catch-up",
        "summaries",
        "trending",
        "first",
        "pictures",
        "close",
    }
    changes = {"address-change", "address-changed", "address-restored"}
    assert set(mails) == digests | changes | {"confirm", "already", "copy-link", "welcome", "goodbye", "setup"}
    for many in (1, 6, 25, 200):
        assert mails[f"digest-{many}"].subject.startswith(f"{many} paper")
    assert "could not be read" in mails["digest-1"].html
    assert "200 papers this week" in mails["weekly"].subject
    assert "Close to your keywords" in mails["close"].html
    assert "Close to your keywords" not in mails["digest-1"].html


def test_two_parsers_read_the_same_and_the_signature_is_good(sent: tuple[str, dict[str, ReceivedEmail]]) -> None:
    record, mails = sent
    for mail in mails.values():
        other = fast_mail_parser.parse_email(mail.raw, strict=True)
        assert not mail.message.defects
        assert other.subject == mail.subject
        assert (other.text_plain, other.text_html) == ([mail.part("plain")], [mail.html])
        assert [(name, values) for name, values in other.headers.items() if len(values) > 1] == []
        assert dkim.DKIM(mail.raw).verify(dnsfunc=lambda _name, **_: record.encode())


def test_lines_and_weight_are_within_their_limits(sent: tuple[str, dict[str, ReceivedEmail]]) -> None:
    _, mails = sent
    for mail in mails.values():
        head, _, body = mail.raw.partition(b"\r\n\r\n")
        assert max(map(len, head.split(b"\r\n"))) <= 998
        assert max(map(len, body.split(b"\r\n"))) <= 76
        assert mail.raw.isascii()
        html = mail.message.get_body(("html",))
        assert html is not None
        assert len(str(html.get_payload())) <= LONGEST


def test_only_who_did_not_ask_for_this_one_email_can_unsubscribe_by_a_header(
    sent: tuple[str, dict[str, ReceivedEmail]],
) -> None:
    _, mails = sent
    assert {name for name, mail in mails.items() if not mail.message["List-Unsubscribe"]} == set(judges.TRANSACTIONAL)


def test_what_other_judges_may_not_say_has_a_reason() -> None:
    folder = TESTS / "checks"
    config = json.loads((folder / "html-validate.json").read_text())
    assert {rule for rule, level in config["rules"].items() if level == "off"} == set(config["why"])
    allowed = json.loads((folder / "caniemail.json").read_text())
    assert all(len(entry["why"]) > 40 and entry["features"] for entry in allowed)
    features = [feature for entry in allowed for feature in entry["features"]]
    assert len(features) == len(set(features))
