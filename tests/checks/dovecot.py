"""Real Dovecot on loopback that serves a Maildir by IMAP."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.checks.postfix import run
from tests.support.ports import free_port, listening

PASSWORD = "loopback"  # for this machine alone
CONFIG = """\
base_dir = {home}/run
log_path = {home}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{maildir}
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={home}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


@contextmanager
def dovecot(home: Path, maildir: Path, owner: str = "nobody") -> Iterator[int]:
    """Run Dovecot and yield its port. Any user with PASSWORD sees `maildir`, which belongs to `owner`."""
    home.mkdir()
    port = free_port()
    group = run("id", "-gn", owner).strip()
    values = {"home": home, "maildir": maildir, "password": PASSWORD, "owner": owner, "group": group, "port": port}
    config = home / "dovecot.conf"
    config.write_text(CONFIG.format(**values))
    with subprocess.Popen(["dovecot", "-F", "-c", str(config)]) as process:
        try:
            listening(port)
            yield port
        finally:
            process.terminate()
