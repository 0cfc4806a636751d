"""Local mailbox: who may read what is kept in it."""

import asyncio
import os
import stat
from pathlib import Path

from digest.mail import LocalMailbox, OutgoingMessage, RawMessage, RelayConfig, SmtpConnection


def test_messages_and_their_folder_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"

    async def deliver() -> None:
        async with LocalMailbox(folder) as mailbox:
            relay = RelayConfig(host=mailbox.host, port=mailbox.port)
            async with SmtpConnection(relay) as connection:
                message = OutgoingMessage("a@example.org", "b@example.org", RawMessage(b"Subject: x\r\n\r\nHello\r\n"))
                await connection.send(message, lambda: asyncio.sleep(0, True))

    before = os.umask(0)
    try:
        asyncio.run(deliver())
    finally:
        os.umask(before)
    (path,) = folder.glob("*.eml")
    assert [stat.S_IMODE(entry.stat().st_mode) for entry in (path, folder)] == [0o600, 0o700]
