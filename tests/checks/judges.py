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

from digest.mail import DkimSigner
from tests.checks import broken
from tests.checks.letters import Mail
from tests.checks.needs import HERE, MODULES

MOST_SPAM = 0.0  # points, as SpamAssassin prints them
# What says nothing of the letter: that it came over loopback, and what a filter has learnt.
SPAM_RULES = ("score ALL_TRUSTED 0", "use_bayes 0", "use_auto_welcomelist 0")
# Letters that were asked for by one act: they carry no way to unsubscribe.
ANSWERS = ("confirm", "already", "goodbye")


@dataclass(frozen=True)
class Finding:
    letter: str
    says: str


@dataclass(frozen=True)
class Judge:
    """`broken` are samples that it must find fault with; else it is not believed."""

    name: str
    judge: Callable[[Sequence[Mail]], list[Finding]]
    broken: list[Mail]


def judges(signs: DkimSigner, signed: Mail) -> list[Judge]:
    """All of them. `signs` made the letters' signatures; `signed` is one of them, to be tampered with."""
    pages = {"vnu": vnu, "html-validate": html_validate, "emailens": emailens, "caniemail": caniemail, "axe": axe}
    return [
        *(Judge(name, judge, broken.samples(name)) for name, judge in pages.items()),
        Judge("spamassassin", spamassassin, broken.spam()),
        Judge("dkimpy", lambda mails: dkimpy(mails, signs), broken.tampered(signed)),
        Judge("opendkim", lambda mails: opendkim(mails, signs), broken.tampered(signed)),
    ]


def vnu(mails: Sequence[Mail]) -> list[Finding]:
    """The Nu Html Checker of the W3C: errors."""
    with tempfile.TemporaryDirectory() as folder:
        for mail in mails:
            Path(folder, f"{mail.name}.html").write_text(mail.html)
        jar = MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
        command = ["java", "-jar", str(jar), "--errors-only", "--exit-zero-always", "--format", "json", folder]
        found = json.loads(run(*command).stderr)["messages"]
    return [Finding(Path(each["url"]).stem, f"{each['message']} (line {each['lastLine']})") for each in found]


def html_validate(mails: Sequence[Mail]) -> list[Finding]:
    return [finding(each) for each in node("html-validate", mails, str(HERE / "html-validate.json"))]


def emailens(mails: Sequence[Mail]) -> list[Finding]:
    return [finding(each) for each in node("emailens", mails)]


def axe(mails: Sequence[Mail]) -> list[Finding]:
    """axe-core in a real browser, by day and by night."""
    return [finding(each) for each in node("axe", mails, shutil.which("chromium") or "")]


def caniemail(mails: Sequence[Mail]) -> list[Finding]:
    """What caniemail.com knows to be missing in some mail program, unless `caniemail.json` tells why we use it."""
    reasons = json.loads((HERE / "caniemail.json").read_text())
    allowed = {feature for each in reasons for feature in each["features"]}
    found = node("caniemail", mails)
    unused = allowed - {each["feature"] for each in found}
    stale = [Finding("caniemail.json", f"{feature} is allowed, and no letter uses it") for feature in sorted(unused)]
    return [finding(each) for each in found if each["feature"] not in allowed] + stale


def spamassassin(mails: Sequence[Mail]) -> list[Finding]:
    """Its local rules; nothing is asked of the network."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.eml") for number in range(len(mails))]
        for path, mail in zip(paths, mails, strict=True):
            path.write_bytes(mail.raw)
        rules = [part for rule in SPAM_RULES for part in ("--cf", rule)]
        done = run("spamassassin", "-L", "-t", "-x", *rules, *map(str, paths), env_home=folder)
    said = re.findall(r"(?m)^X-Spam-Status: (?:Yes|No), score=(-?[\d.]+)\s.*?tests=((?:\S|\n\t)+)", done.stdout)
    if len(said) != len(mails):
        raise RuntimeError(f"spamassassin judged {len(said)} of {len(mails)} letters: {done.stderr}")
    scored = [(mail, float(points), "".join(tests.split())) for mail, (points, tests) in zip(mails, said, strict=True)]
    return [Finding(mail.name, f"{points} points: {tests}") for mail, points, tests in scored if points > MOST_SPAM]


def dkimpy(mails: Sequence[Mail], signs: DkimSigner) -> list[Finding]:
    found = []
    for mail in mails:
        try:
            good = dkim.DKIM(mail.raw).verify(dnsfunc=lambda _name, **_: signs.record.encode())
        except dkim.DKIMException as error:
            found.append(Finding(mail.name, str(error)))
        else:
            found += [] if good else [Finding(mail.name, "not verified")]
    return found


def opendkim(mails: Sequence[Mail], signs: DkimSigner) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        keys, config = Path(folder, "keys"), Path(folder, "conf")
        keys.write_text(f"{signs.record_name} {signs.record}\n")
        config.write_text(f"Mode v\nSyslog no\nTestPublicKeys {keys}\n")
        paths = [Path(folder, f"{number}.eml") for number in range(len(mails))]
        for path, mail in zip(paths, mails, strict=True):
            path.write_bytes(mail.raw)
        done = run("opendkim", "-x", str(config), "-v", "-t", ",".join(map(str, paths)))
    good = set(re.findall(r"/(\d+)\.eml: verification \(.*\) succeeded", done.stdout + done.stderr))
    return [Finding(mail.name, "not verified") for number, mail in enumerate(mails) if str(number) not in good]


def node(judge: str, mails: Sequence[Mail], config: str = "") -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "letters.json")
        path.write_text(json.dumps([as_json(mail) for mail in mails]))
        done = run("node", str(HERE / "judge.mjs"), str(MODULES), judge, str(path), config)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def as_json(mail: Mail) -> dict[str, object]:
    return {
        "name": mail.name,
        "html": mail.html,
        "marketing": mail.name not in ANSWERS,
        "unsubscribe": str(mail.message["List-Unsubscribe"] or ""),
    }


def finding(said: dict[str, Any]) -> Finding:
    return Finding(said["letter"], said["says"])


def run(*command: str, env_home: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a judge to its end; RuntimeError when it fails itself."""
    env = None if env_home is None else {"HOME": env_home, "PATH": "/usr/sbin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done
