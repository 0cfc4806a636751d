"""How much memory a program took."""

import resource
from pathlib import Path


def peak() -> int:
    """The most bytes that this program held. On Linux `ru_maxrss` would count those of the one that started it, too."""
    status = Path("/proc/self/status")
    if status.is_file():
        held = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(held.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of macOS, in bytes
