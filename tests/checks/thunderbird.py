"""Real Thunderbird on a virtual display, driven by Marionette, its remote control for tests."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.checks.dovecot import PASSWORD
from tests.checks.postfix import run
from tests.support.ports import free_port, listening

SIZE = "1100x1400"
SCREEN = (f"-screen 0 {SIZE}x24 -nolisten tcp -noreset").split()
# One IMAP account, and no dialogs of a first start.
PREFERENCES: dict[str, object] = {
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.account.account1.identities": "id1",
    "mail.account.account1.server": "server1",
    "mail.identity.id1.fullName": "A Reader",
    "mail.identity.id1.useremail": "reader@readers.example",
    "mail.identity.id1.valid": True,
    "mail.server.server1.type": "imap",
    "mail.server.server1.hostname": "127.0.0.1",
    "mail.server.server1.userName": "reader",
    "mail.server.server1.name": "E-mails",
    "mail.server.server1.login_at_startup": False,
    "mail.server.server1.check_new_mail": False,
    "mail.server.server1.socketType": 0,
    "mail.server.server1.authMethod": 3,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mail.shell.checkDefaultClient": False,
    "mail.rights.version": 1,
    "mailnews.start_page.enabled": False,
    "mailnews.database.global.indexer.enabled": False,
    "mail.phishing.detection.enabled": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.enabled": False,
    "app.donation.eoy.version.viewed": 99,
    "browser.cache.disk.enable": False,
    "network.dns.disabled": True,
    "security.sandbox.content.level": 0,
}
# Runs within Thunderbird: find the e-mail by its subject, show it in a tab, return its text as shown there.
SHOW = """
const [subject, port, password, done] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
(async () => {
  const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  login.init("imap://127.0.0.1", null, "imap://127.0.0.1", "reader", password, "", "");
  await Services.logins.addLoginAsync(login);
  const server = MailServices.accounts.accounts[0].incomingServer;
  server.port = port;
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  for (let tries = 0; tries < 120; tries++) {
    const inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
    if (inbox) {
      inbox.getNewMessages(null, null);
      for (const header of inbox.messages)
        if (header.mime2DecodedSubject === subject) {
          MailUtils.displayMessage(header);
          for (; tries < 120; tries++) {
            await sleep(500);
            const shown = window.document.getElementById("tabmail")?.currentAboutMessage?.getMessagePaneBrowser?.();
            const text = shown?.contentDocument?.body?.innerText;
            if (text) {
              await sleep(2000); // for whatever is still being painted
              return text;
            }
          }
        }
    } else server.getNewMessages(server.rootFolder, null, null);
    await sleep(500);
  }
  return "";
})().then(done, (error) => done(`${error} ${error.stack}`));
"""


class Marionette:
    """Client of the protocol: `length:[type, id, command, parameters]` both ways."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._read()  # its greeting
        self.call("WebDriver:NewSession")
        self.call("Marionette:SetContext", value="chrome")
        self.call("WebDriver:SetTimeouts", script=90_000)

    def call(self, command: str, **parameters: Any) -> Any:
        """Send a command and return the result. Raises RuntimeError with Thunderbird's error."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters])
        self._socket.sendall(f"{len(message.encode())}:{message}".encode())
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{command}: {error}")
        return result

    def run_script(self, text: str, *arguments: Any) -> Any:
        """Run JavaScript in Thunderbird itself; its last argument is the callback that takes the result."""
        return self.call("WebDriver:ExecuteAsyncScript", script=text, args=[*arguments], sandbox="system")["value"]

    def _read(self) -> Any:
        length = b""
        while (character := self._file.read(1)) != b":":
            length += character
        return json.loads(self._file.read(int(length)))


@contextmanager
def virtual_display() -> Iterator[str]:
    """Run a virtual display and yield its name."""
    reading, writing = os.pipe()
    with subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), *SCREEN], pass_fds=[writing], stderr=subprocess.DEVNULL
    ) as running:
        os.close(writing)
        with os.fdopen(reading) as output:
            display = f":{output.readline().strip()}"
        try:
            yield display
        finally:
            running.terminate()


def take_screenshot(home: Path, imap: int, subject: str, path: Path, *, dark: bool) -> str:
    """Take a screenshot of the e-mail with that subject in Thunderbird; return the text that it shows."""
    profile = home / ("dark" if dark else "light")
    profile.mkdir()
    port = free_port()
    theme = {
        "extensions.activeThemeID": f"thunderbird-compact-{'dark' if dark else 'light'}@mozilla.org",
        "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
        "ui.systemUsesDarkTheme": int(dark),
        "mail.dark-reader.enabled": True,
        "mail.server.server1.port": imap,
        "marionette.port": port,
    }
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in (PREFERENCES | theme).items())
    (profile / "user.js").write_text("".join(lines))
    with virtual_display() as display:
        environment = {**os.environ, "DISPLAY": display, "HOME": str(home), "LANG": "C.UTF-8"}
        command = [
            "thunderbird",
            "--marionette",
            "--remote-allow-system-access",
            "--no-remote",
            "--profile",
            str(profile),
        ]
        with (
            (profile / "log").open("wb") as log,
            subprocess.Popen(command, env=environment, stdout=log, stderr=log) as running,
        ):
            try:
                listening(port, 120)
                remote = Marionette(port)
                width, height = map(int, SIZE.split("x"))
                remote.call("WebDriver:SetWindowRect", x=0, y=0, width=width, height=height)
                shown = str(remote.run_script(SHOW, subject, imap, PASSWORD))
                run("import", "-display", display, "-window", "root", str(path))
            finally:
                running.terminate()
    shutil.rmtree(profile)
    return shown
