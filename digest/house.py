"""Everything that is wired once at the start: settings, the store, the keys, the way to the relay."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from digest import db
from digest.errors import StoreError
from digest.mail.message import RawMessage
from digest.mail.smtp import RelayConfig
from digest.mail.verp import ReturnPath
from digest.secret import load_secret_key
from digest.settings import Settings
from digest.subscribers import TokenPurpose, TokenSigner

if TYPE_CHECKING:
    from digest.mail.dkim import DkimSigner

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
        from digest.mail.dkim import load_signer  # with libraries that no other sender needs

        dkim_signer = load_signer(settings)
    engine = db.connect(settings.database_url)
    try:
        db.ensure_schema(engine)
    except StoreError:
        engine.dispose()
        raise
    return AppContext(
        settings, engine, TokenSigner([load_secret_key(settings), *settings.old_secret_keys]), dkim_signer
    )
