"""checks."""

from digest.monitoring.checks.network import source_hosts
from digest.monitoring.checks.runner import run_checks

__all__ = ["run_checks", "source_hosts"]
