"""Third-party judges of e-mails: e-mails in, findings out."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dkim

from digest.mail.dkim import DkimSigner
from tests.checks import faults
from tests.checks.emails import ReceivedEmail
from tests.checks.requirements import HERE, MODULES

MAX_SPAM_SCORE = 0.0  # points, as SpamAssassin prints them
# Switched off: that it came over loopback, and what a filter has learned, are not properties of the e-mail.
SPAM_RULES = ("score ALL_TRUSTED 0", "use_bayes 0", "use_auto_welcomelist 0")
# Answers to one request, without a link to unsubscribe.
TRANSACTIONAL = (
    "confirm",
    "already",
    "goodbye",
    "address-change",
    "address-changed",
    "address-restored",
    "setup",
    "copy-link",
)


@dataclass(frozen=True)
class Finding:
    """Complaint of a judge about one e-mail or page."""

    subject: str
    text: str


@dataclass(frozen=True)
class Judge:
    """Third-party tool. `faulty` are samples with a fault that it must find; else it is not trusted."""

    name: str
    find: Callable[[Sequence[ReceivedEmail]], list[Finding]]
    faulty: list[ReceivedEmail]


def all_judges(signer: DkimSigner, signed_email: ReceivedEmail) -> list[Judge]:
    """Return all judges. `signer` signed the e-mails; `signed_email` is one of them, to be tampered with."""
    pages = {"vnu": vnu, "html-validate": html_validate, "emailens": emailens, "caniemail": caniemail, "axe": axe}
    return [
        *(Judge(name, judge, faults.faulty_emails(name)) for name, judge in pages.items()),
        Judge("spamassassin", spamassassin, faults.spam_email()),
        Judge("dkimpy", lambda emails: dkimpy(emails, signer), faults.tampered_emails(signed_email)),
        Judge("opendkim", lambda emails: opendkim(emails, signer), faults.tampered_emails(signed_email)),
    ]


def vnu(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """Return the errors of the W3C's Nu Html Checker."""
    with tempfile.TemporaryDirectory() as folder:
        for email in emails:
            Path(folder, f"{email.name}.html").write_text(email.html)
        jar = MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
        command = ["java", "-jar", str(jar), "--errors-only", "--exit-zero-always", "--format", "json", folder]
        messages = json.loads(run(*command).stderr)["messages"]
    return [
        Finding(Path(message["url"]).stem, f"{message['message']} (line {message['lastLine']})") for message in messages
    ]


def html_validate(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    return [to_finding(result) for result in run_node("html-validate", emails, str(HERE / "html-validate.json"))]


def emailens(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    return [to_finding(result) for result in run_node("emailens", emails)]


def axe(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """Return the violations that axe-core sees in a real browser, light and dark."""
    return [to_finding(result) for result in run_node("axe", emails, shutil.which("chromium") or "")]


def caniemail(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """Return what some mail program lacks by caniemail.com, unless `caniemail.json` gives a reason to use it."""
    reasons = json.loads((HERE / "caniemail.json").read_text())
    allowed = {feature for reason in reasons for feature in reason["features"]}
    results = run_node("caniemail", emails)
    unused = allowed - {result["feature"] for result in results}
    stale = [Finding("caniemail.json", f"{feature} is allowed, and no e-mail uses it") for feature in sorted(unused)]
    return [to_finding(result) for result in results if result["feature"] not in allowed] + stale


def spamassassin(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """Return what SpamAssassin's local rules find, without the network."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.eml") for number in range(len(emails))]
        for path, email in zip(paths, emails, strict=True):
            path.write_bytes(email.raw)
        rules = [part for rule in SPAM_RULES for part in ("--cf", rule)]
        result = run("spamassassin", "-L", "-t", "-x", *rules, *map(str, paths), env_home=folder)
    statuses = re.findall(r"(?m)^X-Spam-Status: (?:Yes|No), score=(-?[\d.]+)\s.*?tests=((?:\S|\n\t)+)", result.stdout)
    if len(statuses) != len(emails):
        raise RuntimeError(f"spamassassin judged {len(statuses)} of {len(emails)} e-mails: {result.stderr}")
    return [
        Finding(email.name, f"{points} points: {''.join(tests.split())}")
        for email, (points, tests) in zip(emails, statuses, strict=True)
        if float(points) > MAX_SPAM_SCORE
    ]


def dkimpy(emails: Sequence[ReceivedEmail], signer: DkimSigner) -> list[Finding]:
    findings = []
    for email in emails:
        try:
            is_valid = dkim.DKIM(email.raw).verify(dnsfunc=lambda _name, **_: signer.record.encode())
        except dkim.DKIMException as error:
            findings.append(Finding(email.name, str(error)))
        else:
            if not is_valid:
                findings.append(Finding(email.name, "not verified"))
    return findings


def opendkim(emails: Sequence[ReceivedEmail], signer: DkimSigner) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        keys, config = Path(folder, "keys"), Path(folder, "conf")
        keys.write_text(f"{signer.record_name} {signer.record}\n")
        config.write_text(f"Mode v\nSyslog no\nTestPublicKeys {keys}\n")
        paths = [Path(folder, f"{number}.eml") for number in range(len(emails))]
        for path, email in zip(paths, emails, strict=True):
            path.write_bytes(email.raw)
        result = run("opendkim", "-x", str(config), "-v", "-t", ",".join(map(str, paths)))
    verified = set(re.findall(r"/(\d+)\.eml: verification \(.*\) succeeded", result.stdout + result.stderr))
    return [Finding(email.name, "not verified") for number, email in enumerate(emails) if str(number) not in verified]


def run_node(judge: str, emails: Sequence[ReceivedEmail], config: str = "") -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "emails.json")
        path.write_text(json.dumps([to_json(email) for email in emails]))
        result = run("node", str(HERE / "judge.mjs"), str(MODULES), judge, str(path), config)
    results: list[dict[str, Any]] = json.loads(result.stdout)
    return results


def to_json(email: ReceivedEmail) -> dict[str, object]:
    """Return an e-mail as `judge.mjs` reads it."""
    return {
        "name": email.name,
        "html": email.html,
        "marketing": email.name not in TRANSACTIONAL,
        "unsubscribe": str(email.message["List-Unsubscribe"] or ""),
    }


def to_finding(result: dict[str, Any]) -> Finding:
    return Finding(result["email"], result["text"])


def run(*command: str, env_home: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a judge to its end. Raises RuntimeError when it fails itself."""
    env = None if env_home is None else {"HOME": env_home, "PATH": "/usr/sbin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=env, errors="replace")
    if result.returncode:
        output = result.stdout[-2000:] + result.stderr[-2000:]
        raise RuntimeError(f"{command[0]} ended with {result.returncode}:\n{output}")
    return result
