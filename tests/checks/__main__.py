"""make check-mail: letters of all kinds, through a real Postfix, before judges that no one here wrote.

    the service -> Postfix -> Maildir -> each judge, with samples that it must refuse -> one table

Exits with 1 on any finding, and when a judge lets one of its broken samples pass.
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
    at, emails = collect_emails()
    assert at.dkim_signer is not None
    signed = next(mail for mail in emails if mail.name == "digest-6")
    print_line(f"{len(emails)} letters came through Postfix: {', '.join(mail.name for mail in emails)}\n")
    selected = set(arguments)
    results = [
        run_judge(each, emails) for each in all_judges(at.dkim_signer, signed) if not selected or each.name in selected
    ]
    return max(results)


def collect_emails() -> tuple[AppContext, list[ReceivedEmail]]:
    """All letters as a reader's host got them, and the house that sent them."""
    with tempfile.TemporaryDirectory(prefix="check-mail-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        key = home / "dkim.pem"
        run("openssl", "genrsa", "-out", str(key), "2048")
        with postfix(home / "mx") as port, running_service(port, key) as at:
            return at, wait_for_emails(home / "mx", send_all_kinds(at))


def run_judge(judge: Judge, emails: Sequence[ReceivedEmail]) -> int:
    """One line of the table; 0 when there is no finding and the judge saw what is wrong with its samples."""
    started_at = time.monotonic()
    findings = judge.find([*emails, *judge.faulty])
    samples = {mail.name for mail in judge.faulty}
    missed = samples - {each.subject for each in findings}
    unexpected = [each for each in findings if each.subject not in samples]
    reliability = (
        f"saw {len(samples)} of {len(samples)} faults" if not missed else f"BLIND to {', '.join(sorted(missed))}"
    )
    verdict = "ok" if not unexpected else f"{len(unexpected)} findings"
    seconds = time.monotonic() - started_at
    print_line(f"{judge.name:<14}{len(emails):>3} letters  {verdict:<14}{reliability:<24}{seconds:6.1f} s")
    print_findings(unexpected)
    return 1 if unexpected or missed else 0


def print_findings(findings: Sequence[Finding]) -> None:
    """Each kind of finding once, with the letters that it was in."""
    counts = Counter(each.text for each in findings)
    for says, _ in counts.most_common(MAX_SHOWN):
        names = sorted({each.subject for each in findings if each.text == says})
        print_line(f"    {says}\n        in {', '.join(names)}")
    if len(counts) > MAX_SHOWN:
        print_line(f"    and {len(counts) - MAX_SHOWN} kinds more")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
