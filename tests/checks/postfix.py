"""Real Postfix on loopback, which delivers what it gets by SMTP into a Maildir, as a subscriber's host would."""

import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.checks.emails import RECIPIENTS, ReceivedEmail
from tests.support.ports import free_port, listening

MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {home}/log/postfix.log
maillog_file_prefixes = {home}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
alias_maps =
local_recipient_maps =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {home}
virtual_mailbox_maps = static:Maildir/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtputf8_enable = yes
default_transport = error:this relay delivers to {domain} alone
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


@contextmanager
def postfix(home: Path, owner: str = "nobody", domain: str = RECIPIENTS, more: str = "") -> Iterator[int]:
    """Run Postfix and yield its port.

    `home`/Maildir, owned by `owner`, gets the mail; `home` must be readable by other users. `more`: lines for main.cf.
    """
    user = pwd.getpwnam(owner)
    port = free_port()
    etc = home / "etc"
    for folder in (etc, home / "queue", home / "data", home / "log"):
        folder.mkdir(parents=True)
    values = {"home": home, "domain": domain, "port": port, "uid": user.pw_uid, "gid": user.pw_gid}
    (etc / "main.cf").write_text(MAIN.format(**values) + more)
    (etc / "master.cf").write_text(MASTER.format(**values))
    shutil.chown(home / "data", "postfix")
    shutil.chown(home, user.pw_uid, user.pw_gid)
    run("postfix", "-c", str(etc), "start")
    try:
        listening(port)
        yield port
    finally:
        run("postfix", "-c", str(etc), "stop")


def wait_for_emails(home: Path, number: int, seconds: float = 30) -> list[ReceivedEmail]:
    """Return the e-mails in the Maildir, once `number` are there. Raises TimeoutError with the log."""
    deadline = time.monotonic() + seconds
    while True:
        paths = sorted((home / "Maildir" / "new").glob("*")) if (home / "Maildir" / "new").is_dir() else []
        if len(paths) >= number:
            return sorted((ReceivedEmail(path.read_bytes()) for path in paths), key=lambda email: email.name)
        if time.monotonic() > deadline:
            log = (home / "log" / "postfix.log").read_text()[-2000:]
            raise TimeoutError(f"{len(paths)} of {number} e-mails arrived\n{log}")
        time.sleep(0.2)


def run(*command: str) -> str:
    """Run a command and return its output, which is in the error when it fails."""
    result = subprocess.run(
        command,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout
