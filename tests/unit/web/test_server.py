"""Memory of a serving process."""

import platform
import subprocess
import sys

import pytest

# Threads that all hold memory at the same moment: with glibc each would have an arena of its own.
COUNT_ARENAS = """
import ctypes, threading
from digest.web.server import limit_arenas
assert limit_arenas()
barrier = threading.Barrier(12)
def hold():
    block = bytearray(50_000)
    barrier.wait()
threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas")
def test_all_threads_share_two_arenas_of_memory() -> None:
    result = subprocess.run([sys.executable, "-c", COUNT_ARENAS], capture_output=True, text=True, check=True)
    assert result.stderr.count("Arena ") == 2
