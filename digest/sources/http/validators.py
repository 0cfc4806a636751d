"""Validators of answers, by which a host tells that nothing has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpValidators:
    """Validators of one HTTP response (RFC 9110, 8.8), to be stored together with what it contained."""

    url: str
    etag: str | None = None
    last_modified: str | None = None


class CachedValidators(Protocol):
    """Validators of an earlier response, as the caller stored them."""

    @property
    def etag(self) -> str | None: ...

    @property
    def last_modified(self) -> str | None: ...


ValidatorsByKey = Mapping[str, CachedValidators]
