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
from tests.checks import needs
from tests.checks.judges import Finding, Judge, judges
from tests.checks.letters import Mail, send, service
from tests.checks.needs import say
from tests.checks.relay import postfix, received, run

SHOWN = 12  # findings of one judge


def main(arguments: Sequence[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if arguments[:1] == ["look"]:
        from tests.checks.look import look

        return look(Path(arguments[1]) if arguments[1:] else Path("var/look"))
    needs.ready(needs.JUDGING)
    needs.npm()
    at, mails = letters()
    assert at.dkim_signer is not None
    signed = next(mail for mail in mails if mail.name == "digest-6")
    say(f"{len(mails)} letters came through Postfix: {', '.join(mail.name for mail in mails)}\n")
    only = set(arguments)
    results = [tried(each, mails) for each in judges(at.dkim_signer, signed) if not only or each.name in only]
    return max(results)


def letters() -> tuple[AppContext, list[Mail]]:
    """All letters as a reader's host got them, and the house that sent them."""
    with tempfile.TemporaryDirectory(prefix="check-mail-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        key = home / "dkim.pem"
        run("openssl", "genrsa", "-out", str(key), "2048")
        with postfix(home / "mx") as port, service(port, key) as at:
            return at, received(home / "mx", send(at))


def tried(judge: Judge, mails: Sequence[Mail]) -> int:
    """One line of the table; 0 when there is no finding and the judge saw what is wrong with its samples."""
    began = time.monotonic()
    found = judge.judge([*mails, *judge.broken])
    samples = {mail.name for mail in judge.broken}
    missed = samples - {each.letter for each in found}
    real = [each for each in found if each.letter not in samples]
    trust = f"saw {len(samples)} of {len(samples)} faults" if not missed else f"BLIND to {', '.join(sorted(missed))}"
    verdict = "ok" if not real else f"{len(real)} findings"
    seconds = time.monotonic() - began
    say(f"{judge.name:<14}{len(mails):>3} letters  {verdict:<14}{trust:<24}{seconds:6.1f} s")
    tell(real)
    return 1 if real or missed else 0


def tell(found: Sequence[Finding]) -> None:
    """Each kind of finding once, with the letters that it was in."""
    where = Counter(each.says for each in found)
    for says, _ in where.most_common(SHOWN):
        names = sorted({each.letter for each in found if each.says == says})
        say(f"    {says}\n        in {', '.join(names)}")
    if len(where) > SHOWN:
        say(f"    and {len(where) - SHOWN} kinds more")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
