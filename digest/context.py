"""Everything that is wired once at the start: settings, the store, the keys, the way to the relay.

The key that signs links: the setting's, or one made on the first start and kept beside the store.
"""

import os
import secrets
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from digest.config import DEFAULT_KEY, Settings
from digest.database import connect, ensure_schema
from digest.errors import SettingError, StoreError
from digest.mail import RawMessage, RelayConfig, ReturnPath
from digest.tokens import TokenPurpose, TokenSigner

if TYPE_CHECKING:
    from digest.mail import DkimSigner


TOKEN_PATHS = {each: f"/{each.value}/" for each in TokenPurpose} | {
    TokenPurpose.VIEW: "/letters/",
    TokenPurpose.FEED: "/mine/",
}


@dataclass(frozen=True, slots=True)
class AppContext:
    """One of these is made by each entry point and handed down; nothing below reads the environment."""

    settings: Settings
    engine: Engine
    token_signer: TokenSigner
    dkim_signer: "DkimSigner | None" = None

    @property
    def sender_address(self) -> str:
        """The bare address that letters come from."""
        return _parse_sender(self.settings.mail_from)[1]

    @property
    def sender_domain(self) -> str:
        return sender_domain(self.settings.mail_from)

    @property
    def product_name(self) -> str:
        """The name that readers know us by."""
        return _parse_sender(self.settings.mail_from)[0] or "Paper Digest"

    @property
    def mailbox_directory(self) -> Path:
        """Where letters are kept while no relay is set."""
        return self.settings.data_directory / "inbox"

    @property
    def return_path(self) -> ReturnPath | None:
        """Where letters come back to by name; None while no address is set for it."""
        address = self.settings.bounce_address
        return ReturnPath(address, self.token_signer.keys) if address else None

    def relay_config(self) -> RelayConfig:
        """The relay of the settings."""
        return relay_config_from(self.settings)

    def sign(self, message: RawMessage) -> RawMessage:
        """A letter in wire form, signed where signing is ours and not the relay's."""
        return self.dkim_signer.sign(message) if self.dkim_signer else message

    def signed_url(self, purpose: TokenPurpose, subject: str, issued: datetime) -> str:
        """A signed address of one of our pages."""
        return self.signed_urls([purpose], subject, issued)[0]

    def signed_urls(self, purposes: Collection[TokenPurpose], subject: str, issued: datetime) -> list[str]:
        """The same for several pages of one subject."""
        base, tokens = self.settings.base_url, self.token_signer.sign_many(purposes, subject, issued)
        return [f"{base}{TOKEN_PATHS[each]}{token}" for each, token in zip(purposes, tokens, strict=True)]

    def absolute_url(self, path: str) -> str:
        """An address of one of our pages."""
        return self.settings.base_url + path


@lru_cache(maxsize=16)
def _parse_sender(mail_from: str) -> tuple[str, str]:
    """Name and address: asked for several times for each letter."""
    return parseaddr(mail_from)


def sender_domain(mail_from: str) -> str:
    """The domain of "Name <address>" in lower case, for Message-ID, List-Id and our name at the relay."""
    return _parse_sender(mail_from)[1].rpartition("@")[2].lower()


def relay_config_from(settings: Settings) -> RelayConfig:
    """The relay that the settings name."""
    return RelayConfig(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        local_hostname=sender_domain(settings.mail_from),
        max_messages=settings.smtp_reuse,
        timeout=settings.smtp_timeout,
    )


def create_context(settings: Settings) -> AppContext:
    """Open the store and bring it up to date where that is safe. Raises SettingError or StoreError."""
    dkim_signer = None
    if settings.dkim_key:
        from digest.mail import load_signer  # with libraries that no other sender needs

        dkim_signer = load_signer(settings)
    engine = connect(settings.database_url)
    try:
        ensure_schema(engine)
    except StoreError:
        engine.dispose()
        raise
    return AppContext(
        settings, engine, TokenSigner([load_secret_key(settings), *settings.old_secret_keys]), dkim_signer
    )


MIN_KEY_LENGTH = 16  # characters; a shorter file was cut off by something


def load_secret_key(settings: Settings) -> str:
    """The key that signs links. Raises SettingError when one must be made and cannot be kept.

    A key is made only while no relay is set: `load()` refuses a relay without a key of its own, because a key in a
    file is easily left behind when a service moves, and with it every link in every letter.
    """
    given = settings.secret_key.get_secret_value()
    if given not in {"", DEFAULT_KEY}:
        return given
    path = settings.data_directory / "secret.key"
    try:
        if not path.exists():
            _write_key(path, secrets.token_urlsafe(32))
        kept = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"DIGEST_SECRET_KEY is empty and {path} cannot be made or read: {_describe_os_error(error)}"
        ) from error
    if len(kept) < MIN_KEY_LENGTH:
        raise SettingError(f"DIGEST_SECRET_KEY is empty and {path} holds no key; remove that file, or set the key")
    return kept


def _write_key(path: Path, key: str) -> None:
    """Put `key` at `path` unless another starter was quicker. Whoever looks sees no file or a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, written = tempfile.mkstemp(prefix=".secret-", dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(number)
        os.link(written, path)
    except FileExistsError:
        return
    finally:
        Path(written).unlink()


def _describe_os_error(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "no reason given" if isinstance(error, OSError) else "it is not text"
