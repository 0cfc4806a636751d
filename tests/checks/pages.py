"""make check-pages: every page and the JSON API, on a real server, judged by third-party tools.

Exits with 1 on any finding, and when a judge misses the fault of one of its samples. JUDGE=name runs one of them alone.
"""

import logging
import sys
import time
from collections.abc import Sequence

import structlog

from tests.checks import requirements
from tests.checks.__main__ import print_findings
from tests.checks.pages_judges import PageJudge, page_judges
from tests.checks.pages_site import serve_site
from tests.checks.requirements import print_line

COMMANDS = {"java": "default-jre-headless", "chromium": "chromium"}


def main(arguments: Sequence[str]) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.CRITICAL)  # the faulty API logs errors, as it should
    requirements.install_debian_packages(requirements.missing_packages(COMMANDS))
    requirements.install_npm_packages()
    with serve_site() as site:
        return max(run_judge(judge) for judge in page_judges(site) if not arguments or judge.name in arguments)


def run_judge(judge: PageJudge) -> int:
    """Print one line of the table; return 0 when there is no finding and the judge saw the fault of every sample."""
    started_at = time.monotonic()
    findings = judge.find({**judge.pages, **judge.faulty})
    missed = judge.faulty.keys() - {finding.subject for finding in findings}
    unexpected = [finding for finding in findings if finding.subject not in judge.faulty]
    reliability = (
        f"saw {len(judge.faulty)} of {len(judge.faulty)} faults" if not missed else f"BLIND to {', '.join(missed)}"
    )
    verdict = "ok" if not unexpected else f"{len(unexpected)} findings"
    seconds = time.monotonic() - started_at
    print_line(f"{judge.name:<14}{len(judge.pages):>3} pages  {verdict:<14}{reliability:<24}{seconds:6.1f} s")
    print_findings(unexpected)
    return 1 if unexpected or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
