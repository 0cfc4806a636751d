"""Fuzz the parsers of outside text with new seeds for some minutes: python -m tests.fuzz --minutes N"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Run the tests of this folder again and again; return 1 at the first failure, whose example pytest prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    deadline, rounds = time.monotonic() + 60 * parser.parse_args().minutes, 0
    while rounds == 0 or time.monotonic() < deadline:
        seed = random.SystemRandom().randrange(2**31)
        arguments = [f"--hypothesis-seed={seed}", "--hypothesis-profile=thorough", "-n", "0", "-q", "-x"]
        if subprocess.run(
            [sys.executable, "-m", "pytest", *arguments, str(Path(__file__).parent)], check=False
        ).returncode:
            return 1
        rounds += 1
    sys.stdout.write(f"{rounds} rounds, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
