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
from digest.mail.message import Wired
from digest.mail.smtp import Relay
from digest.mail.verp import ReturnAddress
from digest.secret import secret_key
from digest.settings import Settings
from digest.subscribers import Links, Purpose

if TYPE_CHECKING:
    from digest.mail.dkim import Signer

PAGES = {each: f"/{each.value}/" for each in Purpose} | {Purpose.VIEW: "/letters/", Purpose.FEED: "/mine/"}


@dataclass(frozen=True, slots=True)
class House:
    """One of these is made by each entry point and handed down; nothing below reads the environment."""

    settings: Settings
    engine: Engine
    links: Links
    signer: "Signer | None" = None

    @property
    def sender(self) -> str:
        """The bare address that letters come from."""
        return _named(self.settings.mail_from)[1]

    @property
    def domain(self) -> str:
        return sender_domain(self.settings.mail_from)

    @property
    def product(self) -> str:
        """The name that readers know us by."""
        return _named(self.settings.mail_from)[0] or "Paper Digest"

    @property
    def inbox(self) -> Path:
        """Where letters are kept while no relay is set."""
        return self.settings.home / "inbox"

    @property
    def returns(self) -> ReturnAddress | None:
        """Where letters come back to by name; None while no address is set for it."""
        address = self.settings.bounce_address
        return ReturnAddress(address, self.links.keys) if address else None

    def relay(self) -> Relay:
        """The relay of the settings."""
        return relay_of(self.settings)

    def signed(self, raw: Wired) -> Wired:
        """A letter in wire form, signed where signing is ours and not the relay's."""
        return self.signer.sign(raw) if self.signer else raw

    def link(self, purpose: Purpose, subject: str, issued: datetime) -> str:
        """A signed address of one of our pages."""
        return self.links_to([purpose], subject, issued)[0]

    def links_to(self, purposes: Collection[Purpose], subject: str, issued: datetime) -> list[str]:
        """The same for several pages of one subject."""
        base, tokens = self.settings.base_url, self.links.tokens(purposes, subject, issued)
        return [f"{base}{PAGES[each]}{token}" for each, token in zip(purposes, tokens, strict=True)]

    def page(self, path: str) -> str:
        """An address of one of our pages."""
        return self.settings.base_url + path


@lru_cache(maxsize=16)
def _named(mail_from: str) -> tuple[str, str]:
    """Name and address: asked for several times for each letter."""
    return parseaddr(mail_from)


def sender_domain(mail_from: str) -> str:
    """The domain of "Name <address>" in lower case, for Message-ID, List-Id and our name at the relay."""
    return _named(mail_from)[1].rpartition("@")[2].lower()


def relay_of(settings: Settings) -> Relay:
    """The relay that the settings name."""
    return Relay(
        host=settings.smtp_host,
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        local_hostname=sender_domain(settings.mail_from),
        reuse=settings.smtp_reuse,
        timeout=settings.smtp_timeout,
    )


def build(settings: Settings) -> House:
    """Open the store and bring it up to date where that is safe. Raises SettingError or StoreError."""
    signs = None
    if settings.dkim_key:
        from digest.mail.dkim import signer  # with libraries that no other sender needs

        signs = signer(settings)
    engine = db.connect(settings.database_url)
    try:
        db.ready(engine)
    except StoreError:
        engine.dispose()
        raise
    return House(settings, engine, Links([secret_key(settings), *settings.old_keys]), signs)
