"""Exim with its own configuration: it accepts into its queue and logs that, defers and refuses by two files."""

import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.chaos.log import AcceptedMessage
from tests.mta.delivery_check import Mta, refused_addresses
from tests.support.ports import free_port, listening

USER = "Debian-exim"  # compiled into the program
NOT_LOADED = 127  # exit status of a program that lacks a library (ld.so)
CONFIGURATION = """\
spool_directory = {home}/spool
log_file_path = {home}/log/%s
primary_hostname = mx.example.org
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
queue_only = true
queue_run_max = 0
# Strict, as big hosts are: few connections at once, few messages on each.
smtp_accept_max = 4
smtp_accept_max_per_connection = 150
smtp_accept_queue_per_connection = 0
received_headers_max = 50
log_selector = +received_recipients
tls_advertise_hosts =
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  defer condition = ${{if match{{${{lookup{{$local_part@$domain}}lsearch{{{home}/maps/rcpt}}}}}}{{^4}}}}
        message = ${{lookup{{$local_part@$domain}}lsearch{{{home}/maps/rcpt}}}}
  deny condition = ${{if match{{${{lookup{{$local_part@$domain}}lsearch{{{home}/maps/rcpt}}}}}}{{^5}}}}
       message = ${{lookup{{$local_part@$domain}}lsearch{{{home}/maps/rcpt}}}}
  accept
data:
  defer condition = ${{if match{{${{lookup{{$recipients}}lsearch{{{home}/maps/data}}}}}}{{^4}}}}
        message = ${{lookup{{$recipients}}lsearch{{{home}/maps/data}}}}
  deny condition = ${{if match{{${{lookup{{$recipients}}lsearch{{{home}/maps/data}}}}}}{{^5}}}}
       message = ${{lookup{{$recipients}}lsearch{{{home}/maps/data}}}}
  accept
"""
ACCEPTED = re.compile(r"^\S+ \S+ \S+ <= .* id=(\S+) for (\S+)$", re.MULTILINE)


UNPACKED = Path(__file__).parents[2] / ".venv" / "check" / "exim"


def find_program() -> str | None:
    """Return the path of Exim: Debian's, or one that was only unpacked since Postfix excludes the package."""
    return shutil.which("exim4") or shutil.which(str(UNPACKED / "usr/sbin/exim4"))


def missing_requirement() -> str:
    """Return what to install before the check; empty when nothing is missing."""
    program = find_program()
    if not program:
        return (
            "it is in Debian's package exim4-daemon-light; beside Postfix, which excludes it, unpack it: "
            f"apt-get download exim4-daemon-light && dpkg -x exim4-daemon-light_*.deb {UNPACKED}"
        )
    result = subprocess.run([program, "-bV"], capture_output=True, text=True, check=False)
    if result.returncode == NOT_LOADED:  # apt-get would have installed its libraries
        return f"it does not start: {result.stderr.strip()}"
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return f"it wants a user of its own: useradd --system {USER}"
    return "" if os.geteuid() in {0, user.pw_uid} else f"it runs as {USER}: start this as that user, or as root"


class Exim(Mta):
    """Exim whose main log tells what it accepted."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        user = pwd.getpwnam(USER)
        for folder in (home, home / "spool", home / "log"):
            folder.mkdir(exist_ok=True)
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._credentials: dict[str, Any] = (
            {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        (home / "exim.conf").write_text(CONFIGURATION.format(home=home, port=self.port))

    def start(self) -> None:
        exim = find_program()
        assert exim
        self._daemon = subprocess.Popen(
            [exim, "-C", str(self.home / "exim.conf"), "-bdf"],
            start_new_session=True,
            stderr=subprocess.DEVNULL,  # a warning about privileges
            **self._credentials,
        )
        listening(self.port)

    def stop(self) -> None:
        """Kill all its processes at once, also those with a connection."""
        with suppress(ProcessLookupError):
            os.killpg(self._daemon.pid, signal.SIGKILL)
        self._daemon.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def accept_all(self) -> None:
        for command in ("rcpt", "data"):
            (self.home / "maps" / command).write_text("")

    def accepted(self) -> list[AcceptedMessage]:
        log = (self.home / "log" / "main").read_text()
        return [AcceptedMessage(f"<{message_id}>", recipient) for message_id, recipient in ACCEPTED.findall(log)]


@contextmanager
def running_exim(home: Path, count: int) -> Iterator[Exim]:
    """Run Exim with maps for so many addresses."""
    exim = Exim(home)
    (home / "maps").mkdir()
    for command in ("rcpt", "data"):
        lines = [f"{address}: {group.code} {group.reply}\n" for address, group in refused_addresses(count, command)]
        (home / "maps" / command).write_text("".join(lines))
    exim.start()
    try:
        yield exim
    finally:
        exim.stop()
