"""Peak memory of a process."""

import resource
from pathlib import Path


def peak_bytes() -> int:
    """Return the peak of this process. On Linux `ru_maxrss` would include that of the process that started it."""
    if Path("/proc/self/status").is_file():
        return peak_bytes_of("self")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of macOS, in bytes


def peak_bytes_of(process: int | str) -> int:
    """Return the peak of a running process of this machine. Linux only."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    high_water_mark = next(line for line in lines if line.startswith("VmHWM:"))
    return int(high_water_mark.split()[1]) * 1024
