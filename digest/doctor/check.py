"""One line of the report."""

from dataclasses import dataclass

TIMEOUT = 10.0  # seconds that anybody outside may take


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report; `says` tells what to do when it is not ok."""

    name: str
    ok: bool
    says: str
