"""What the judges need: npm packages in `.venv/check`, by lock file, and packages from Debian."""

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
    """Install what is missing, as far as this user may; SystemExit with what to do where it is not."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where servers are, also for who is not root
    install_debian_packages(missing_packages(commands))
    if os.geteuid() != 0:
        sys.exit("a Postfix of our own needs root: run this in a container, or with sudo")


def missing_packages(commands: dict[str, str]) -> list[str]:
    """Debian's packages for the commands that are not here."""
    return sorted({package for command, package in commands.items() if not shutil.which(command)})


def install_debian_packages(packages: list[str]) -> None:
    """Install these, or SystemExit with how."""
    if not packages:
        return
    wanted = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"missing: {', '.join(packages)}. On Debian, as root: {wanted}")
    print_line(f"installing {', '.join(packages)}")
    # --no-remove: another mail server that somebody uses is not to be replaced by ours.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run(
        [*wanted.split(), "-y", "-qq", "--no-remove"], check=True, env=environment, stdout=subprocess.DEVNULL
    )


def install_npm_packages() -> None:
    """The packages of package-lock.json, installed anew when it has changed. None of their scripts is run."""
    version = re.findall(r"\d+", command_output("node", "--version")) if shutil.which("node") else []
    if tuple(map(int, version[:2])) < MIN_NODE_VERSION or not shutil.which("npm"):
        sys.exit(f"missing: node {MIN_NODE_VERSION[0]}.{MIN_NODE_VERSION[1]} or newer, with npm (https://nodejs.org)")
    lock = HERE / "package-lock.json"
    stamp, now = CACHE / "stamp", hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == now:
        return
    print_line(f"installing the judges of npm into {CACHE}")
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, CACHE / name)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], check=True, cwd=CACHE)
    stamp.write_text(now)


def print_line(line: str) -> None:
    """For whoever waits in a terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def command_output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
