"""make look-mail: the service -> Postfix -> Maildir -> Dovecot -> Thunderbird, light and dark, to be looked at."""

import tempfile
from pathlib import Path

from tests.checks import requirements
from tests.checks.dovecot import dovecot
from tests.checks.emails import running_service, send_all_kinds
from tests.checks.postfix import postfix, run, wait_for_emails
from tests.checks.requirements import print_line
from tests.checks.thunderbird import take_screenshot

EMAILS = ("digest-6", "first")
MIN_COLORS = 50  # in a picture that shows something


def take_screenshots(folder: Path) -> int:
    """Take screenshots of EMAILS into `folder`; return 0 when all show their e-mail."""
    requirements.ensure_installed(requirements.SCREENSHOT_COMMANDS)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="look-mail-") as temporary:
        home = Path(temporary)
        home.chmod(0o755)
        key = home / "dkim.pem"
        run("openssl", "genrsa", "-out", str(key), "2048")
        with postfix(home / "mx") as port, running_service(port, key) as ctx:
            emails = {email.name: email for email in wait_for_emails(home / "mx", send_all_kinds(ctx))}
        with dovecot(home / "imap", home / "mx" / "Maildir") as imap:
            for name in EMAILS:
                for dark in (False, True):
                    path = folder / f"{name}-{'dark' if dark else 'light'}.png"
                    shown = take_screenshot(home, imap, emails[name].subject, path, dark=dark)
                    heading = emails[name].part("plain").splitlines()[0]
                    if heading not in shown or not has_content(path):
                        print_line(f"Thunderbird does not show {name}, but: {shown[:300]}")
                        return 1
                    print_line(f"look at {path}")
    return 0


def has_content(path: Path) -> bool:
    """Return whether the picture shows more than an empty screen."""
    return int(run("identify", "-format", "%k", str(path))) > MIN_COLORS
