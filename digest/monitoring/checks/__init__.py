"""Checks of `digest doctor`: what a day's work needs, and what to do where it is missing.

- `configuration`: settings, database, disk
- `dkim`: the DKIM signature
- `dns`: queries of the DNS, with a timeout
- `messages`: sentences of `digest doctor`
- `network`: relay, mailbox, the hosts of sources, the clock
- `result`: one line of the report
- `runner`: all checks, in the order in which things must work
- `sender_domain`: SPF and DMARC of the sender's domain
- `spf`: problems of an SPF record
"""

from digest.monitoring.checks.network import source_hosts
from digest.monitoring.checks.result import CheckResult
from digest.monitoring.checks.runner import run_checks

__all__ = ["CheckResult", "run_checks", "source_hosts"]
