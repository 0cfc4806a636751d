"""One line of the report."""

from dataclasses import dataclass

CHECK_TIMEOUT = 10.0  # seconds that anybody outside may take


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report; `says` tells what to do when it is not ok."""

    name: str
    ok: bool
    message: str
