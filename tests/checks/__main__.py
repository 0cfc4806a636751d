"""make check-mail: e-mails of all kinds, sent through a real Postfix, judged by third-party tools.

    the service -> Postfix -> Maildir -> each judge, with samples that it must refuse -> one table

Exits with 1 on any finding, and when a judge misses the fault of one of its samples.
"""

import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import structlog

from digest.context import AppContext
from tests.checks import requirements
from tests.checks.emails import ReceivedEmail, running_service, send_all_kinds
from tests.checks.judges import Finding, Judge, all_judges
from tests.checks.postfix import postfix, run, wait_for_emails
from tests.checks.requirements import print_line

MAX_SHOWN = 12  # findings of one judge


def main(arguments: Sequence[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if arguments[:1] == ["look"]:
        from tests.checks.screenshots import take_screenshots

        return take_screenshots(Path(arguments[1]) if arguments[1:] else Path("var/look"))
    requirements.ensure_installed(requirements.JUDGE_COMMANDS)
    requirements.install_npm_packages()
    ctx, emails = collect_emails()
    assert ctx.dkim_signer is not None
    signed = next(email for email in emails if email.name == "digest-6")
    print_line(f"{len(emails)} e-mails came through Postfix: {', '.join(email.name for email in emails)}\n")
    selected = set(arguments)
    judges = all_judges(ctx.dkim_signer, signed)
    return max(run_judge(judge, emails) for judge in judges if not selected or judge.name in selected)


def collect_emails() -> tuple[AppContext, list[ReceivedEmail]]:
    """Return the context that sent all e-mails, and the e-mails as a subscriber's host received them."""
    with tempfile.TemporaryDirectory(prefix="check-mail-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        key = home / "dkim.pem"
        run("openssl", "genrsa", "-out", str(key), "2048")
        with postfix(home / "mx") as port, running_service(port, key) as ctx:
            return ctx, wait_for_emails(home / "mx", send_all_kinds(ctx))


def run_judge(judge: Judge, emails: Sequence[ReceivedEmail]) -> int:
    """Print one line of the table; return 0 when there is no finding and the judge saw the fault of every sample."""
    started_at = time.monotonic()
    findings = judge.find([*emails, *judge.faulty])
    samples = {email.name for email in judge.faulty}
    missed = samples - {finding.subject for finding in findings}
    unexpected = [finding for finding in findings if finding.subject not in samples]
    reliability = (
        f"saw {len(samples)} of {len(samples)} faults" if not missed else f"BLIND to {', '.join(sorted(missed))}"
    )
    verdict = "ok" if not unexpected else f"{len(unexpected)} findings"
    seconds = time.monotonic() - started_at
    print_line(f"{judge.name:<14}{len(emails):>3} e-mails  {verdict:<14}{reliability:<24}{seconds:6.1f} s")
    print_findings(unexpected)
    return 1 if unexpected or missed else 0


def print_findings(findings: Sequence[Finding]) -> None:
    """Print each kind of finding once, with what it was found in."""
    counts = Counter(finding.text for finding in findings)
    for text, _ in counts.most_common(MAX_SHOWN):
        names = sorted({finding.subject for finding in findings if finding.text == text})
        print_line(f"    {text}\n        in {', '.join(names)}")
    if len(counts) > MAX_SHOWN:
        print_line(f"    and {len(counts) - MAX_SHOWN} more kinds")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
