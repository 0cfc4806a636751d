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
{options}
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
    """Running server. `cert` is self-signed."""

    home: Path
    port: int
    tls_port: int

    @property
    def cert(self) -> Path:
        return self.home / "cert.pem"

    def deliver(self, *messages: bytes) -> None:
        """Put messages into the inbox."""
        with self.logged_in() as box:
            for raw in messages:
                status, reply = box.append("INBOX", "", "", raw)
                assert status == "OK", reply

    def messages(self, folder: str) -> list[bytes] | None:
        """Return the messages in a folder, None when there is no folder of that name."""
        with self.logged_in() as box:
            if box.select(f'"{folder}"', readonly=True)[0] != "OK":
                return None
            numbers = box.search(None, "ALL")[1][0].split()
            fetched = [box.fetch(number.decode(), "(BODY.PEEK[])")[1][0] for number in numbers]
            return [bytes(item[1]) for item in fetched if isinstance(item, tuple)]

    @contextmanager
    def logged_in(self) -> Iterator[IMAP4]:
        with IMAP4("127.0.0.1", self.port, timeout=10) as box:
            box.login(USER, PASSWORD)
            yield box


@contextmanager
def running_dovecot(*options: str) -> Iterator[Dovecot]:
    """Run a server on free ports; `options` are lines of configuration. Skip the test where Dovecot is not installed.

    It refuses to serve root, so under root it runs as the user nobody, who may not enter pytest's folders.
    """
    if not Path(PROGRAM).exists():
        pytest.skip("no dovecot here: apt-get install dovecot-imapd")
    user = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")
    group = grp.getgrgid(user.pw_gid).gr_name
    port, tls_port = free_ports()
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder:
        home = Path(folder)
        create_certificate(home)
        values = {"home": home, "user": user.pw_name, "group": group, "uid": user.pw_uid, "gid": user.pw_gid}
        ports = {"port": port, "tls_port": tls_port, "password": PASSWORD, "options": "\n".join(options)}
        (home / "dovecot.conf").write_text(CONFIGURATION.format(**values, **ports))
        for path in (home, *home.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        command = [PROGRAM, "-F", "-c", str(home / "dovecot.conf")]
        privileges: dict[str, Any] = (
            {} if os.getuid() else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
        )
        with subprocess.Popen(command, **privileges) as process:
            try:
                wait_until_ready(port, home, process)
                yield Dovecot(home, port, tls_port)
            finally:
                process.terminate()


def free_ports() -> tuple[int, int]:
    with closing(socket.socket()) as first, closing(socket.socket()) as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def create_certificate(home: Path) -> None:
    key = (
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
    subprocess.run(["openssl", "req", "-x509", *key, *names, *out], check=True, capture_output=True)


def wait_until_ready(port: int, home: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with IMAP4("127.0.0.1", port, timeout=5):
                return
        except (OSError, IMAP4.error):
            time.sleep(0.1)
    log = home / "dovecot.log"
    pytest.fail(f"dovecot does not answer:\n{log.read_text() if log.exists() else 'no log'}")


def trust_environment(cert: Path) -> dict[str, str]:
    """Return an environment that trusts this certificate and no other."""
    return {ssl.get_default_verify_paths().openssl_cafile_env: str(cert)}
