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

from digest.bounces.opened import MOST_BYTES
from digest.bounces.post import handle
from digest.bounces.record import Deed
from digest.errors import MailboxError, Unreadable
from digest.house import House
from digest.settings import Settings, Tls

log = structlog.get_logger()

SECONDS = 30.0  # of silence, then the server is given up
MOST_MESSAGES = 500  # in one round; the rest waits for the next
IMAP_FAULTS = (IMAP4.error, ImapToolsError, OSError)


class Place(StrEnum):
    """The folders beside the one that is read."""

    HANDLED = "handled"
    OTHERS = "others"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class Fetched:
    """What a round brought: messages by what came of them, and by the folder that they are in now."""

    deeds: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)

    def count(self, deed: str, place: Place) -> None:
        """Add one message."""
        self.deeds[deed] = self.deeds.get(deed, 0) + 1
        self.places[place] = self.places.get(place, 0) + 1


def fetch(house: House, now: datetime) -> Fetched:
    """Read what has come. Raises MailboxError, and StoreError when the store is out of reach."""
    fetched = Fetched()
    with _opened(house.settings) as box:
        folders = _Folders(box)
        for uid in _waiting(box)[:MOST_MESSAGES]:
            raw = _message(box, uid)
            if raw is not None:  # else somebody else has moved it meanwhile
                place, deed = _handle(house, raw, now)
                folders.move(uid, place)
                fetched.count(deed, place)
    return fetched


def look(settings: Settings) -> int:
    """Log in and look, change nothing: how many messages wait. Raises MailboxError."""
    with _opened(settings, readonly=True) as box:
        return len(_waiting(box))


def _handle(house: House, raw: bytes, now: datetime) -> tuple[Place, str]:
    try:
        handled = handle(house, raw, now)
    except Unreadable as error:
        log.warning("bounce.unreadable", reason=str(error))
        return Place.UNREADABLE, Place.UNREADABLE
    return (Place.OTHERS if handled.deed is Deed.NOTHING else Place.HANDLED), handled.deed


@contextmanager
def _opened(settings: Settings, *, readonly: bool = False) -> Iterator[BaseMailBox]:
    """The mailbox of the settings, logged in, with its folder chosen; certificates are verified."""
    where = f"{settings.imap_host}:{settings.imap_port}"
    with _told(where):
        box = _connected(settings)
    try:
        with _told(where, "check DIGEST_IMAP_USERNAME and DIGEST_IMAP_PASSWORD"):
            box.login(settings.imap_username, settings.imap_password.get_secret_value(), initial_folder=None)
        with _told(where, f"is there a folder DIGEST_IMAP_FOLDER={settings.imap_folder}?"):
            box.folder.set(settings.imap_folder, readonly=readonly)
        with _told(where):
            yield box
    finally:
        with suppress(*IMAP_FAULTS):  # it is over either way
            box.logout()


def _connected(settings: Settings) -> BaseMailBox:
    host, port = settings.imap_host, settings.imap_port
    if settings.imap_tls is Tls.TLS:
        return MailBox(host, port, timeout=SECONDS, ssl_context=ssl.create_default_context())
    box = MailBoxUnencrypted(host, port, timeout=SECONDS)
    if settings.imap_tls is Tls.STARTTLS:
        try:
            check_command_status(box.client.starttls(ssl.create_default_context()), ImapToolsError)
        except IMAP_FAULTS:
            with suppress(OSError):  # the failed handshake may have closed it already
                box.client.shutdown()
            raise
    return box


@contextmanager
def _told(where: str, hint: str = "check DIGEST_IMAP_HOST, DIGEST_IMAP_PORT and DIGEST_IMAP_TLS") -> Iterator[None]:
    try:
        yield
    except IMAP_FAULTS as error:
        raise MailboxError(f"the mailbox at {where} cannot be used: {_first_line(error)}; {hint}") from error


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200]


def _waiting(box: BaseMailBox) -> list[str]:
    return box.uids("UNDELETED", charset=None)


def _message(box: BaseMailBox, uid: str) -> bytes | None:
    """The beginning of a message, which is not marked as read; None when it is gone."""
    answer = box.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
    check_command_status(answer, ImapToolsError)
    return next((bytes(each[1]) for each in answer[1] if isinstance(each, tuple)), None)


class _Folders:
    """The folders that messages are moved to, each made when it is first needed."""

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box
        self._known: dict[Place, str] = {}
        # Asked again: before the login a server tells less of what it can.
        self._can = set(b" ".join(box.client.capability()[1]).upper().split())

    def move(self, uid: str, place: Place) -> None:
        """Move a message (RFC 6851); where the server cannot, it stays behind, marked as deleted, beside its copy."""
        folder = self._folder(place)
        if b"MOVE" in self._can:
            check_command_status(self._box.client.uid("MOVE", uid, f'"{folder}"'), ImapToolsError)
            return
        check_command_status(self._box.client.uid("COPY", uid, f'"{folder}"'), ImapToolsError)
        check_command_status(self._box.client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"), ImapToolsError)

    def _folder(self, place: Place) -> str:
        if place not in self._known:
            self._known[place] = self._made(place)
        return self._known[place]

    def _made(self, place: Place) -> str:
        """At the top, or below the inbox where a server puts all folders there (RFC 2342)."""
        (inbox,) = self._box.folder.list("", "INBOX")
        names = (place.value, f"INBOX{inbox.delim}{place}")
        for name in names:
            if self._box.folder.exists(name):
                return name
        try:
            self._box.folder.create(names[0])
        except MailboxFolderCreateError:
            self._box.folder.create(names[1])
            return names[1]
        return names[0]
