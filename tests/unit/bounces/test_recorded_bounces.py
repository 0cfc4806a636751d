"""Recorded bounces of some sixty mail servers, compared with the verdicts of two other parsers.

flufl.bounce's verdict is who, and whether for good. Sisimai's is a reason and a status; what they come to under our
policy is the table below. The status decides wherever the policy names it, Sisimai's reason elsewhere:

    hard          userunknown, hostunknown, hasmoved, notaccept (what Sisimai itself calls a hard bounce); 5.1.*, 5.2.1
    soft          mailboxfull, suspend, filtered, onhold, expired, networkerror, contenterror, undefined
    ours          authfailure, badreputation, blocked, mailererror, norelaying, policyviolation, rejected, requireptr,
                  securityerror, spamdetected, systemerror, toomanyconn, virusdetected; 5.3.*, 5.4.*, 5.7.*, 5.1.7 and
                  5.1.8 (the sender's address); a feedback report about a signature
    complaint     feedback of any other type
    auto-reply    vacation
    none          delivered

Exchange Online says 5.4.1 for a recipient that does not exist: hard.
A status of Sisimai's own making (5.0.9xx) is no status of the server's and counts for nothing here. Where a status
says hard and the reason that the mailbox is full or we are blocked, the reason counts: nobody is suppressed in doubt.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from digest.bounces import BounceReport, ReportKind, parse_bounce

BOUNCES = Path(__file__).parents[4] / "shared" / "data" / "bounces"
pytestmark = pytest.mark.skipif(not BOUNCES.is_dir(), reason=f"no recorded bounces at {BOUNCES}")

SENDER_FAULTS = {
    *("authfailure", "badreputation", "blocked", "mailererror", "norelaying", "policyviolation", "rejected"),
    *("requireptr", "securityerror", "spamdetected", "systemerror", "toomanyconn", "virusdetected"),
}
LENIENT_REASONS = {"mailboxfull", "blocked"}
OTHER_REASONS = {"feedback": ReportKind.COMPLAINT, "vacation": ReportKind.AUTO_REPLY, "delivered": ReportKind.NONE}
FLUFL_FLOOR, SISIMAI_FLOOR = 0.98, 0.91

# Why our classification differs from Sisimai's, wherever it does.
EXPLANATIONS = {
    "filtered": "the words say that there is no such mailbox, and nothing that it was refused after the letter",
    "rejected": "the words say that there is no such mailbox, but after the letter: soft",
    "requireptr": "only a delay",
    "networkerror": "the words speak of a mail loop",
    "hostunknown": "the words speak of block lists as well, or of our own domain",
    "userunknown": "the mail is a notification in JSON, which no mail system wrote",
    "systemerror": "a list's own alarm, not from a mail system",
    "mailboxfull": "the notification says that there is no such user, in status and in words",
}


def load(folder: str) -> dict[str, list[dict[str, Any]]]:
    expected: dict[str, list[dict[str, Any]]] = json.loads((BOUNCES / folder / "expected.json").read_text())
    return expected


def expected_kind(verdict: dict[str, Any]) -> ReportKind:
    """Return what a verdict of Sisimai means under our policy."""
    status, reason = str(verdict["status"]), str(verdict["reason"])
    subject = status.split(".")[1] if status.startswith("5.") else ""
    if status == "5.4.1" and reason in {"rejected", "userunknown"}:
        return ReportKind.HARD
    if status in {"5.1.7", "5.1.8"} or subject in {"3", "4", "7"} or verdict.get("feedbacktype") == "auth-failure":
        return ReportKind.SENDER_FAULT
    if (subject == "1" and reason not in LENIENT_REASONS) or status == "5.2.1" or verdict["hardbounce"]:
        return ReportKind.HARD
    return OTHER_REASONS.get(reason, ReportKind.SENDER_FAULT if reason in SENDER_FAULTS else ReportKind.SOFT)


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")


def test_flufl_samples_give_recipient_and_permanence(capsys: pytest.CaptureFixture[str]) -> None:
    expected = load("flufl")
    missed = [
        name
        for name, verdicts in expected.items()
        if not agrees(parse_bounce((BOUNCES / "flufl" / name).read_bytes()), verdicts[0])
    ]
    share = 1 - len(missed) / len(expected)
    with capsys.disabled():
        print_line(f"\nflufl.bounce: {len(expected) - len(missed)} of {len(expected)} ({share:.1%}); missed: {missed}")
    assert share >= FLUFL_FLOOR


def agrees(report: BounceReport, verdict: dict[str, Any]) -> bool:
    expected = set(verdict["recipients"])
    if not expected:  # without recipients it is no bounce to us either
        return report.kind in {ReportKind.NONE, ReportKind.AUTO_REPLY}
    temporary = report.status.startswith("4.") and not report.final
    return set(report.recipients) == expected and report.recipient in expected and temporary is verdict["temporary"]


def test_sisimai_samples_are_classified(capsys: pytest.CaptureFixture[str]) -> None:
    expected = load("sisimai")
    missed = []
    for name, verdicts in expected.items():
        report = parse_bounce((BOUNCES / "sisimai" / name).read_bytes())
        if report.kind not in {expected_kind(verdict) for verdict in verdicts}:
            missed.append((name, verdicts[0]["reason"], verdicts[0]["status"], report))
    share = 1 - len(missed) / len(expected)
    with capsys.disabled():
        print_line(
            f"\nsisimai: {len(expected) - len(missed)} of {len(expected)} in the right class ({share:.1%}); missed:"
        )
        for name, reason, status, report in missed:
            text = f"{report.kind} {report.status} {report.reason}"
            print_line(f"  {name}: {reason} {status}, to us {text}: {EXPLANATIONS.get(reason, 'unexplained')}")
    assert share >= SISIMAI_FLOOR
    assert [name for name, reason, _, _ in missed if reason not in EXPLANATIONS] == []


def test_other_messages_are_no_bounces() -> None:
    folder = BOUNCES / "not_bounces"
    kinds = {path.name: parse_bounce(path.read_bytes()).kind for path in folder.iterdir()}
    assert len(kinds) == 3
    assert {name: kind for name, kind in kinds.items() if kind not in {ReportKind.NONE, ReportKind.AUTO_REPLY}} == {}
