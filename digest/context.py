"""Application context: settings, engine, token signer and mail identity, created once by each entry point."""

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

from digest.config import DEFAULT_KEY, NO_TEMPLATES, Settings, TemplateFolder, load_template_folder
from digest.database import connect, create_private_folder, ensure_schema
from digest.errors import NO_REASON, SettingError, StoreError
from digest.mail import RawMessage, RelayConfig, ReturnPath
from digest.tokens import TokenPurpose, TokenSigner

if TYPE_CHECKING:
    from digest.mail import dkim

TOKEN_PATHS = {purpose: f"/{purpose.value}/" for purpose in TokenPurpose} | {
    TokenPurpose.VIEW: "/emails/",
    TokenPurpose.FEED: "/mine/",
}
KEY_FILE_FAILED = "DIGEST_SECRET_KEY is empty and {path} cannot be created or read: {reason}"
KEY_FILE_INVALID = "DIGEST_SECRET_KEY is empty and {path} has no key; remove that file or set the key"
KEY_NOT_TEXT = "it is not text"
MIN_KEY_LENGTH = 16  # characters; a shorter key file was truncated


@dataclass(frozen=True, slots=True)
class AppContext:
    """Settings, engine and keys that an entry point hands down; nothing below reads the environment.

    `is_demo`: the store is that of the demonstration, and every page says so. `templates`: those of the operator, which
    go before ours.
    """

    settings: Settings
    engine: Engine
    token_signer: TokenSigner
    dkim_signer: "dkim.DkimSigner | None" = None
    is_demo: bool = False
    templates: TemplateFolder = NO_TEMPLATES

    @property
    def sender_address(self) -> str:
        """Address of the sender, without the name."""
        return _parse_sender(self.settings.mail_from)[1]

    @property
    def sender_domain(self) -> str:
        """Domain of the sender, in lower case."""
        return sender_domain(self.settings.mail_from)

    @property
    def product_name(self) -> str:
        """Name that subscribers know us by: DIGEST_SITE_NAME, else the name of the sender."""
        return self.settings.site_name or _parse_sender(self.settings.mail_from)[0] or "Paper Digest"

    @property
    def mailbox_directory(self) -> Path:
        """Directory of the local mailbox, which gets all e-mails while no relay is set."""
        return self.settings.data_directory / "inbox"

    @property
    def return_path(self) -> ReturnPath | None:
        """Builder of envelope senders that name the delivery; None without DIGEST_BOUNCE_ADDRESS."""
        address = self.settings.bounce_address
        return ReturnPath(address, self.token_signer.keys) if address else None

    @property
    def token_path(self) -> ReturnPath:
        """The same for tokens in the metadata of mail providers, which need no address for bounces."""
        return ReturnPath(self.settings.bounce_address or self.sender_address, self.token_signer.keys)

    def relay_config(self) -> RelayConfig:
        """Return the configuration of the relay."""
        return relay_config_from(self.settings)

    def sign(self, message: RawMessage) -> RawMessage:
        """Add a DKIM signature where signing is our task and not the relay's."""
        return self.dkim_signer.sign(message) if self.dkim_signer else message

    def signed_url(self, purpose: TokenPurpose, subject: str, issued: datetime) -> str:
        """Build the URL of a page with a signed token."""
        return self.signed_urls([purpose], subject, issued)[0]

    def signed_urls(self, purposes: Collection[TokenPurpose], subject: str, issued: datetime) -> list[str]:
        """Build the URLs of several pages for one subject."""
        base, tokens = self.settings.base_url, self.token_signer.sign_many(purposes, subject, issued)
        return [f"{base}{TOKEN_PATHS[purpose]}{token}" for purpose, token in zip(purposes, tokens, strict=True)]

    def absolute_url(self, path: str) -> str:
        """Build the URL of a page."""
        return self.settings.base_url + path


def create_context(settings: Settings) -> AppContext:
    """Open the database and upgrade its schema where that is safe. Raises SettingError or StoreError."""
    dkim_signer, templates = load_dkim_signer(settings), load_template_folder(settings.templates)
    engine = connect(settings.database_url)
    try:
        ensure_schema(engine)
    except StoreError:
        engine.dispose()
        raise
    token_signer = TokenSigner([load_secret_key(settings), *settings.old_secret_keys])
    return AppContext(settings, engine, token_signer, dkim_signer, templates=templates)


def load_dkim_signer(settings: Settings) -> "dkim.DkimSigner | None":
    """Load the signer of the settings; return None while no key is named. Raises SettingError."""
    if not settings.dkim_key:
        return None
    from digest.mail import dkim  # with libraries that no other sender needs

    return dkim.load_signer(settings.dkim_key, domain=settings.signing_domain, selector=settings.dkim_selector)


def relay_config_from(settings: Settings) -> RelayConfig:
    """Build the configuration of the relay from the settings."""
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


def sender_domain(mail_from: str) -> str:
    """Return the domain of `Name <address>` in lower case, for Message-ID, List-Id and EHLO."""
    return _parse_sender(mail_from)[1].rpartition("@")[2].lower()


@lru_cache(maxsize=16)
def _parse_sender(mail_from: str) -> tuple[str, str]:
    """Split `Name <address>`; cached, because each e-mail asks several times."""
    return parseaddr(mail_from)


def load_secret_key(settings: Settings) -> str:
    """Return the key that signs tokens; create one at the first start. Raises SettingError when it cannot be stored.

    A key is created only while no relay is set: `load_settings` refuses a relay without a key of its own, because a key
    in a file is easily left behind when a service moves, and with it every link in every e-mail.
    """
    key = settings.secret_key.get_secret_value()
    if key not in {"", DEFAULT_KEY}:
        return key
    path = settings.data_directory / "secret.key"
    try:
        if not path.exists():
            _create_key_file(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or NO_REASON) if isinstance(error, OSError) else KEY_NOT_TEXT
        raise SettingError(KEY_FILE_FAILED.format(path=path, reason=reason)) from error
    if len(key) < MIN_KEY_LENGTH:
        raise SettingError(KEY_FILE_INVALID.format(path=path))
    return key


def _create_key_file(path: Path) -> None:
    """Write a new key, unless another process was quicker. A reader sees no file or a complete one."""
    create_private_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(prefix=".secret-", dir=path.parent)  # of mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink()
