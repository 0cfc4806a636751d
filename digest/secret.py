"""The key that signs links: the setting's, or one made on the first start and kept beside the store."""

import os
import secrets
import tempfile
from pathlib import Path

from digest.errors import SettingError
from digest.settings import DEFAULT_KEY, Settings

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
