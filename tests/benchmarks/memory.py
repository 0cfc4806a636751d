"""How much memory a program took."""

import resource
from pathlib import Path


def peak() -> int:
    """The most bytes that this program held. On Linux `ru_maxrss` would count those of the one that started it, too."""
    if Path("/proc/self/status").is_file():
        return peak_of("self")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of macOS, in bytes


def peak_of(process: int | str) -> int:
    """The most bytes that a running process of this machine has held. Linux only."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    held = next(line for line in lines if line.startswith("VmHWM:"))
    return int(held.split()[1]) * 1024
