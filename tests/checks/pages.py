"""make check-pages: every page and the JSON interface, on a real server, before judges that no one here wrote.

Exits with 1 on any finding, and when a judge lets one of its broken samples pass. JUDGE=name asks one of them alone.
"""

import logging
import sys
import time
from collections.abc import Sequence

import structlog

from tests.checks import needs
from tests.checks.__main__ import tell
from tests.checks.needs import say
from tests.checks.pages_ground import ground
from tests.checks.pages_judges import PageJudge, page_judges

NEEDED = {"java": "default-jre-headless", "chromium": "chromium"}


def main(arguments: Sequence[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.CRITICAL)  # the broken interface fails loudly, as it should
    needs.debian(needs.missing(NEEDED))
    needs.npm()
    with ground() as on:
        return max(tried(each) for each in page_judges(on) if not arguments or each.name in arguments)


def tried(judge: PageJudge) -> int:
    """One line of the table; 0 when there is no finding and the judge saw what is wrong with its samples."""
    began = time.monotonic()
    found = judge.judge({**judge.looks_at, **judge.broken})
    missed = judge.broken.keys() - {each.letter for each in found}
    real = [each for each in found if each.letter not in judge.broken]
    trust = f"saw {len(judge.broken)} of {len(judge.broken)} faults" if not missed else f"BLIND to {', '.join(missed)}"
    verdict = "ok" if not real else f"{len(real)} findings"
    seconds = time.monotonic() - began
    say(f"{judge.name:<14}{len(judge.looks_at):>3} pages  {verdict:<14}{trust:<24}{seconds:6.1f} s")
    tell(real)
    return 1 if real or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
