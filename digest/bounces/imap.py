"""An IMAP mailbox that bounces come to: each message in a transaction of its own, then set aside. Nothing is deleted.

    folder ─┬─> handled      it said something about a letter of ours
            ├─> others       it did not, or nobody proves that it is about a letter of ours: for a person to read
            └─> unreadable   it cannot be taken apart

A message stays where it is while the store does not answer. One that was read and could not be moved is read again
next time, and counted once.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from imaplib import IMAP4

import structlog
from imap_tools import BaseMailBox, MailBox, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxFolderCreateError
from imap_tools.utils import check_command_status

from digest.bounces.apply import BounceAction
from digest.bounces.handler import handle_message
from digest.bounces.mime import MAX_MESSAGE_BYTES
from digest.config import Settings, TlsMode
from digest.context import AppContext
from digest.errors import MailboxError, UnparsableMessageError

log = structlog.get_logger()


TIMEOUT_SECONDS = 30.0  # of silence, then the server is given up


MAX_MESSAGES = 500  # in one round; the rest waits for the next


IMAP_ERRORS = (IMAP4.error, ImapToolsError, OSError)


class ResultFolder(StrEnum):
    """The folders beside the one that is read."""

    HANDLED = "handled"
    OTHERS = "others"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class PollReport:
    """What a round brought: messages by what came of them, and by the folder that they are in now."""

    actions: dict[str, int] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)

    def add(self, action: str, folder: ResultFolder) -> None:
        """Add one message."""
        self.actions[action] = self.actions.get(action, 0) + 1
        self.folders[folder] = self.folders.get(folder, 0) + 1


def poll_mailbox(ctx: AppContext, now: datetime) -> PollReport:
    """Read what has come. Raises MailboxError, and StoreError when the store is out of reach."""
    fetched = PollReport()
    with _open_mailbox(ctx.settings) as box:
        folders = _ResultFolders(box)
        for uid in _waiting_uids(box)[:MAX_MESSAGES]:
            raw = _fetch_message(box, uid)
            if raw is not None:  # else somebody else has moved it meanwhile
                place, deed = _handle_message(ctx, raw, now)
                folders.move(uid, place)
                fetched.add(deed, place)
    return fetched


def count_waiting(settings: Settings) -> int:
    """Log in and look, change nothing: how many messages wait. Raises MailboxError."""
    with _open_mailbox(settings, readonly=True) as box:
        return len(_waiting_uids(box))


def _handle_message(ctx: AppContext, raw: bytes, now: datetime) -> tuple[ResultFolder, str]:
    try:
        handled = handle_message(ctx, raw, now)
    except UnparsableMessageError as error:
        log.warning("bounce.unreadable", reason=str(error))
        return ResultFolder.UNREADABLE, ResultFolder.UNREADABLE
    return (ResultFolder.OTHERS if handled.action is BounceAction.IGNORED else ResultFolder.HANDLED), handled.action


@contextmanager
def _open_mailbox(settings: Settings, *, readonly: bool = False) -> Iterator[BaseMailBox]:
    """The mailbox of the settings, logged in, with its folder chosen; certificates are verified."""
    where = f"{settings.imap_host}:{settings.imap_port}"
    with _wrap_imap_errors(where):
        mailbox = _connect(settings)
    try:
        with _wrap_imap_errors(where, "check DIGEST_IMAP_USERNAME and DIGEST_IMAP_PASSWORD"):
            mailbox.login(settings.imap_username, settings.imap_password.get_secret_value(), initial_folder=None)
        with _wrap_imap_errors(where, f"is there a folder DIGEST_IMAP_FOLDER={settings.imap_folder}?"):
            mailbox.folder.set(settings.imap_folder, readonly=readonly)
        with _wrap_imap_errors(where):
            yield mailbox
    finally:
        with suppress(*IMAP_ERRORS):  # it is over either way
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
def _wrap_imap_errors(
    server: str, hint: str = "check DIGEST_IMAP_HOST, DIGEST_IMAP_PORT and DIGEST_IMAP_TLS"
) -> Iterator[None]:
    try:
        yield
    except IMAP_ERRORS as error:
        raise MailboxError(f"the mailbox at {server} cannot be used: {_error_text(error)}; {hint}") from error


def _error_text(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200]


def _waiting_uids(mailbox: BaseMailBox) -> list[str]:
    return mailbox.uids("UNDELETED", charset=None)


def _fetch_message(mailbox: BaseMailBox, uid: str) -> bytes | None:
    """The beginning of a message, which is not marked as read; None when it is gone."""
    answer = mailbox.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MAX_MESSAGE_BYTES}>)")
    check_command_status(answer, ImapToolsError)
    return next((bytes(each[1]) for each in answer[1] if isinstance(each, tuple)), None)


class _ResultFolders:
    """The folders that messages are moved to, each made when it is first needed."""

    def __init__(self, mailbox: BaseMailBox) -> None:
        self._mailbox = mailbox
        self._names: dict[ResultFolder, str] = {}
        # Asked again: before the login a server tells less of what it can.
        self._capabilities = set(b" ".join(mailbox.client.capability()[1]).upper().split())

    def move(self, uid: str, target_folder: ResultFolder) -> None:
        """Move a message (RFC 6851); where the server cannot, it stays behind, marked as deleted, beside its copy."""
        name = self._name_of(target_folder)
        if b"MOVE" in self._capabilities:
            check_command_status(self._mailbox.client.uid("MOVE", uid, f'"{name}"'), ImapToolsError)
            return
        check_command_status(self._mailbox.client.uid("COPY", uid, f'"{name}"'), ImapToolsError)
        check_command_status(self._mailbox.client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"), ImapToolsError)

    def _name_of(self, folder: ResultFolder) -> str:
        if folder not in self._names:
            self._names[folder] = self._find_or_create(folder)
        return self._names[folder]

    def _find_or_create(self, folder: ResultFolder) -> str:
        """At the top, or below the inbox where a server puts all folders there (RFC 2342)."""
        (inbox,) = self._mailbox.folder.list("", "INBOX")
        names = (folder.value, f"INBOX{inbox.delim}{folder}")
        for name in names:
            if self._mailbox.folder.exists(name):
                return name
        try:
            self._mailbox.folder.create(names[0])
        except MailboxFolderCreateError:
            self._mailbox.folder.create(names[1])
            return names[1]
        return names[0]
