"""IMAP mailbox that bounces come to: each message is handled in its own transaction, then moved. Nothing is deleted.

    folder ─┬─> handled      it said something about one of our e-mails
            ├─> others       it did not, or carries no valid token: for a person to read
            └─> unreadable   it cannot be parsed

A message stays where it is while the store does not answer. One that was handled and could not be moved is handled
again next time, and counted once.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from imaplib import IMAP4

import structlog
from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderCreateError
from imap_tools.utils import check_command_status

from digest.bounces import messages
from digest.bounces.apply import BounceAction
from digest.bounces.handler import handle_message
from digest.bounces.mime import MAX_MESSAGE_BYTES
from digest.config import Settings, TlsMode
from digest.context import AppContext
from digest.errors import MailboxError, UnparsableMessageError

log = structlog.get_logger()

TIMEOUT_SECONDS = 30.0  # without an answer
MAX_MESSAGES = 500  # in one run; the rest waits for the next
IMAP_ERRORS = (IMAP4.error, ImapToolsError, OSError)


class ResultFolder(StrEnum):
    """Folders beside the one that is read."""

    HANDLED = "handled"
    OTHERS = "others"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class PollReport:
    """Messages of one run, counted by action and by the folder that they are in now."""

    actions: dict[str, int] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)

    def add(self, action: str, folder: ResultFolder) -> None:
        """Count one message."""
        self.actions[action] = self.actions.get(action, 0) + 1
        self.folders[folder] = self.folders.get(folder, 0) + 1


def poll_mailbox(ctx: AppContext, now: datetime) -> PollReport:
    """Handle the messages that wait. Raises MailboxError, and StoreError when the store is out of reach."""
    report = PollReport()
    with open_mailbox(ctx.settings) as mailbox:
        folders = ResultFolders(mailbox)
        for uid in waiting_uids(mailbox)[:MAX_MESSAGES]:
            raw = fetch_message(mailbox, uid)
            if raw is None:  # another client has moved it meanwhile
                continue
            try:
                action: str = handle_message(ctx, raw, now).action
            except UnparsableMessageError as error:
                log.warning("bounce.unparsable", reason=str(error))
                action = folder = ResultFolder.UNREADABLE
            else:
                folder = ResultFolder.OTHERS if action == BounceAction.IGNORED else ResultFolder.HANDLED
            folders.move(uid, folder)
            report.add(action, folder)
    return report


def count_waiting(settings: Settings) -> int:
    """Return how many messages wait, and change nothing. Raises MailboxError."""
    with open_mailbox(settings, readonly=True) as mailbox:
        return len(waiting_uids(mailbox))


@contextmanager
def open_mailbox(settings: Settings, *, readonly: bool = False) -> Iterator[BaseMailBox]:
    """Log in to the mailbox of the settings and select its folder; certificates are verified."""
    server = f"{settings.imap_host}:{settings.imap_port}"
    with wrap_imap_errors(partial(messages.mailbox_failed, server)):
        mailbox = _connect(settings)
    try:
        with wrap_imap_errors(partial(messages.mailbox_login_failed, server)):
            mailbox.login(settings.imap_username, settings.imap_password.get_secret_value(), initial_folder=None)
        with wrap_imap_errors(partial(messages.mailbox_folder_failed, server, folder=settings.imap_folder)):
            mailbox.folder.set(settings.imap_folder, readonly=readonly)
        with wrap_imap_errors(partial(messages.mailbox_failed, server)):
            yield mailbox
    finally:
        with suppress(*IMAP_ERRORS):
            mailbox.logout()


def _connect(settings: Settings) -> BaseMailBox:
    host, port = settings.imap_host, settings.imap_port
    if settings.imap_tls is TlsMode.TLS:
        return MailBox(host, port, timeout=TIMEOUT_SECONDS, ssl_context=ssl.create_default_context())
    mailbox = MailBoxUnencrypted(host, port, timeout=TIMEOUT_SECONDS)
    if settings.imap_tls is TlsMode.STARTTLS:
        try:
            check_command_status(mailbox.client.starttls(ssl.create_default_context()), ImapToolsError)
        except IMAP_ERRORS:
            with suppress(OSError):  # the failed handshake may have closed it already
                mailbox.client.shutdown()
            raise
    return mailbox


@contextmanager
def wrap_imap_errors(describe: Callable[[str], str]) -> Iterator[None]:
    """Raise MailboxError for what goes wrong within the block; `describe` makes a sentence of the reason."""
    try:
        yield
    except IMAP_ERRORS as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise MailboxError(describe(reason)) from error


def waiting_uids(mailbox: BaseMailBox) -> list[str]:
    """Return the UIDs of the messages in the folder that are not marked as deleted."""
    return mailbox.uids("UNDELETED", charset=None)


def fetch_message(mailbox: BaseMailBox, uid: str) -> bytes | None:
    """Return the beginning of a message without marking it as read, None when it is gone."""
    result = mailbox.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_MESSAGE_BYTES}>)")
    check_command_status(result, ImapToolsError)
    return next((bytes(item[1]) for item in result[1] if isinstance(item, tuple)), None)


class ResultFolders:
    """Folders that messages are moved to, each created when first needed."""

    def __init__(self, mailbox: BaseMailBox) -> None:
        self._mailbox = mailbox
        self._names: dict[ResultFolder, str] = {}
        # Asked after the login: before it servers tell fewer capabilities.
        self._capabilities = set(b" ".join(mailbox.client.capability()[1]).upper().split())

    def move(self, uid: str, folder: ResultFolder) -> None:
        """Move a message (RFC 6851), or copy it and mark it as deleted where the server cannot move."""
        if folder not in self._names:
            self._names[folder] = self._find_or_create(folder)
        name = self._names[folder]
        if b"MOVE" in self._capabilities:
            check_command_status(self._mailbox.client.uid("MOVE", uid, f'"{name}"'), ImapToolsError)
            return
        check_command_status(self._mailbox.client.uid("COPY", uid, f'"{name}"'), ImapToolsError)
        check_command_status(self._mailbox.client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"), ImapToolsError)

    def _find_or_create(self, folder: ResultFolder) -> str:
        """Return the folder's name: at the top, or below the inbox where a server has all folders there (RFC 2342)."""
        (inbox,) = self._mailbox.folder.list("", "INBOX")
        top_name, inbox_name = folder.value, f"INBOX{inbox.delim}{folder}"
        for name in (top_name, inbox_name):
            if self._mailbox.folder.exists(name):
                return name
        try:
            self._mailbox.folder.create(top_name)
        except MailboxFolderCreateError:
            self._mailbox.folder.create(inbox_name)
            return inbox_name
        return top_name
