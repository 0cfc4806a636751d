"""make look-mail: the service -> Postfix -> Maildir -> Dovecot -> Thunderbird, by day and by night, to be looked at."""

import tempfile
from pathlib import Path

from tests.checks import needs
from tests.checks.dovecot import dovecot
from tests.checks.letters import send, service
from tests.checks.needs import say
from tests.checks.relay import postfix, received, run
from tests.checks.thunderbird import picture

LETTERS = ("digest-6", "welcome")
FEWEST = 50  # colours


def look(folder: Path) -> int:
    """Pictures of LETTERS in `folder`."""
    needs.ready(needs.LOOKING)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="look-mail-") as made:
        home = Path(made)
        home.chmod(0o755)
        key = home / "dkim.pem"
        run("openssl", "genrsa", "-out", str(key), "2048")
        with postfix(home / "mx") as port, service(port, key) as at:
            mails = {mail.name: mail for mail in received(home / "mx", send(at))}
        with dovecot(home / "imap", home / "mx" / "Maildir") as imap:
            for name in LETTERS:
                for dark in (False, True):
                    path = folder / f"{name}-{'dark' if dark else 'light'}.png"
                    shown = picture(home, imap, mails[name].subject, path, dark=dark)
                    heading = mails[name].part("plain").splitlines()[0]
                    if heading not in shown or not colours(path):
                        say(f"Thunderbird does not show {name}, but: {shown[:300]}")
                        return 1
                    say(f"look at {path}")
    return 0


def colours(picture: Path) -> bool:
    """Whether there is more on it than an empty screen."""
    return int(run("identify", "-format", "%k", str(picture))) > FEWEST
