"""Result of a check: one line of the report."""

from dataclasses import dataclass

CHECK_TIMEOUT = 10.0  # seconds that a host may take


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of one check; where it is not ok, `message` says what to do."""

    name: str
    ok: bool
    message: str
