"""A real Dovecot for tests, without privileges, with a configuration, users and mail of its own."""

import grp
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from imaplib import IMAP4
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"
USER, PASSWORD = "bounces", "a-password-of-the-tests"

CONFIGURATION = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{home}/mail
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
{more}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


@dataclass
class Dovecot:
    """A running server; `cert` is a certificate that nobody has vouched for."""

    home: Path
    port: int
    tls_port: int

    @property
    def cert(self) -> Path:
        return self.home / "cert.pem"

    def deliver(self, *mails: bytes) -> None:
        """Messages into the inbox."""
        with self.logged_in() as box:
            for raw in mails:
                done, said = box.append("INBOX", "", "", raw)
                assert done == "OK", said

    def messages(self, folder: str) -> list[bytes] | None:
        """What is in a folder; None when there is none of that name."""
        with self.logged_in() as box:
            if box.select(f'"{folder}"', readonly=True)[0] != "OK":
                return None
            numbers = box.search(None, "ALL")[1][0].split()
            fetched = [box.fetch(number.decode(), "(BODY.PEEK[])")[1][0] for number in numbers]
            return [bytes(each[1]) for each in fetched if isinstance(each, tuple)]

    @contextmanager
    def logged_in(self) -> Iterator[IMAP4]:
        with IMAP4("127.0.0.1", self.port, timeout=10) as box:
            box.login(USER, PASSWORD)
            yield box


@contextmanager
def running_dovecot(*options: str) -> Iterator[Dovecot]:
    """A server on free ports; `more` are lines of configuration. Skips the test where Dovecot is not installed.

    It refuses to serve root, so under root it is run as nobody. Its folder is not pytest's, which nobody may not enter.
    """
    if not Path(PROGRAM).exists():
        pytest.skip("no dovecot here: apt-get install dovecot-imapd")
    me = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")
    group = grp.getgrgid(me.pw_gid).gr_name
    port, tls_port = free_ports()
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder:
        home = Path(folder)
        create_certificate(home)
        values = {"home": home, "user": me.pw_name, "group": group, "uid": me.pw_uid, "gid": me.pw_gid}
        ports = {"port": port, "tls_port": tls_port, "password": PASSWORD, "more": "\n".join(options)}
        (home / "dovecot.conf").write_text(CONFIGURATION.format(**values, **ports))
        for each in (home, *home.iterdir()):
            os.chown(each, me.pw_uid, me.pw_gid)
        command = [PROGRAM, "-F", "-c", str(home / "dovecot.conf")]
        dropped: dict[str, Any] = {} if os.getuid() else {"user": me.pw_uid, "group": me.pw_gid, "extra_groups": ()}
        with subprocess.Popen(command, **dropped) as process:
            try:
                wait_until_ready(port, home, process)
                yield Dovecot(home, port, tls_port)
            finally:
                process.terminate()


def free_ports() -> tuple[int, int]:
    with closing(socket.socket()) as one, closing(socket.socket()) as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def create_certificate(home: Path) -> None:
    made = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    )
    names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    out = ("-keyout", str(home / "key.pem"), "-out", str(home / "cert.pem"))
    subprocess.run(["openssl", "req", "-x509", *made, *names, *out], check=True, capture_output=True)


def wait_until_ready(port: int, home: Path, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            with IMAP4("127.0.0.1", port, timeout=5):
                return
        except (OSError, IMAP4.error):
            time.sleep(0.1)
    log = home / "dovecot.log"
    pytest.fail(f"dovecot does not answer:\n{log.read_text() if log.exists() else 'no log'}")


def trust_environment(cert: Path) -> dict[str, str]:
    """The environment of somebody who trusts a certificate and no other."""
    return {ssl.get_default_verify_paths().openssl_cafile_env: str(cert)}
