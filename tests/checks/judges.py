"""The judges: letters in, findings out. None of them was written here."""

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
# What says nothing of the letter: that it came over loopback, and what a filter has learnt.
SPAM_RULES = ("score ALL_TRUSTED 0", "use_bayes 0", "use_auto_welcomelist 0")
# Letters that were asked for by one act: they carry no way to unsubscribe.
TRANSACTIONAL = ("confirm", "already", "goodbye")


@dataclass(frozen=True)
class Finding:
    subject: str
    text: str


@dataclass(frozen=True)
class Judge:
    """`broken` are samples that it must find fault with; else it is not believed."""

    name: str
    find: Callable[[Sequence[ReceivedEmail]], list[Finding]]
    faulty: list[ReceivedEmail]


def all_judges(signer: DkimSigner, signed_email: ReceivedEmail) -> list[Judge]:
    """All of them. `signs` made the letters' signatures; `signed` is one of them, to be tampered with."""
    pages = {"vnu": vnu, "html-validate": html_validate, "emailens": emailens, "caniemail": caniemail, "axe": axe}
    return [
        *(Judge(name, judge, faults.faulty_emails(name)) for name, judge in pages.items()),
        Judge("spamassassin", spamassassin, faults.spam_email()),
        Judge("dkimpy", lambda mails: dkimpy(mails, signer), faults.tampered_emails(signed_email)),
        Judge("opendkim", lambda mails: opendkim(mails, signer), faults.tampered_emails(signed_email)),
    ]


def vnu(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """The Nu Html Checker of the W3C: errors."""
    with tempfile.TemporaryDirectory() as folder:
        for mail in emails:
            Path(folder, f"{mail.name}.html").write_text(mail.html)
        jar = MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
        command = ["java", "-jar", str(jar), "--errors-only", "--exit-zero-always", "--format", "json", folder]
        found = json.loads(run(*command).stderr)["messages"]
    return [Finding(Path(each["url"]).stem, f"{each['message']} (line {each['lastLine']})") for each in found]


def html_validate(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    return [to_finding(each) for each in run_node("html-validate", emails, str(HERE / "html-validate.json"))]


def emailens(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    return [to_finding(each) for each in run_node("emailens", emails)]


def axe(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """axe-core in a real browser, by day and by night."""
    return [to_finding(each) for each in run_node("axe", emails, shutil.which("chromium") or "")]


def caniemail(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """What caniemail.com knows to be missing in some mail program, unless `caniemail.json` tells why we use it."""
    reasons = json.loads((HERE / "caniemail.json").read_text())
    allowed = {feature for each in reasons for feature in each["features"]}
    found = run_node("caniemail", emails)
    unused = allowed - {each["feature"] for each in found}
    stale = [Finding("caniemail.json", f"{feature} is allowed, and no letter uses it") for feature in sorted(unused)]
    return [to_finding(each) for each in found if each["feature"] not in allowed] + stale


def spamassassin(emails: Sequence[ReceivedEmail]) -> list[Finding]:
    """Its local rules; nothing is asked of the network."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.eml") for number in range(len(emails))]
        for path, mail in zip(paths, emails, strict=True):
            path.write_bytes(mail.raw)
        rules = [part for rule in SPAM_RULES for part in ("--cf", rule)]
        done = run("spamassassin", "-L", "-t", "-x", *rules, *map(str, paths), env_home=folder)
    said = re.findall(r"(?m)^X-Spam-Status: (?:Yes|No), score=(-?[\d.]+)\s.*?tests=((?:\S|\n\t)+)", done.stdout)
    if len(said) != len(emails):
        raise RuntimeError(f"spamassassin judged {len(said)} of {len(emails)} letters: {done.stderr}")
    scored = [(mail, float(points), "".join(tests.split())) for mail, (points, tests) in zip(emails, said, strict=True)]
    return [
        Finding(mail.name, f"{points} points: {tests}") for mail, points, tests in scored if points > MAX_SPAM_SCORE
    ]


def dkimpy(emails: Sequence[ReceivedEmail], signer: DkimSigner) -> list[Finding]:
    found = []
    for mail in emails:
        try:
            good = dkim.DKIM(mail.raw).verify(dnsfunc=lambda _name, **_: signer.record.encode())
        except dkim.DKIMException as error:
            found.append(Finding(mail.name, str(error)))
        else:
            found += [] if good else [Finding(mail.name, "not verified")]
    return found


def opendkim(emails: Sequence[ReceivedEmail], signer: DkimSigner) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        keys, config = Path(folder, "keys"), Path(folder, "conf")
        keys.write_text(f"{signer.record_name} {signer.record}\n")
        config.write_text(f"Mode v\nSyslog no\nTestPublicKeys {keys}\n")
        paths = [Path(folder, f"{number}.eml") for number in range(len(emails))]
        for path, mail in zip(paths, emails, strict=True):
            path.write_bytes(mail.raw)
        done = run("opendkim", "-x", str(config), "-v", "-t", ",".join(map(str, paths)))
    good = set(re.findall(r"/(\d+)\.eml: verification \(.*\) succeeded", done.stdout + done.stderr))
    return [Finding(mail.name, "not verified") for number, mail in enumerate(emails) if str(number) not in good]


def run_node(judge: str, emails: Sequence[ReceivedEmail], config: str = "") -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "letters.json")
        path.write_text(json.dumps([to_json(mail) for mail in emails]))
        done = run("node", str(HERE / "judge.mjs"), str(MODULES), judge, str(path), config)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def to_json(email: ReceivedEmail) -> dict[str, object]:
    return {
        "name": email.name,
        "html": email.html,
        "marketing": email.name not in TRANSACTIONAL,
        "unsubscribe": str(email.message["List-Unsubscribe"] or ""),
    }


def to_finding(result: dict[str, Any]) -> Finding:
    return Finding(result["letter"], result["says"])


def run(*command: str, env_home: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a judge to its end; RuntimeError when it fails itself."""
    env = None if env_home is None else {"HOME": env_home, "PATH": "/usr/sbin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done
