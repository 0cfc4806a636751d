"""Installation of what the judges need: npm packages in `.venv/check`, by lock file, and packages from Debian."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".venv" / "check"
MODULES = CACHE / "node_modules"
# Debian's package for each command.
JUDGE_COMMANDS = {
    "postfix": "postfix",
    "spamassassin": "spamassassin",
    "opendkim": "opendkim",
    "openssl": "openssl",
    "java": "default-jre-headless",
    "chromium": "chromium",
}
SCREENSHOT_COMMANDS = {
    "postfix": "postfix",
    "openssl": "openssl",
    "dovecot": "dovecot-imapd",
    "thunderbird": "thunderbird",
    "Xvfb": "xvfb",
    "import": "imagemagick",
}
MIN_NODE_VERSION = (20, 19)


def ensure_installed(commands: dict[str, str]) -> None:
    """Install what is missing, as far as this user may; exit with instructions otherwise."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where servers are; the PATH of users lacks these
    install_debian_packages(missing_packages(commands))
    if os.geteuid() != 0:
        sys.exit("a Postfix of our own needs root: run this in a container, or with sudo")


def missing_packages(commands: dict[str, str]) -> list[str]:
    """Return the Debian packages of the commands that are missing."""
    return sorted({package for command, package in commands.items() if not shutil.which(command)})


def install_debian_packages(packages: list[str]) -> None:
    """Install these packages, or exit with instructions."""
    if not packages:
        return
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"missing: {', '.join(packages)}. On Debian, as root: {command}")
    print_line(f"installing {', '.join(packages)}")
    # --no-remove: do not replace another mail server that this machine uses.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run(
        [*command.split(), "-y", "-qq", "--no-remove"], check=True, env=environment, stdout=subprocess.DEVNULL
    )


def install_npm_packages() -> None:
    """Install the packages of package-lock.json, again when it has changed. None of their scripts is run."""
    version = re.findall(r"\d+", command_output("node", "--version")) if shutil.which("node") else []
    if tuple(map(int, version[:2])) < MIN_NODE_VERSION or not shutil.which("npm"):
        sys.exit(f"missing: node {MIN_NODE_VERSION[0]}.{MIN_NODE_VERSION[1]} or newer, with npm (https://nodejs.org)")
    lock = HERE / "package-lock.json"
    stamp, checksum = CACHE / "stamp", hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == checksum:
        return
    print_line(f"installing the judges of npm into {CACHE}")
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, CACHE / name)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], check=True, cwd=CACHE)
    stamp.write_text(checksum)


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def command_output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
